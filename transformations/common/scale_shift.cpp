#include <algorithm>
#include <cmath>

#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

// batch_norm_inference(x) -> add(multiply(x, gamma / sqrt(variance + epsilon)), beta - mean * that)
Rule split_batch_norm() {
    return Rule("split-batch-norm")
        .match(op<BatchNormInference>("norm", rewrite::element(Element::f32, any("x")), constant("gamma"),
                                      constant("beta"), constant("mean"), constant("variance")))
        .decline(Code::dynamic_rank, "the rank of the data of '{norm}' is not known",
                 [](const Match& m) { return !m.shape("x").ranked(); })
        .rewrite([](Edit& e, const Match& m) {
            const double epsilon = m.get<BatchNormInference>("norm").epsilon;
            const auto channels = static_cast<std::int64_t>(m.constant("gamma").size());
            Dims dims(m.shape("x").rank(), 1);
            dims[1] = channels;
            Tensor scale(Element::f32, dims);
            Tensor shift(Element::f32, dims);
            for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
                const double factor = m.constant("gamma").at(c) / std::sqrt(m.constant("variance").at(c) + epsilon);
                scale.write<float>()[c] = static_cast<float>(factor);
                shift.write<float>()[c] = static_cast<float>(m.constant("beta").at(c) -
                                                             m.constant("mean").at(c) * factor);
            }
            return e.add(Add{}, {e.add(Multiply{}, {m.value("x"), e.constant(scale)}), e.constant(shift)});
        });
}

// Output channels of a convolution's weights lie along the first axis, of a grouped one's along the first two.
std::int64_t output_channels(const Op& op, const Dims& weights) {
    return op.is<GroupConvolution>() ? weights[0] * weights[1] : weights[0];
}

// The factor has one entry, or one per output channel of the convolution.
bool not_per_channel(const Match& m) {
    const Dims& factor = m.constant("factor").dims();
    const Dims& weights = m.constant("weights").dims();
    const std::size_t rank = m.op("conv").is<GroupConvolution>() ? weights.size() - 1 : weights.size();
    if (factor.size() > rank) return true;
    const std::int64_t channels = output_channels(m.op("conv"), weights);
    for (std::size_t i = 0; i < factor.size(); ++i)
        if (factor[i] != 1 && (i + rank - factor.size() != 1 || factor[i] != channels)) return true;
    return false;
}

Tensor scaled(const Op& op, const Tensor& weights, const Tensor& factor) {
    Tensor result(Element::f32, weights.dims());
    const Tensor aligned = weights.aligned();
    const auto from = aligned.as<float>();
    auto to = result.write<float>();
    const std::size_t each = to.size() /
                             static_cast<std::size_t>(std::max<std::int64_t>(output_channels(op, weights.dims()), 1));
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = from[i] * static_cast<float>(factor.at(factor.size() == 1 ? 0 : i / each));
    return result;
}

// multiply(convolution(x, w), factor) -> convolution(x, w * factor)
template <class T>
Rule scale_weights(const char* name) {
    return Rule(name)
        .match(op<Multiply>("multiply",
                            one_use(op<T>("conv", any("x"), rewrite::element(Element::f32, constant("weights")))),
                            constant("factor")))
        .decline(Code::shape_unsupported, "the factor of '{multiply}' is not one per output channel", not_per_channel)
        .rewrite([](Edit& e, const Match& m) {
            return e.add(m.op("conv"),
                         {m.value("x"), e.constant(scaled(m.op("conv"), m.constant("weights"), m.constant("factor")))});
        });
}

}  // namespace

std::vector<Rule> scale_shift_rules() {
    return {split_batch_norm(), scale_weights<Convolution>("scale-convolution-weights"),
            scale_weights<GroupConvolution>("scale-group-convolution-weights")};
}

}  // namespace octet::common
