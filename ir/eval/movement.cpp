#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kMovementKernels{};

}  // namespace octet::ir::eval
