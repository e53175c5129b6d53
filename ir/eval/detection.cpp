#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kDetectionKernels{};

}  // namespace octet::ir::eval
