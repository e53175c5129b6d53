#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

const std::span<const Kernel> kConvolutionKernels{};

}  // namespace octet::ir::eval
