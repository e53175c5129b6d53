#include "ir/ops/binary.hpp"

#include <cmath>
#include <concepts>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;

// f gives a number of the operands' type.
template <class F>
Tensors numbers(In in, F f) {
    const Element element = arithmetic_element(in[0].element());
    const Tensor a = in[0].converted(element);
    const Tensor b = in[1].converted(element);
    const Tensor out = with_arithmetic(element, [&](auto t) { return map<decltype(t), decltype(t)>(a, b, f); });
    return {out.converted(in[0].element())};
}

// f gives a boolean.
template <class F>
Tensors truths(In in, F f) {
    const Element element = arithmetic_element(in[0].element());
    const Tensor a = in[0].converted(element);
    const Tensor b = in[1].converted(element);
    return {with_arithmetic(element, [&](auto t) { return map<bool, decltype(t)>(a, b, f); })};
}

// Integer sums and products wrap as those of the unsigned type do.
template <class T, class F>
T wrapping(T a, T b, F f) {
    if constexpr (std::integral<T>)
        return static_cast<T>(f(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
    else return f(a, b);
}

template <class T>
T divided(T a, T b, bool python) {
    if constexpr (std::integral<T>) {
        require(b != 0, "division by zero");
        if (b == -1) return wrapping(T(0), a, [](auto x, auto y) { return x - y; });
        const T q = a / b;
        return python && a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
    } else {
        return a / b;
    }
}

// Remainder with the sign of the dividend, or with `floor` of the divisor.
template <class T>
T remainder(T a, T b, bool floor) {
    T r;
    if constexpr (std::integral<T>) {
        require(b != 0, "division by zero");
        r = b == -1 ? 0 : a % b;
    } else {
        r = std::fmod(a, b);
    }
    return floor && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

template <class T>
T power(T base, T exponent) {
    if constexpr (std::integral<T>) {
        if (exponent < 0) {
            require(base != 0, "zero to the power of {}", exponent);
            return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
        }
        std::uint64_t result = 1;
        for (std::uint64_t b = static_cast<std::uint64_t>(base); exponent > 0; exponent /= 2, b *= b)
            if (exponent % 2) result *= b;
        return static_cast<T>(result);
    } else {
        return exponent == T(2) ? base * base : std::pow(base, exponent);
    }
}

Tensors run(const Add&, In in) {
    return numbers(in, [](auto a, auto b) { return wrapping(a, b, [](auto x, auto y) { return x + y; }); });
}
Tensors run(const Subtract&, In in) {
    return numbers(in, [](auto a, auto b) { return wrapping(a, b, [](auto x, auto y) { return x - y; }); });
}
Tensors run(const Multiply&, In in) {
    return numbers(in, [](auto a, auto b) { return wrapping(a, b, [](auto x, auto y) { return x * y; }); });
}
Tensors run(const Divide& op, In in) {
    return numbers(in, [python = op.python](auto a, auto b) { return divided(a, b, python); });
}
Tensors run(const Maximum&, In in) {
    return numbers(in, [](auto a, auto b) { return a < b ? b : a; });
}
Tensors run(const Minimum&, In in) {
    return numbers(in, [](auto a, auto b) { return b < a ? b : a; });
}
Tensors run(const Power&, In in) {
    return numbers(in, [](auto a, auto b) { return power(a, b); });
}
Tensors run(const SquaredDifference&, In in) {
    return numbers(in, [](auto a, auto b) { return wrapping(a, b, [](auto x, auto y) { return (x - y) * (x - y); }); });
}
Tensors run(const Mod&, In in) {
    return numbers(in, [](auto a, auto b) { return remainder(a, b, false); });
}
Tensors run(const FloorMod&, In in) {
    return numbers(in, [](auto a, auto b) { return remainder(a, b, true); });
}

Tensors run(const PRelu&, In in) {
    Tensor slope = in[1];
    const Dims& data = in[0].dims();
    if (slope.dims().size() == 1 && data.size() > 1 && slope.dims()[0] == data[1]) {
        Dims dims(data.size(), 1);
        dims[1] = data[1];
        slope = slope.reshaped(std::move(dims));
    }
    return numbers(std::array{in[0], slope},
                   [](auto x, auto s) { return x < 0 ? wrapping(x, s, [](auto a, auto b) { return a * b; }) : x; });
}

Tensors run(const Equal&, In in) {
    return truths(in, [](auto a, auto b) { return a == b; });
}
Tensors run(const NotEqual&, In in) {
    return truths(in, [](auto a, auto b) { return a != b; });
}
Tensors run(const Less&, In in) {
    return truths(in, [](auto a, auto b) { return a < b; });
}
Tensors run(const LessEqual&, In in) {
    return truths(in, [](auto a, auto b) { return a <= b; });
}
Tensors run(const Greater&, In in) {
    return truths(in, [](auto a, auto b) { return a > b; });
}
Tensors run(const GreaterEqual&, In in) {
    return truths(in, [](auto a, auto b) { return a >= b; });
}
Tensors run(const LogicalAnd&, In in) {
    return truths(in, [](auto a, auto b) { return a != 0 && b != 0; });
}
Tensors run(const LogicalOr&, In in) {
    return truths(in, [](auto a, auto b) { return a != 0 || b != 0; });
}
Tensors run(const LogicalXor&, In in) {
    return truths(in, [](auto a, auto b) { return (a != 0) != (b != 0); });
}

Tensors run(const Select&, In in) {
    Tensor out(in[1].element(), broadcast_dims(in[0].dims(), broadcast_dims(in[1].dims(), in[2].dims())));
    with_bits(out.element(), [&](auto bits) {
        using T = decltype(bits);
        const auto* condition = in[0].data();
        const T* a = reinterpret_cast<const T*>(in[1].data());
        const T* b = reinterpret_cast<const T*>(in[2].data());
        T* to = reinterpret_cast<T*>(out.write_raw().data());
        for_each_run<3>(out.dims(), {in[0].dims(), in[1].dims(), in[2].dims()}, [&](const Run<3>& r) {
            for (std::size_t i = 0; i < r.count; ++i)
                to[r.at + i] = condition[r.from[0] + i * r.step[0]] != std::byte{0} ? a[r.from[1] + i * r.step[1]]
                                                                                    : b[r.from[2] + i * r.step[2]];
        });
    });
    return {out};
}

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(&run)>();
}

constexpr Kernel kRows[] = {row<Add>(),          row<Subtract>(),   row<Multiply>(),  row<Divide>(),
                            row<Maximum>(),      row<Minimum>(),    row<Power>(),     row<SquaredDifference>(),
                            row<Mod>(),          row<FloorMod>(),   row<PRelu>(),     row<Equal>(),
                            row<NotEqual>(),     row<Less>(),       row<LessEqual>(), row<Greater>(),
                            row<GreaterEqual>(), row<LogicalAnd>(), row<LogicalOr>(), row<LogicalXor>(),
                            row<Select>()};

}  // namespace

const std::span<const Kernel> kBinaryKernels(kRows);

}  // namespace octet::ir::eval
