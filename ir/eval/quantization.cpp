#include "ir/ops/quantization.hpp"

#include <cmath>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;

// Codes up to this many round by an addition, which vectorises: 1.5 * 2^23 leaves no bits for a fraction, and an addition rounds
// half to even.
constexpr std::int64_t kRoundedByAddition = std::int64_t{1} << 22;

template <bool kSmall>
float half_to_even(float x) {
    if constexpr (kSmall) {
        constexpr float kShift = 0x1.8p23f;
        return (x + kShift) - kShift;
    } else {
        return std::nearbyint(x);
    }
}

// The code of x, 0..steps, as a float.
template <bool kSmall>
float code_of(float x, float low, float high, float steps) {
    const float clamped = std::min(std::max(x, std::min(low, high)), std::max(low, high));
    const float code = half_to_even<kSmall>((clamped - low) / (high - low) * steps);
    return low == high ? (x <= low ? 0.0f : steps) : code;
}

template <bool kSmall>
float quantized(float x, float il, float ih, float ol, float oh, float steps) {
    // An empty input interval gives the ends of the output interval themselves.
    const float y = code_of<kSmall>(x, il, ih, steps) / steps * (oh - ol) + ol;
    return il == ih ? (x <= il ? ol : oh) : y;
}

template <bool kSmall>
void fake_quantize(const std::array<Tensor, 5>& in, Tensor& out, float steps) {
    std::array<const float*, 5> data{};
    std::array<Dims, 5> dims;
    for (std::size_t i = 0; i < 5; ++i) {
        data[i] = in[i].as<float>().data();
        dims[i] = in[i].dims();
    }
    float* to = out.write<float>().data();
    for_each_run<5>(out.dims(), dims, [&](const Run<5>& r) {
        const float* x = data[0] + r.from[0];
        const float* il = data[1] + r.from[1];
        const float* ih = data[2] + r.from[2];
        const float* ol = data[3] + r.from[3];
        const float* oh = data[4] + r.from[4];
        float* y = to + r.at;
        if (r.step[1] + r.step[2] + r.step[3] + r.step[4] == 0) {
            const float a = *il, b = *ih, c = *ol, d = *oh;
            for (std::size_t i = 0; i < r.count; ++i) y[i] = quantized<kSmall>(x[i], a, b, c, d, steps);
            return;
        }
        for (std::size_t i = 0; i < r.count; ++i)
            y[i] = quantized<kSmall>(x[i], il[i * r.step[1]], ih[i * r.step[2]], ol[i * r.step[3]], oh[i * r.step[4]],
                                     steps);
    });
}

Tensors run(const FakeQuantize& op, In in) {
    std::array<Tensor, 5> floats;
    for (std::size_t i = 0; i < 5; ++i) floats[i] = in[i].converted(Element::f32);
    Tensor out(Element::f32, in[0].dims());
    const auto steps = static_cast<float>(op.levels - 1);
    if (op.levels <= kRoundedByAddition) fake_quantize<true>(floats, out, steps);
    else fake_quantize<false>(floats, out, steps);
    return {out.converted(in[0].element())};
}

// Calls f with a value of the integer type of `element`.
template <class F>
void with_integer(Element element, F&& f) {
    switch (element) {
        case Element::i8: return f(std::int8_t{});
        case Element::u8: return f(std::uint8_t{});
        case Element::i16: return f(std::int16_t{});
        case Element::u16: return f(std::uint16_t{});
        case Element::i32: return f(std::int32_t{});
        case Element::u32: return f(std::uint32_t{});
        default: return f(std::int64_t{});
    }
}

template <bool kSmall, class T>
void quantize(const Quantize& op, const Tensor& x, Tensor& out) {
    using Wide = std::conditional_t<kSmall, std::int32_t, std::int64_t>;
    const Tensor low = op.low.aligned().converted(Element::f32);
    const Tensor high = op.high.aligned().converted(Element::f32);
    const float* data = x.as<float>().data();
    const float* lows = low.as<float>().data();
    const float* highs = high.as<float>().data();
    T* to = out.write<T>().data();
    const auto steps = static_cast<float>(op.levels - 1);
    const auto qmin = static_cast<Wide>(op.qmin);
    for_each_run<3>(out.dims(), {x.dims(), low.dims(), high.dims()}, [&](const Run<3>& r) {
        const float* from = data + r.from[0];
        const float* l = lows + r.from[1];
        const float* h = highs + r.from[2];
        T* q = to + r.at;
        if (r.step[1] + r.step[2] == 0) {
            const float a = *l, b = *h;
            for (std::size_t i = 0; i < r.count; ++i)
                q[i] = static_cast<T>(static_cast<Wide>(code_of<kSmall>(from[i], a, b, steps)) + qmin);
            return;
        }
        for (std::size_t i = 0; i < r.count; ++i)
            q[i] = static_cast<T>(
                static_cast<Wide>(code_of<kSmall>(from[i], l[i * r.step[1]], h[i * r.step[2]], steps)) + qmin);
    });
}

Tensors run(const Quantize& op, In in) {
    require(op.element != Element::u64, "codes of 64 bits are signed");
    const Tensor x = in[0].converted(Element::f32);
    Tensor out(op.element, x.dims());
    with_integer(op.element, [&](auto t) {
        if (op.levels <= kRoundedByAddition) quantize<true, decltype(t)>(op, x, out);
        else quantize<false, decltype(t)>(op, x, out);
    });
    return {out};
}

Tensors run(const Dequantize& op, In in) {
    const Tensor scale = op.scale.aligned().converted(Element::f32);
    const Tensor zero_point = op.zero_point.aligned().converted(Element::f32);
    const Tensor codes = in[0].element() == Element::u64 ? in[0].converted(Element::i64) : in[0];
    Tensor out(Element::f32, codes.dims());
    with_integer(codes.element(), [&](auto t) {
        const auto* data = codes.as<decltype(t)>().data();
        const float* scales = scale.as<float>().data();
        const float* zero_points = zero_point.as<float>().data();
        float* to = out.write<float>().data();
        for_each_run<3>(out.dims(), {codes.dims(), scale.dims(), zero_point.dims()}, [&](const Run<3>& r) {
            const auto* q = data + r.from[0];
            const float* s = scales + r.from[1];
            const float* z = zero_points + r.from[2];
            float* y = to + r.at;
            if (r.step[1] + r.step[2] == 0) {
                const float a = *s, b = *z;
                for (std::size_t i = 0; i < r.count; ++i) y[i] = (static_cast<float>(q[i]) - b) * a;
                return;
            }
            for (std::size_t i = 0; i < r.count; ++i)
                y[i] = (static_cast<float>(q[i]) - z[i * r.step[2]]) * s[i * r.step[1]];
        });
    });
    return {out.converted(op.element)};
}

constexpr Kernel kRows[] = {
    kernel<FakeQuantize, static_cast<Tensors (*)(const FakeQuantize&, In)>(&run)>(),
    kernel<Quantize, static_cast<Tensors (*)(const Quantize&, In)>(&run)>(),
    kernel<Dequantize, static_cast<Tensors (*)(const Dequantize&, In)>(&run)>(),
};

}  // namespace

const std::span<const Kernel> kQuantizationKernels(kRows);

}  // namespace octet::ir::eval
