#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kControlKernels{};

}  // namespace octet::ir::eval
