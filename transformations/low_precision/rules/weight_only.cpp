#include "transformations/low_precision/weight_only.hpp"

#include "ir/ops/all.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

bool are_codes(const Graph& graph, Value v) {
    while (graph.op(v).is<Reshape>()) v = graph.node(v).inputs[0];
    return graph.op(v).is<Dequantize>() && graph.constant(graph.node(v).inputs[0]);
}

bool swaps_two_axes(const Tensor& order) {
    const auto axes = order.integers();
    return axes.empty() || axes == std::vector<std::int64_t>{1, 0};
}

// matmul(x, transpose(w)) -> matmul(x, w) that transposes it or no longer does: kernels read codes either way
Rule turn_coded_weights() {
    return Rule("turn-coded-weights")
        .match(op<MatMul>("product", any("x"), op<Transpose>("turn", any("w"), constant("order"))))
        .decline(Code::not_profitable, "the weights of '{product}' are not codes alone",
                 [](const Match& m) { return !are_codes(m.graph(), m.value("w")); })
        .decline(Code::shape_unsupported, "'{turn}' turns no matrix around",
                 [](const Match& m) { return m.shape("w").rank() != 2 || !swaps_two_axes(m.constant("order")); })
        .rewrite([](Edit& e, const Match& m) {
            MatMul product = m.get<MatMul>("product");
            product.transpose_b = !product.transpose_b;
            return e.add(std::move(product), {m.value("x"), m.value("w")});
        });
}

}  // namespace

std::vector<Rule> weight_only_rules() { return {turn_coded_weights()}; }

}  // namespace octet::low_precision
