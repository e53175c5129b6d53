#pragma once
// Plain reference kernels: what every op means. REFERENCE runs on them, constant folding uses them, every other kernel is tested
// against them.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.hpp"
#include "ir/tensor.hpp"

namespace octet::ir::eval {

// Contents of the variables of ReadValue and Assign, by name.
using State = std::map<std::string, Tensor>;

// The outputs of an op. Inputs need not be aligned. Throws Unsupported when there is no kernel for it, Error when the inputs are not right.
Tensors evaluate(const Op& op, std::span<const Tensor> inputs, State* state = nullptr);
bool has_kernel(const Op& op);

// The results of a graph, in order, from its parameters, in order.
Tensors evaluate(const Graph& graph, std::span<const Tensor> parameters, State* state = nullptr);

// One row of a family's table: kernels of a family stand in a file of its name.
struct Kernel {
    std::uint64_t op;
    Tensors (*run)(const void* op, std::span<const Tensor> inputs, State* state);
};

// Wraps `Tensors f(const T& op, std::span<const Tensor> inputs)` (or with a State*) into a row.
template <class T, auto F>
constexpr Kernel kernel() {
    return {kOp<T>.id, [](const void* op, std::span<const Tensor> inputs, [[maybe_unused]] State* state) -> Tensors {
                if constexpr (requires { F(*static_cast<const T*>(op), inputs, state); })
                    return F(*static_cast<const T*>(op), inputs, state);
                else return F(*static_cast<const T*>(op), inputs);
            }};
}

// The tables, one a family.
extern const std::span<const Kernel> kActivationKernels, kAttentionKernels, kBinaryKernels, kControlKernels,
    kConvolutionKernels, kDetectionKernels, kMovementKernels, kNormalizationKernels, kQuantizationKernels,
    kRecurrentKernels, kReductionKernels;

}  // namespace octet::ir::eval
