#include "ir/ops/detection.hpp"

#include <cmath>

#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

void require_floats(const Input& input, std::string_view what) {
    const Element e = input.element();
    require(e == Element::f32 || e == Element::f16 || e == Element::bf16 || e == Element::f64,
            "{} is of type {}, wanted floats", what, name_of(e));
}

Dim dim_or_any(const Shape& shape, std::size_t axis) { return shape.ranked() ? shape[axis] : Dim(); }

std::int64_t pad_at(const std::vector<std::int64_t>& pads, std::size_t axis) {
    return axis < pads.size() ? pads[axis] : 0;
}

// The axes an interpolation works on; all when there is no operand for them.
std::optional<Dims> interpolated_axes(Inputs inputs, std::size_t rank) {
    Dims axes;
    if (inputs.size() == 2) {
        for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
        return axes;
    }
    require_integers(inputs[2], "the axes");
    const auto known = inputs[2].constant();
    if (!known) return std::nullopt;
    for (std::int64_t axis : *known) axes.push_back(static_cast<std::int64_t>(normalise_axis(axis, rank)));
    return axes;
}

Dim scaled(Dim d, double scale) {
    const auto one = [&](std::int64_t n) { return n == Dim::kUnbounded ? n : interpolated_size(n, scale); };
    return {one(d.low), one(d.high)};
}

}  // namespace

std::int64_t interpolated_size(std::int64_t size, double scale) {
    // Scales such as 1.2f times 5 must not come out below 6.
    constexpr double kSlack = 1e-6;
    return static_cast<std::int64_t>(std::floor(static_cast<double>(size) * (scale + kSlack)));
}

Types infer(const Interpolate& op, Inputs inputs) {
    require_inputs(inputs, 2, 3);
    const Shape& data = inputs[0].shape();
    const bool from_sizes = op.calculation == InterpolateFrom::sizes;
    if (from_sizes) require_integers(inputs[1], "the sizes");
    else require_floats(inputs[1], "the scales");
    if (!data.ranked()) return {*inputs[0].type};
    Shape result = data;
    for (std::size_t i = 0; i < data.rank(); ++i)
        result[i] = as_dim(number_sum(data[i], Dim(pad_at(op.pads_begin, i) + pad_at(op.pads_end, i))));
    const auto axes = interpolated_axes(inputs, data.rank());
    if (!axes) return {{inputs[0].element(), Shape::of_rank(data.rank())}};
    const Shape& given = inputs[1].shape();
    if (given.is_static())
        require(given.elements() == static_cast<std::int64_t>(axes->size()), "{} {} for {} axes", given.elements(),
                from_sizes ? "sizes" : "scales", axes->size());
    const auto sizes = from_sizes ? entries(inputs[1]) : std::nullopt;
    for (std::size_t i = 0; i < axes->size(); ++i) {
        Dim& d = result[static_cast<std::size_t>((*axes)[i])];
        if (from_sizes) {
            const Dim size = sizes ? (*sizes)[i] : Dim();
            require(size.high >= 0, "a size of {}, wanted 0 or more", size.high);
            d = as_dim(size);
        } else {
            const double scale = inputs[1].value ? inputs[1].value->at(i) : 0;
            require(!inputs[1].value || (std::isfinite(scale) && scale > 0), "a scale of {}, wanted more than 0",
                    scale);
            d = inputs[1].value ? scaled(d, scale) : Dim();
        }
    }
    return {{inputs[0].element(), std::move(result)}};
}

std::vector<float> prior_box_ratios(const PriorBox& op) {
    std::vector<float> ratios{1.0f};
    for (const double given : op.aspect_ratio) {
        const auto ratio = static_cast<float>(given);
        require(ratio > 0, "an aspect ratio of {}, wanted more than 0", given);
        if (std::ranges::any_of(ratios, [&](float r) { return std::fabs(r - ratio) < 1e-6f; })) continue;
        ratios.push_back(ratio);
        if (op.flip) ratios.push_back(1.0f / ratio);
    }
    return ratios;
}

std::int64_t prior_box_count(const PriorBox& op) {
    const auto ratios = static_cast<std::int64_t>(prior_box_ratios(op).size());
    const auto count = [](const std::vector<double>& list) { return static_cast<std::int64_t>(list.size()); };
    std::int64_t n = op.scale_all_sizes ? ratios * count(op.min_size) + count(op.max_size)
                                        : ratios + count(op.min_size) - 1;
    if (!op.fixed_size.empty()) n = ratios * count(op.fixed_size);
    for (const double density : op.density) {
        const auto d = static_cast<std::int64_t>(density);
        n += (op.fixed_ratio.empty() ? ratios : count(op.fixed_ratio)) * (d * d - 1);
    }
    return n;
}

namespace {

Types prior_boxes(Inputs inputs, std::int64_t per_place, const std::vector<double>& variance) {
    require_inputs(inputs, 2, 2);
    for (std::size_t i = 0; i < 2; ++i) {
        require_integers(inputs[i], i == 0 ? "the size of the feature map" : "the size of the image");
        require(compatible(inputs[i].shape(), Shape{2}), "a size of shape {}, wanted [2]",
                to_string(inputs[i].shape()));
    }
    require(variance.size() <= 1 || variance.size() == 4, "{} variances, wanted 0, 1 or 4", variance.size());
    const auto size = entries(inputs[0]);
    Dim total = per_place * 4;
    for (std::size_t i = 0; i < 2; ++i) total = total * (size ? as_dim((*size)[i]) : Dim());
    return {{Element::f32, Shape{2, total}}};
}

}  // namespace

Types infer(const PriorBox& op, Inputs inputs) {
    require(op.fixed_size.empty() || op.fixed_size.size() == op.density.size(), "{} densities for {} fixed sizes",
            op.density.size(), op.fixed_size.size());
    for (const double d : op.density) require(d >= 1, "a density of {}, wanted 1 or more", d);
    require(op.max_size.size() <= op.min_size.size(), "{} max sizes for {} min sizes", op.max_size.size(),
            op.min_size.size());
    return prior_boxes(inputs, prior_box_count(op), op.variance);
}

Types infer(const PriorBoxClustered& op, Inputs inputs) {
    require(op.width.size() == op.height.size(), "{} widths and {} heights, wanted as many of both", op.width.size(),
            op.height.size());
    return prior_boxes(inputs, static_cast<std::int64_t>(op.width.size()), op.variance);
}

Types infer(const DetectionOutput& op, Inputs inputs) {
    require(inputs.size() == 3 || inputs.size() == 5, "got {} inputs, wanted 3 or 5", inputs.size());
    require(op.keep_top_k.size() == 1, "keep_top_k has {} numbers, wanted 1", op.keep_top_k.size());
    static constexpr std::array<std::string_view, 5> kNames{"the box logits", "the class predictions", "the proposals",
                                                            "the additional class predictions",
                                                            "the additional box predictions"};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        require_floats(inputs[i], kNames[i]);
        require_rank(inputs[i].shape(), i == 2 ? 3 : 2, kNames[i]);
    }
    const Dim box_logits = dim_or_any(inputs[0].shape(), 1);
    const Dim class_logits = dim_or_any(inputs[1].shape(), 1);
    const Dim proposals = dim_or_any(inputs[2].shape(), 2);
    const Dim images = merged(dim_or_any(inputs[0].shape(), 0), dim_or_any(inputs[1].shape(), 0));
    require(images.low <= images.high, "box logits for {} images, class predictions for {}",
            to_string(dim_or_any(inputs[0].shape(), 0)), to_string(dim_or_any(inputs[1].shape(), 0)));
    const Dim variants = dim_or_any(inputs[2].shape(), 1);
    const std::int64_t wanted_variants = op.variance_encoded_in_target ? 1 : 2;
    require(compatible(variants, wanted_variants), "proposals {}, wanted {} in dimension 1",
            to_string(inputs[2].shape()), wanted_variants);
    const std::int64_t prior_size = op.normalized ? 4 : 5;
    require(!proposals.is_static() || proposals.low % prior_size == 0, "proposals {} do not hold priors of {} numbers",
            to_string(inputs[2].shape()), prior_size);
    const Dim priors = exact_quotient(proposals, prior_size);
    if (priors.is_static() && priors.low > 0) {
        require(!class_logits.is_static() || class_logits.low % priors.low == 0, "{} class predictions for {} priors",
                class_logits.low, priors.low);
        if (class_logits.is_static() && box_logits.is_static()) {
            const std::int64_t wanted = priors.low * 4 * (op.share_location ? 1 : class_logits.low / priors.low);
            require(box_logits.low == wanted, "{} box logits for {} priors, wanted {}", box_logits.low, priors.low,
                    wanted);
        }
    }
    Dim rows = images * class_logits;  // classes times priors
    if (op.keep_top_k[0] > 0) rows = images * Dim(op.keep_top_k[0]);
    else if (op.top_k > 0)
        rows = priors.is_static() && priors.low > 0 ? images * Dim(op.top_k) * exact_quotient(class_logits, priors.low)
                                                    : Dim();
    return {{inputs[0].element(), Shape{1, 1, rows, 7}}};
}

Types infer(const NonMaxSuppression& op, Inputs inputs) {
    require_inputs(inputs, 2, 6);
    const Shape& boxes = inputs[0].shape();
    const Shape& scores = inputs[1].shape();
    require_floats(inputs[0], "the box operand");
    require_floats(inputs[1], "the score operand");
    require_rank(boxes, 3, "the box operand");
    require_rank(scores, 3, "the score operand");
    if (boxes.ranked()) require(compatible(boxes[2], 4), "boxes {}, wanted 4 numbers each", to_string(boxes));
    if (boxes.ranked() && scores.ranked())
        require(compatible(boxes[0], scores[0]) && compatible(boxes[1], scores[2]),
                "boxes {} and scores {} do not go together", to_string(boxes), to_string(scores));
    Dim each = merged(dim_or_any(boxes, 1), dim_or_any(scores, 2));
    if (inputs.size() > 2) {
        require_integers(inputs[2], "the number of boxes");
        if (const auto most = known_number(inputs[2], "the number of boxes"))
            each.high = std::min(each.high, std::max<std::int64_t>(*most, 0));
    } else {
        each.high = 0;
    }
    const Dim all = dim_or_any(scores, 0) * dim_or_any(scores, 1) * Dim(0, each.high);
    const Shape rows{Dim(0, all.high), 3};
    return {{op.index_element, rows}, {Element::f32, rows}, {op.index_element, Shape{1}}};
}

Types infer(const CtcGreedyDecoder&, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_floats(inputs[0], "the logits");
    require_rank(inputs[0].shape(), 3, "the logit operand");
    require_rank(inputs[1].shape(), 2, "the sequence mask");
    const Dim time = merged(dim_or_any(inputs[0].shape(), 0), dim_or_any(inputs[1].shape(), 0));
    const Dim batch = merged(dim_or_any(inputs[0].shape(), 1), dim_or_any(inputs[1].shape(), 1));
    require(time.low <= time.high && batch.low <= batch.high, "logits {} and sequence mask {} do not go together",
            to_string(inputs[0].shape()), to_string(inputs[1].shape()));
    return {{inputs[0].element(), Shape{batch, time, 1, 1}}};
}

Types infer(const CtcGreedyDecoderSeqLen& op, Inputs inputs) {
    require_inputs(inputs, 2, 3);
    require_floats(inputs[0], "the logits");
    require_integers(inputs[1], "the lengths");
    require_rank(inputs[0].shape(), 3, "the logit operand");
    require_rank(inputs[1].shape(), 1, "the length operand");
    const Dim batch = merged(dim_or_any(inputs[0].shape(), 0), dim_or_any(inputs[1].shape(), 0));
    require(batch.low <= batch.high, "logits {} and lengths {} do not go together", to_string(inputs[0].shape()),
            to_string(inputs[1].shape()));
    return {{op.classes_element, Shape{batch, dim_or_any(inputs[0].shape(), 1)}}, {op.lengths_element, Shape{batch}}};
}

}  // namespace octet::ir
