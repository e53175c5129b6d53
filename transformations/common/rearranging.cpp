#include <algorithm>

#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

// How many times larger the space of `outer` is than that of x [N, C, space...], in each direction the same, at the cost of channels; 0
// when the shapes are no such pair.
std::int64_t block_of(const Dims& x, const Dims& outer) {
    if (x.size() < 3 || outer.size() != x.size() || outer[0] != x[0] || x[2] <= 0 || outer[2] % x[2] != 0) return 0;
    const std::int64_t block = outer[2] / x[2];
    std::int64_t channels = outer[1];
    for (std::size_t i = 2; i < x.size(); ++i) {
        if (outer[i] != x[i] * block) return 0;
        channels *= block;
    }
    return block > 1 && channels == x[1] ? block : 0;
}

// Channels split into what stays and a block for each direction, and the order that puts each block behind its direction.
struct Split {
    DepthMode mode;
    Dims dims;
    std::vector<std::int64_t> order;
};

Split split_of(const Dims& x, std::int64_t block, DepthMode mode) {
    const std::size_t space = x.size() - 2;
    const bool blocks_first = mode == DepthMode::blocks_first;
    Dims dims(space, block);
    std::int64_t channels = x[1];
    for (std::size_t i = 0; i < space; ++i) channels /= block;
    dims.insert(blocks_first ? dims.end() : dims.begin(), channels);
    dims.insert(dims.begin(), x[0]);
    dims.insert(dims.end(), x.begin() + 2, x.end());
    const auto first_block = blocks_first ? 1 : 2;
    const auto first_direction = static_cast<std::int64_t>(space) + 2;
    std::vector<std::int64_t> order{0, blocks_first ? first_direction - 1 : 1};
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(space); ++i) {
        order.push_back(first_direction + i);
        order.push_back(first_block + i);
    }
    return {mode, std::move(dims), std::move(order)};
}

bool is_static(const Match& m) {
    return std::ranges::all_of(std::array{m.shape("x"), m.shape("split"), m.graph().shape({m.root(), 0})},
                               [](const Shape& shape) { return shape.is_static(); });
}

std::vector<Split> splits(const Match& m) {
    const Dims x = m.shape("x").sizes();
    const std::int64_t block = block_of(x, m.graph().shape({m.root(), 0}).sizes());
    if (block == 0) return {};
    std::vector<Split> found;
    for (const DepthMode mode : {DepthMode::blocks_first, DepthMode::depth_first})
        if (Split split = split_of(x, block, mode); split.dims == m.shape("split").sizes())
            found.push_back(std::move(split));
    return found;
}

std::optional<DepthMode> mode_of(const Match& m) {
    for (const Split& split : splits(m))
        if (split.order == m.constant("order").integers()) return split.mode;
    return std::nullopt;
}

// reshape(transpose(reshape(x))) -> depth_to_space(x)
Rule depth_to_space() {
    return Rule("recognise-depth-to-space")
        .match(op<Reshape>("merge",
                           op<Transpose>("transpose", op<Reshape>("split", any("x"), any("split shape")),
                                         constant("order")),
                           any("merged shape")))
        .decline(Code::shape_unsupported, "the shapes around '{transpose}' are not known",
                 [](const Match& m) { return !is_static(m); })
        .decline(Code::shape_unsupported, "'{split}' and '{merge}' make no space of blocks of channels",
                 [](const Match& m) { return splits(m).empty(); })
        .decline(Code::value_unsupported, "'{transpose}' does not put each block behind its direction",
                 [](const Match& m) { return !mode_of(m); })
        .rewrite([](Edit& e, const Match& m) {
            const std::int64_t block = block_of(m.shape("x").sizes(), m.graph().shape({m.root(), 0}).sizes());
            return e.add(DepthToSpace{.block_size = block, .mode = *mode_of(m)}, {m.value("x")});
        });
}

// Whether a kernel that computes `v` also computes a function of its values.
bool is_computed(const Graph& graph, Value v) {
    const Op& op = graph.node(v).op;
    if (op.is<Convolution>() || op.is<GroupConvolution>() || op.is<ConvolutionBackpropData>() || op.is<MatMul>())
        return true;
    const bool linear = op.is<Add>() || op.is<Multiply>() || op.is<Dequantize>();
    const bool moves = op.is<Reshape>() || op.is<Transpose>() || op.is<Squeeze>() || op.is<Unsqueeze>() ||
                       op.is<DepthToSpace>();
    return (linear || moves) && graph.uses(v).size() == 1 && is_computed(graph, graph.node(v).inputs[0]);
}

// act(move(x)) -> move(act(x)): the kernel that computes x applies it before it stores.
Rule activation_above() {
    return Rule("move-activation-above-movement")
        .match(one_of<Sigmoid, Relu, Tanh, HSwish, HSigmoid, Clamp, Gelu, Elu>(
            "act",
            one_use(one_of<Reshape, Transpose, Squeeze, Unsqueeze, DepthToSpace>("move", any("x"), each(any())))))
        .decline(Code::used_elsewhere, "other layers read the data of '{move}'",
                 [](const Match& m) { return m.graph().uses(m.value("x")).size() > 1; })
        .decline(Code::not_profitable, "no convolution or product computes the data of '{move}'",
                 [](const Match& m) { return !is_computed(m.graph(), m.value("x")); })
        .rewrite([](Edit& e, const Match& m) {
            std::vector<Value> operands = m.node("move").inputs;
            operands[0] = e.add(m.op("act"), {m.value("x")});
            return e.add(m.op("move"), std::move(operands));
        });
}

}  // namespace

std::vector<Rule> rearranging_rules() { return {depth_to_space(), activation_above()}; }

}  // namespace octet::common
