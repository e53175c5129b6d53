#include "ir/eval/detection.hpp"

#include <cmath>

#include "ir/eval/copy.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

// Writes boxes given by centre and half sizes as fractions of the image.
struct BoxWriter {
    float* to;
    float width, height;  // of the image

    void add(float x, float y, float half_width, float half_height, bool clip = false) {
        const std::array<float, 4> box{(x - half_width) / width, (y - half_height) / height, (x + half_width) / width,
                                       (y + half_height) / height};
        for (const float edge : box) *to++ = clip ? std::clamp(edge, 0.0f, 1.0f) : edge;
    }
};

// The second half of the result: four variances a box.
void write_variances(std::span<float> to, const std::vector<double>& variance) {
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = variance.empty() ? 0.1f : static_cast<float>(variance[variance.size() == 1 ? 0 : i % 4]);
}

// A square of side `size` stands for a grid of density * density boxes spread over it.
void add_dense(BoxWriter& out, float x, float y, float size, double density, float half_width, float half_height) {
    const auto n = static_cast<int>(density);
    const auto shift = static_cast<float>(static_cast<int>(size / static_cast<float>(n)));
    for (int row = 0; row < n; ++row)
        for (int column = 0; column < n; ++column)
            out.add(x - size / 2 + shift / 2 + static_cast<float>(column) * shift,
                    y - size / 2 + shift / 2 + static_cast<float>(row) * shift, half_width, half_height, true);
}

bool is_one(float ratio) { return std::fabs(ratio - 1.0f) < 1e-6f; }

void add_fixed(const PriorBox& op, const std::vector<float>& ratios, BoxWriter& out, float x, float y) {
    for (std::size_t i = 0; i < op.fixed_size.size(); ++i) {
        const auto size = static_cast<float>(op.fixed_size[i]);
        const float half = size * 0.5f;
        for (const double ratio : op.fixed_ratio) {
            const float root = std::sqrt(static_cast<float>(ratio));
            add_dense(out, x, y, size, op.density[i], half * root, half / root);
        }
        if (!op.fixed_ratio.empty()) continue;
        add_dense(out, x, y, size, op.density[i], half, half);
        for (const float ratio : ratios)
            if (!is_one(ratio))
                add_dense(out, x, y, size, op.density[i], half * std::sqrt(ratio), half / std::sqrt(ratio));
    }
}

void add_sized(const PriorBox& op, const std::vector<float>& min_size, const std::vector<float>& ratios, BoxWriter& out,
               float x, float y) {
    for (std::size_t i = 0; i < min_size.size(); ++i) {
        const float half = min_size[i] * 0.5f;
        out.add(x, y, half, half);
        const auto add_largest = [&] {
            if (i >= op.max_size.size()) return;
            const float mean = std::sqrt(min_size[i] * static_cast<float>(op.max_size[i])) * 0.5f;
            out.add(x, y, mean, mean);
        };
        if (op.min_max_aspect_ratios_order) add_largest();
        if (op.scale_all_sizes || i + 1 == min_size.size()) {
            const float base = min_size[op.scale_all_sizes ? i : 0] * 0.5f;
            for (const float ratio : ratios)
                if (!is_one(ratio)) out.add(x, y, base * std::sqrt(ratio), base / std::sqrt(ratio));
        }
        if (!op.min_max_aspect_ratios_order) add_largest();
    }
}

Tensors prior_box(const PriorBox& op, std::span<const Tensor> in) {
    Tensor out(Element::f32, result_dims(op, in));
    const std::int64_t rows = in[0].integer_at(0), columns = in[0].integer_at(1);
    const auto image_height = static_cast<float>(in[1].integer_at(0)),
               image_width = static_cast<float>(in[1].integer_at(1));
    auto step = static_cast<float>(op.step);
    std::vector<float> min_size(op.min_size.begin(), op.min_size.end());
    if (!op.scale_all_sizes) {  // sizes and step are then fractions of the image's height
        step = step == -1 ? image_height / static_cast<float>(rows) : step * image_height;
        for (float& size : min_size) size *= image_height;
    }
    const auto ratios = prior_box_ratios(op);
    const auto numbers = out.write<float>();
    BoxWriter boxes{numbers.data(), image_width, image_height};
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column) {
            const auto place = [&](std::int64_t at, float image, std::int64_t count) {
                if (step == 0) return (static_cast<float>(at) + 0.5f) * (image / static_cast<float>(count));
                return (static_cast<float>(op.offset) + static_cast<float>(at)) * step;
            };
            const float x = place(column, image_width, columns), y = place(row, image_height, rows);
            add_fixed(op, ratios, boxes, x, y);
            add_sized(op, min_size, ratios, boxes, x, y);
        }
    const std::size_t half = numbers.size() / 2;
    check(boxes.to == numbers.data() + half, "prior_box made {} numbers, wanted {}", boxes.to - numbers.data(), half);
    if (op.clip)
        for (float& edge : numbers.first(half)) edge = std::clamp(edge, 0.0f, 1.0f);
    write_variances(numbers.subspan(half), op.variance);
    return {out};
}

Tensors prior_box_clustered(const PriorBoxClustered& op, std::span<const Tensor> in) {
    Tensor out(Element::f32, result_dims(op, in));
    const std::int64_t rows = in[0].integer_at(0), columns = in[0].integer_at(1);
    const auto image_height = static_cast<float>(in[1].integer_at(0)),
               image_width = static_cast<float>(in[1].integer_at(1));
    auto step_w = static_cast<float>(op.step_w), step_h = static_cast<float>(op.step_h);
    if (step_w == 0 && step_h == 0) {
        step_w = op.step == 0 ? image_width / static_cast<float>(columns) : static_cast<float>(op.step);
        step_h = op.step == 0 ? image_height / static_cast<float>(rows) : static_cast<float>(op.step);
    }
    const auto numbers = out.write<float>();
    BoxWriter boxes{numbers.data(), image_width, image_height};
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column)
            for (std::size_t i = 0; i < op.width.size(); ++i)
                boxes.add((static_cast<float>(column) + static_cast<float>(op.offset)) * step_w,
                          (static_cast<float>(row) + static_cast<float>(op.offset)) * step_h,
                          static_cast<float>(op.width[i]) / 2, static_cast<float>(op.height[i]) / 2, op.clip);
    write_variances(numbers.subspan(numbers.size() / 2), op.variance);
    return {out};
}

// What a greedy decoder writes: the most likely class of each step, without blanks, and repeated ones once when merged.
template <class F>
void decode_greedily(const float* logits, std::size_t steps, std::size_t step, std::size_t classes, std::size_t blank,
                     bool merge, F write) {
    std::size_t previous = classes;
    for (std::size_t t = 0; t < steps; ++t, logits += step) {
        const auto best = static_cast<std::size_t>(std::max_element(logits, logits + classes) - logits);
        if (best != blank && !(merge && best == previous)) write(best);
        previous = best;
    }
}

Tensors ctc_greedy_decoder(const CtcGreedyDecoder& op, std::span<const Tensor> in) {
    Tensor out = Tensor::filled(Element::f32, result_dims(op, in), -1);
    const std::size_t steps = extent_of(in[0].dims(), 0), batch = extent_of(in[0].dims(), 1),
                      classes = extent_of(in[0].dims(), 2);
    require(classes > 0, "logits {} have no classes", to_string(in[0].dims()));
    const std::vector<float> logits = in[0].floats();
    for (std::size_t n = 0; n < batch; ++n) {
        std::size_t length = 0;
        while (length < steps && in[1].at(length * batch + n) != 0) ++length;
        float* to = out.write<float>().data() + n * steps;
        decode_greedily(logits.data() + n * classes, length, batch * classes, classes, classes - 1, op.merge_repeated,
                        [&](std::size_t c) { *to++ = static_cast<float>(c); });
    }
    return {out.converted(in[0].element())};
}

Tensors ctc_greedy_decoder_seq_len(const CtcGreedyDecoderSeqLen& op, std::span<const Tensor> in) {
    const Types types = result_types(op, in);
    Tensor out = Tensor::filled(Element::i64, types[0].shape.sizes(), -1);
    Tensor lengths(Element::i64, types[1].shape.sizes());
    const std::size_t batch = extent_of(in[0].dims(), 0), steps = extent_of(in[0].dims(), 1),
                      classes = extent_of(in[0].dims(), 2);
    require(classes > 0, "logits {} have no classes", to_string(in[0].dims()));
    const std::size_t blank = in.size() > 2 ? static_cast<std::size_t>(in[2].integer_at(0)) : classes - 1;
    const std::vector<float> logits = in[0].floats();
    for (std::size_t n = 0; n < batch; ++n) {
        const std::int64_t length = in[1].integer_at(n);
        require(length >= 0 && length <= static_cast<std::int64_t>(steps), "a length of {}, wanted 0 to {}", length,
                steps);
        std::int64_t* const first = out.write<std::int64_t>().data() + n * steps;
        std::int64_t* to = first;
        decode_greedily(logits.data() + n * steps * classes, static_cast<std::size_t>(length), classes, classes, blank,
                        op.merge_repeated, [&](std::size_t c) { *to++ = static_cast<std::int64_t>(c); });
        lengths.write<std::int64_t>()[n] = to - first;
    }
    return {out.converted(op.classes_element), lengths.converted(op.lengths_element)};
}

constexpr Kernel kTable[] = {
    kernel<Interpolate, interpolate>(),
    kernel<PriorBox, prior_box>(),
    kernel<PriorBoxClustered, prior_box_clustered>(),
    kernel<DetectionOutput, detection_output>(),
    kernel<NonMaxSuppression, non_max_suppression>(),
    kernel<CtcGreedyDecoder, ctc_greedy_decoder>(),
    kernel<CtcGreedyDecoderSeqLen, ctc_greedy_decoder_seq_len>(),
};

}  // namespace

const std::span<const Kernel> kDetectionKernels{kTable};

}  // namespace octet::ir::eval
