#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kNormalizationKernels{};

}  // namespace octet::ir::eval
