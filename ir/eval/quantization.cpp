#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kQuantizationKernels{};

}  // namespace octet::ir::eval
