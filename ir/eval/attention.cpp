#include "ir/ops/attention.hpp"

#include <cmath>
#include <limits>

#include "ir/eval/support.hpp"
#include "ir/ops/binary.hpp"
#include "ir/ops/convolution.hpp"
#include "ir/ops/normalization.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;

constexpr double kHidden = -std::numeric_limits<double>::infinity();

Tensor apply(const Op& op, const Tensor& a, const Tensor& b) { return evaluate(op, std::array{a, b})[0]; }

// 0 where a score counts, minus infinity where it does not.
Tensor bias_of(const Tensor& seen) {
    Tensor bias(Element::f64, seen.dims());
    const auto values = bias.write<double>();
    for (std::size_t i = 0; i < seen.size(); ++i) values[i] = seen.at(i) != 0 ? 0 : kHidden;
    return bias;
}

Tensor causal_bias(std::int64_t rows, std::int64_t columns) {
    Tensor bias = Tensor::filled(Element::f64, {rows, columns}, 0);
    const auto values = bias.write<double>();
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = r + 1; c < columns; ++c) values[static_cast<std::size_t>(r * columns + c)] = kHidden;
    return bias;
}

Tensors run(const ScaledDotProductAttention& op, In in) {
    const Element wide = in[0].element() == Element::f64 ? Element::f64 : Element::f32;
    const Tensor query = in[0].converted(wide), key = in[1].converted(wide), value = in[2].converted(wide);
    const double scale = in.size() > 4 ? in[4].at(0) : 1 / std::sqrt(static_cast<double>(query.dims().back()));
    Tensor scores = apply(MatMul{.transpose_b = true}, query, key);
    scores = apply(Multiply{}, scores, Tensor::filled(wide, {}, scale));
    if (op.causal) {
        const auto rank = scores.dims().size();
        const Tensor bias = causal_bias(scores.dims()[rank - 2], scores.dims()[rank - 1]);
        scores = apply(Add{}, scores, bias.converted(wide));
    } else if (in.size() > 3) {
        const Tensor bias = in[3].element() == Element::boolean ? bias_of(in[3]) : in[3];
        scores = apply(Add{}, scores, bias.converted(wide));
    }
    scores = evaluate(SoftMax{-1}, std::array{scores})[0];
    return {apply(MatMul{}, scores, value).converted(in[0].element())};
}

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(run)>();
}
constexpr Kernel kRows[] = {row<ScaledDotProductAttention>()};

}  // namespace

const std::span<const Kernel> kAttentionKernels(kRows);

}  // namespace octet::ir::eval
