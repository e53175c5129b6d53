#include <algorithm>
#include <array>

#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "transformations/low_precision/below.hpp"

namespace octet::low_precision {

using ir::Dims;
using ir::Graph;
using ir::Node;
using ir::Tensor;
using rewrite::Code;

namespace {

// A parameter has at most so many numbers while it is carried along.
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 22;

bool same_along(std::span<const float> values, std::int64_t outer, std::int64_t extent, std::int64_t inner) {
    for (std::int64_t o = 0; o < outer; ++o)
        for (std::int64_t i = 0; i < (extent - 1) * inner; ++i) {
            const auto at = static_cast<std::size_t>(o * extent * inner + i);
            if (values[at] != values[at + static_cast<std::size_t>(inner)]) return false;
        }
    return true;
}

// Without the axes along which nothing varies.
Tensor narrowed(Tensor parameter) {
    for (std::size_t axis = 0; axis < parameter.dims().size(); ++axis) {
        Dims dims = parameter.dims();
        const auto at = dims.begin() + static_cast<std::ptrdiff_t>(axis);
        const std::int64_t outer = ir::product({dims.begin(), at}), inner = ir::product({at + 1, dims.end()});
        const std::int64_t extent = *at;
        if (extent < 2 || !same_along(parameter.as<float>(), outer, extent, inner)) continue;
        std::vector<float> values;
        for (std::int64_t o = 0; o < outer; ++o) {
            const auto part = parameter.as<float>().subspan(static_cast<std::size_t>(o * extent * inner),
                                                            static_cast<std::size_t>(inner));
            values.insert(values.end(), part.begin(), part.end());
        }
        dims[axis] = 1;
        parameter = Tensor::of<float>(std::move(dims), std::span<const float>(values));
    }
    return parameter;
}

// The other operands, where all are constant.
std::optional<ir::Tensors> constants_of(const Graph& graph, const Node& node) {
    ir::Tensors constants;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
        const Tensor* tensor = graph.constant(node.inputs[i]);
        if (!tensor) return std::nullopt;
        constants.push_back(*tensor);
    }
    return constants;
}

// The parameter where the op brings it; nothing where it then varies along several axes.
std::optional<Tensor> carried(const Node& node, const Tensor& parameter, const ir::Shape& data,
                              std::span<const std::int64_t> touched, const ir::Tensors& constants) {
    if (per_tensor(parameter)) return with_ones(parameter, node.outputs[0].type.shape.rank());
    Dims dims = parameter.dims();
    for (const std::int64_t a : touched) {
        const std::size_t axis = ir::normalise_axis(a, dims.size());
        if (!data[axis].is_static()) return std::nullopt;
        dims[axis] = data[axis].low;
    }
    const std::int64_t numbers = ir::product(dims);
    if (numbers == 0 || numbers > kMostNumbers) return std::nullopt;
    ir::Tensors operands{ir::eval::evaluate(ir::Broadcast{}, std::array{parameter, Tensor::vector(dims)})[0]};
    operands.insert(operands.end(), constants.begin(), constants.end());
    Tensor result = ir::eval::evaluate(node.op, operands)[0];
    if (result.size() == 0 || static_cast<std::int64_t>(result.size()) > kMostNumbers) return std::nullopt;
    result = narrowed(std::move(result));
    if (!per_tensor(result) && !axis_of(result)) return std::nullopt;
    return result;
}

}  // namespace

Moved below_carried(const Graph& graph, const Node& node, const Dequantization& d,
                    std::span<const std::int64_t> touched) {
    Moved answer = below_untouched(node, d, touched);
    if (answer.decision) return answer;
    const auto constants = constants_of(graph, node);
    if (!constants) return answer;
    const ir::Shape& data = graph.shape(node.inputs[0]);
    auto scale = carried(node, d.scale, data, touched, *constants);
    auto zero_point = carried(node, d.zero_point, data, touched, *constants);
    if (!scale || !zero_point) return answer;
    return moved({{std::move(*scale), std::move(*zero_point)}});
}

}  // namespace octet::low_precision
