#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kBinaryKernels{};

}  // namespace octet::ir::eval
