#pragma once
// What the kernels of several families share: choice of the C++ type, and walks over tensors that broadcast.
#include <algorithm>
#include <array>
#include <string>

#include "ir/eval/eval.hpp"

namespace octet::ir::eval {

// Calls f with a value of the unsigned type as wide as `element`: for what only moves data.
template <class F>
auto with_bits(Element element, F&& f) {
    switch (bits_of(element)) {
        case 8: return f(std::uint8_t{});
        case 16: return f(std::uint16_t{});
        case 32: return f(std::uint32_t{});
        case 64: return f(std::uint64_t{});
        default:
            throw Unsupported("the element type " + std::string(name_of(element)), "elements below a byte do not move");
    }
}

// Arithmetic on any number type happens in one of three: float for f16, bf16 and f32, double for f64, int64 for integers and
// booleans. Results return to the element type with saturation.
inline Element arithmetic_element(Element element) {
    if (element == Element::f64) return element;
    return is_float(element) ? Element::f32 : Element::i64;
}

// Calls f with a value of the type that arithmetic on `element` happens in.
template <class F>
auto with_arithmetic(Element element, F&& f) {
    switch (arithmetic_element(element)) {
        case Element::f32: return f(float{});
        case Element::f64: return f(double{});
        default: return f(std::int64_t{});
    }
}

inline std::size_t extent_of(const Dims& dims, std::size_t axis) { return static_cast<std::size_t>(dims[axis]); }

// The next index in row-major order; false, and all zeros, after the last.
inline bool next_index(Dims& index, const Dims& extents) {
    for (std::size_t axis = extents.size(); axis-- > 0;) {
        if (++index[axis] < extents[axis]) return true;
        index[axis] = 0;
    }
    return false;
}

inline Dims row_major_strides(const Dims& dims) {
    Dims strides(dims.size(), 1);
    for (std::size_t axis = dims.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * dims[axis];
    return strides;
}

inline Dims broadcast_dims(const Dims& a, const Dims& b) { return broadcast(Shape(a), Shape(b)).sizes(); }

// A run of elements that lie in sequence in the result; each operand advances by `step` (1, or 0 where it broadcasts).
template <std::size_t N>
struct Run {
    std::size_t at = 0;  // offset in the result
    std::size_t count = 0;
    std::array<std::size_t, N> from{};  // offsets in the operands
    std::array<std::size_t, N> step{};
};

// Calls f with runs that cover a result of extents `out`, as long as the operands' shapes (which broadcast to it) allow.
template <std::size_t N, class F>
void for_each_run(const Dims& out, const std::array<Dims, N>& operands, F&& f) {
    if (product(out) == 0) return;
    // Neighbouring axes melt together where every operand runs on through both, or repeats along both.
    Dims extents{1};
    std::array<Dims, N> steps;
    for (Dims& s : steps) s = {0};
    std::array<std::int64_t, N> stride;
    stride.fill(1);
    for (std::size_t axis = out.size(); axis-- > 0;) {
        if (out[axis] == 1) continue;
        std::array<std::int64_t, N> step{};
        bool melts = true;
        for (std::size_t i = 0; i < N; ++i) {
            const std::size_t missing = out.size() - operands[i].size();
            const std::int64_t extent = axis < missing ? 1 : operands[i][axis - missing];
            step[i] = extent == 1 ? 0 : stride[i];
            stride[i] *= extent;
            melts = melts && step[i] == steps[i].back() * extents.back();
        }
        if (extents == Dims{1}) {
            for (std::size_t i = 0; i < N; ++i) steps[i].back() = step[i];
            extents.back() = out[axis];
        } else if (melts) {
            extents.back() *= out[axis];
        } else {
            for (std::size_t i = 0; i < N; ++i) steps[i].push_back(step[i]);
            extents.push_back(out[axis]);
        }
    }
    Run<N> run;  // extents[0] is the innermost
    run.count = static_cast<std::size_t>(extents[0]);
    for (std::size_t i = 0; i < N; ++i) run.step[i] = static_cast<std::size_t>(steps[i][0]);
    Dims index(extents.size(), 0);
    while (true) {
        f(std::as_const(run));
        run.at += run.count;
        std::size_t axis = 1;
        for (; axis < extents.size(); ++axis) {
            for (std::size_t i = 0; i < N; ++i) run.from[i] += static_cast<std::size_t>(steps[i][axis]);
            if (++index[axis] < extents[axis]) break;
            for (std::size_t i = 0; i < N; ++i) run.from[i] -= static_cast<std::size_t>(steps[i][axis] * extents[axis]);
            index[axis] = 0;
        }
        if (axis == extents.size()) return;
    }
}

// out[i] = f(a[i]).
template <class R, class T, class F>
Tensor map(const Tensor& a, F&& f) {
    Tensor out(element_of<R>(), a.dims());
    const T* from = a.as<T>().data();
    R* to = out.write<R>().data();
    for (std::size_t i = 0; i < a.size(); ++i) to[i] = f(from[i]);
    return out;
}

// out[i] = f(a[i], b[i]) with numpy broadcasting.
template <class R, class T, class F>
Tensor map(const Tensor& a, const Tensor& b, F&& f) {
    Tensor out(element_of<R>(), broadcast_dims(a.dims(), b.dims()));
    const T* left = a.as<T>().data();
    const T* right = b.as<T>().data();
    R* to = out.write<R>().data();
    for_each_run<2>(out.dims(), {a.dims(), b.dims()}, [&](const Run<2>& run) {
        const T* x = left + run.from[0];
        const T* y = right + run.from[1];
        R* z = to + run.at;
        if (run.step[0] == 1 && run.step[1] == 1)
            for (std::size_t i = 0; i < run.count; ++i) z[i] = f(x[i], y[i]);
        else if (run.step[0] == 1)
            for (std::size_t i = 0; i < run.count; ++i) z[i] = f(x[i], *y);
        else if (run.step[1] == 1)
            for (std::size_t i = 0; i < run.count; ++i) z[i] = f(*x, y[i]);
        else std::fill_n(z, run.count, f(*x, *y));
    });
    return out;
}

}  // namespace octet::ir::eval
