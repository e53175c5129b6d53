#include "plugins/cpu/kernels/portable/softmax_few.hpp"

#include <utility>

#include "plugins/cpu/kernels/portable/interleave.hpp"
#include "plugins/cpu/kernels/portable/math.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

// Rows of a few values are turned, so that vectors hold one value of many rows. Each is [axis][rows], `stride` apart.
struct Turned {
    float* data;
    std::size_t stride;

    float* of(std::size_t i) const { return data + i * stride; }
};

template <std::size_t... kAxes, class F>
void with_axis(std::size_t axis, std::index_sequence<kAxes...>, const F& f) {
    ((axis == kAxes ? f(std::integral_constant<std::size_t, kAxes>{}) : void()), ...);
}
template <class F>
void with_axis(std::size_t axis, const F& f) {
    with_axis(axis, std::index_sequence<2, 3, 4, 5, 6, 7, 8>{}, f);
}

// From `values` to `to`, which may be the same.
void softmax_turned(const Turned& values, const Turned& to, std::size_t axis, std::size_t rows) {
    alignas(64) std::array<float, kTileValues / 2> highest;
    alignas(64) std::array<float, kTileValues / 2> factor;
    std::copy_n(values.of(0), rows, highest.data());
    for (std::size_t i = 1; i < axis; ++i) {
        const float* x = values.of(i);
        for (std::size_t r = 0; r < rows; ++r) highest[r] = x[r] > highest[r] ? x[r] : highest[r];
    }
    std::fill_n(factor.data(), rows, 0.0F);
    for (std::size_t i = 0; i < axis; ++i) {
        float* x = values.of(i);
        for (std::size_t r = 0; r < rows; ++r) {
            x[r] = fast_exp(x[r] - highest[r]);
            factor[r] += x[r];
        }
    }
    for (std::size_t r = 0; r < rows; ++r) factor[r] = 1.0F / factor[r];
    for (std::size_t i = 0; i < axis; ++i) {
        const float* x = values.of(i);
        float* y = to.of(i);
        for (std::size_t r = 0; r < rows; ++r) y[r] = x[r] * factor[r];
    }
}

}  // namespace

void softmax_few(const SoftMax& op, const Arguments& args, std::size_t unit) {
    const std::size_t axis = op.shape.axis;
    const std::size_t channels = op.shape.channels == 0 ? axis : op.shape.channels;
    const std::size_t image_rows = op.plane == 0 ? op.shape.outer : op.plane;
    const std::size_t each = rows_together(op.shape), blocks = (image_rows + each - 1) / each;
    const std::size_t image = unit / blocks, pixel = unit % blocks * each;
    const std::size_t rows = std::min(each, image_rows - pixel), first = image * image_rows + pixel;
    alignas(64) std::array<float, kTileValues> values, turned;
    const Turned work{turned.data(), each};
    float* const out = static_cast<float*>(args.out);
    const Turned to = op.plane == 0 ? work : Turned{out + image * axis * op.plane + pixel, op.plane};
    const bool plain = op.epilogue.result == DataType::f32 && is_plain(op.epilogue);
    vectorized([&] {
        with_axis(axis, [&](auto known) {
            constexpr std::size_t kAxis = decltype(known)::value;
            deinterleave<kAxis>(static_cast<const float*>(args.input) + first * kAxis, work.data, each, rows);
            softmax_turned(work, to, kAxis, rows);
            if (op.plane != 0) return;
            interleave<kAxis>(work.data, each, plain ? out + first * kAxis : values.data(), rows);
        });
    });
    if (op.plane != 0 || plain) return;
    const Tile tile{first * axis / channels, rows * axis / channels, 0, channels};
    apply_epilogue(op.epilogue, {channels, op.shape.rows_per_batch}, tile, values.data(), args.operands, args.out);
}

// A few planes at once: each exponential is computed once.
void softmax_planes(const SoftMax& op, const Arguments& args, std::size_t outer, std::size_t column) {
    const AxisShape& shape = op.shape;
    const std::size_t width = std::min(kColumns, shape.inner - column);
    const float* x = static_cast<const float*>(args.input) + outer * shape.axis * shape.inner + column;
    alignas(64) std::array<float, kTileValues> values;
    const Turned work{values.data(), width};
    vectorized([&] {
        for (std::size_t i = 0; i < shape.axis; ++i) std::copy_n(x + i * shape.inner, width, work.of(i));
        softmax_turned(work, work, shape.axis, width);
    });
    apply_epilogue(op.epilogue, {shape.inner, shape.rows_per_batch}, {outer * shape.axis, shape.axis, column, width},
                   values.data(), args.operands, args.out);
}

}  // namespace octet::cpu::portable
