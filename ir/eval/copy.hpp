#pragma once
// Copying of elements without knowing what they are, and shapes of results of tensors that exist.
#include <vector>

#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

// The result types of an op for these very tensors: always static, unless the op's result depends on more than lists and axes.
template <class T>
Types result_types(const T& op, std::span<const Tensor> inputs) {
    static const Partial nothing;
    std::vector<Type> types;
    types.reserve(inputs.size());
    std::vector<Input> operands;
    for (const Tensor& t : inputs) {
        types.push_back(t.type());
        operands.push_back({&types.back(), &nothing, &t});
    }
    return infer(op, operands);
}
template <class T>
Dims result_dims(const T& op, std::span<const Tensor> inputs) {
    return result_types(op, inputs)[0].shape.sizes();
}

// Size of an element; throws Unsupported for elements below a byte.
std::size_t element_bytes(Element element);

// One loop of a copy: `count` elements, `from` and `to` elements apart in source and destination. A step of 0 repeats, a negative one
// runs backwards.
struct CopyAxis {
    std::int64_t count = 1;
    std::int64_t from = 0;
    std::int64_t to = 0;
};
// All elements of a box, in any order. The pointers are those of its first element.
void copy_elements(std::size_t size, const std::byte* from, std::byte* to, std::vector<CopyAxis> axes);

// The elements of `data`, seen as of shape `view`, with axes in the given order; the result has shape `dims`.
Tensor permuted(const Tensor& data, const Dims& view, std::span<const std::size_t> order, Dims dims);

// Element [i, j, ...] is element [indices[0][i], indices[1][j], ...] of the data.
Tensor taken(const Tensor& data, const std::vector<std::vector<std::int64_t>>& indices);

// The box of extents `dims` at `first`, with a step (of either sign) per axis; without steps every element of the box.
Tensor boxed(const Tensor& data, const Dims& first, Dims dims, const Dims& step = {});

// Parts of these lengths along an axis.
Tensors split(const Tensor& data, std::size_t axis, const Dims& lengths);
Tensor concat(std::span<const Tensor> parts, std::size_t axis);

}  // namespace octet::ir::eval
