#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kActivationKernels{};

}  // namespace octet::ir::eval
