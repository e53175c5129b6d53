#include "ir/ops/activation.hpp"

#include <cmath>
#include <numbers>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

// f computes in float or double.
template <class F>
Tensors floats(const Tensor& x, F f) {
    const Tensor in = x.converted(arithmetic_element(x.element()));
    const Tensor out = in.element() == Element::f64 ? map<double, double>(in, f) : map<float, float>(in, f);
    return {out.converted(x.element())};
}

// f computes in float, double or int64.
template <class F>
Tensors numbers(const Tensor& x, F f) {
    const Tensor in = x.converted(arithmetic_element(x.element()));
    const Tensor out = with_arithmetic(x.element(), [&](auto t) { return map<decltype(t), decltype(t)>(in, f); });
    return {out.converted(x.element())};
}

// f is the identity on integers.
template <class F>
Tensors rounded(const Tensor& x, F f) {
    return is_float(x.element()) ? floats(x, f) : Tensors{x};
}

template <class T>
T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
}

template <class T>
T softplus(T x) {
    return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <class T>
T relu6(T x) {
    return std::min(std::max(x, T(0)), T(6));
}

using In = std::span<const Tensor>;

Tensors run(const Relu&, In in) {
    return numbers(in[0], [](auto x) { return x < 0 ? decltype(x)(0) : x; });
}

Tensors run(const Clamp& op, In in) {
    if (!is_float(in[0].element())) {
        const Tensor low = Tensor::scalar(std::ceil(op.low)).converted(Element::i64);
        const Tensor high = Tensor::scalar(std::floor(op.high)).converted(Element::i64);
        return numbers(in[0], [l = low.integer_at(0), h = high.integer_at(0)](auto x) {
            return std::min(std::max(x, static_cast<decltype(x)>(l)), static_cast<decltype(x)>(h));
        });
    }
    return floats(in[0], [&](auto x) {
        using T = decltype(x);
        return std::min(std::max(x, static_cast<T>(op.low)), static_cast<T>(op.high));
    });
}

Tensors run(const Sigmoid&, In in) {
    return floats(in[0], [](auto x) { return sigmoid(x); });
}
Tensors run(const Tanh&, In in) {
    return floats(in[0], [](auto x) { return std::tanh(x); });
}
Tensors run(const Elu& op, In in) {
    return floats(in[0], [&](auto x) { return x < 0 ? static_cast<decltype(x)>(op.alpha) * std::expm1(x) : x; });
}

Tensors run(const Swish&, In in) {
    const double beta = in.size() > 1 ? in[1].at(0) : 1;
    return floats(in[0], [beta](auto x) { return x * sigmoid(static_cast<decltype(x)>(beta) * x); });
}
Tensors run(const HSwish&, In in) {
    return floats(in[0], [](auto x) { return x * relu6(x + 3) / 6; });
}
Tensors run(const HSigmoid&, In in) {
    return floats(in[0], [](auto x) { return relu6(x + 3) / 6; });
}
Tensors run(const HardSigmoid&, In in) {
    const double alpha = in[1].at(0);
    const double beta = in[2].at(0);
    return floats(in[0], [=](auto x) {
        using T = decltype(x);
        return std::max(T(0), std::min(T(1), static_cast<T>(alpha) * x + static_cast<T>(beta)));
    });
}

Tensors run(const Gelu& op, In in) {
    if (op.mode == GeluMode::erf)
        return floats(in[0], [](auto x) {
            using T = decltype(x);
            return T(0.5) * x * (T(1) + std::erf(x * (std::numbers::sqrt2_v<T> / 2)));
        });
    return floats(in[0], [](auto x) {
        using T = decltype(x);
        const T slope = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;  // sqrt(2 / pi)
        return T(0.5) * x * (T(1) + std::tanh(slope * (x + T(0.044715) * x * x * x)));
    });
}

Tensors run(const Mish&, In in) {
    return floats(in[0], [](auto x) { return x * std::tanh(softplus(x)); });
}
Tensors run(const SoftPlus&, In in) {
    return floats(in[0], [](auto x) { return softplus(x); });
}
Tensors run(const Exp&, In in) {
    return floats(in[0], [](auto x) { return std::exp(x); });
}
Tensors run(const Log&, In in) {
    return floats(in[0], [](auto x) { return std::log(x); });
}
Tensors run(const Abs&, In in) {
    return numbers(in[0], [](auto x) { return x < 0 ? -x : x; });
}
Tensors run(const Sqrt&, In in) {
    return floats(in[0], [](auto x) { return std::sqrt(x); });
}
Tensors run(const Negative&, In in) {
    return numbers(in[0], [](auto x) { return -x; });
}
Tensors run(const Floor&, In in) {
    return rounded(in[0], [](auto x) { return std::floor(x); });
}
Tensors run(const Ceiling&, In in) {
    return rounded(in[0], [](auto x) { return std::ceil(x); });
}
Tensors run(const Round& op, In in) {
    if (op.mode == RoundMode::half_to_even) return rounded(in[0], [](auto x) { return std::nearbyint(x); });
    return rounded(in[0], [](auto x) { return std::round(x); });
}
Tensors run(const Erf&, In in) {
    return floats(in[0], [](auto x) { return std::erf(x); });
}
Tensors run(const Sin&, In in) {
    return floats(in[0], [](auto x) { return std::sin(x); });
}
Tensors run(const Cos&, In in) {
    return floats(in[0], [](auto x) { return std::cos(x); });
}
Tensors run(const Sign&, In in) {
    return numbers(in[0], [](auto x) { return static_cast<decltype(x)>((x > 0) - (x < 0)); });
}

Tensors run(const LogicalNot&, In in) {
    Tensor out(Element::boolean, in[0].dims());
    std::ranges::transform(in[0].raw(), out.write_raw().begin(),
                           [](std::byte b) { return b == std::byte{0} ? std::byte{1} : std::byte{0}; });
    return {out};
}

Tensors run(const Convert& op, In in) { return {in[0].converted(op.element)}; }

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(&run)>();
}

constexpr Kernel kRows[] = {row<Relu>(),   row<Clamp>(),    row<Sigmoid>(),  row<Tanh>(),        row<Elu>(),
                            row<Swish>(),  row<HSwish>(),   row<HSigmoid>(), row<HardSigmoid>(), row<Gelu>(),
                            row<Mish>(),   row<SoftPlus>(), row<Exp>(),      row<Log>(),         row<Abs>(),
                            row<Sqrt>(),   row<Negative>(), row<Floor>(),    row<Ceiling>(),     row<Round>(),
                            row<Erf>(),    row<Sin>(),      row<Cos>(),      row<Sign>(),        row<LogicalNot>(),
                            row<Convert>()};

}  // namespace

const std::span<const Kernel> kActivationKernels(kRows);

}  // namespace octet::ir::eval
