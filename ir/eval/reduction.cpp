#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kReductionKernels{};

}  // namespace octet::ir::eval
