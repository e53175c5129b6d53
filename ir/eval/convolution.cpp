#include "ir/ops/convolution.hpp"

#include <cmath>

#include "ir/eval/gemm.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;
using Three = std::array<std::int64_t, 3>;

// A window with three spatial axes; missing ones in front have extent 1.
struct Space {
    Three data, kernel, stride, dilation, pad, pad_end, out;
    std::size_t data_size() const { return static_cast<std::size_t>(data[0] * data[1] * data[2]); }
    std::size_t kernel_size() const { return static_cast<std::size_t>(kernel[0] * kernel[1] * kernel[2]); }
    std::size_t out_size() const { return static_cast<std::size_t>(out[0] * out[1] * out[2]); }
};

Space space_of(const Window& w) {
    const auto three = [](const Dims& dims, std::int64_t missing) {
        Three result{missing, missing, missing};
        std::ranges::copy(dims, result.begin() + static_cast<std::ptrdiff_t>(3 - dims.size()));
        return result;
    };
    return {three(w.data, 1),       three(w.kernel, 1),   three(w.strides, 1), three(w.dilations, 1),
            three(w.pads_begin, 0), three(w.pads_end, 0), three(w.output, 1)};
}

Three position(std::size_t flat, const Three& extents) {
    const auto i = static_cast<std::int64_t>(flat);
    return {i / (extents[1] * extents[2]), i / extents[2] % extents[1], i % extents[2]};
}

// Element `at` + tap of a plane, or -1 where it lies outside.
std::int64_t place(const Three& at, const Three& tap, const Three& extents) {
    std::int64_t flat = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t x = at[axis] + tap[axis];
        if (static_cast<std::uint64_t>(x) >= static_cast<std::uint64_t>(extents[axis])) return -1;
        flat = flat * extents[axis] + x;
    }
    return flat;
}

// Offsets of the kernel's elements from the first.
std::vector<Three> taps_of(const Space& s) {
    std::vector<Three> taps;
    for (std::size_t i = 0; i < s.kernel_size(); ++i) {
        Three tap = position(i, s.kernel);
        for (std::size_t axis = 0; axis < 3; ++axis) tap[axis] *= s.dilation[axis];
        taps.push_back(tap);
    }
    return taps;
}

// Where window (or, backward, data element) `flat` starts.
Three start(std::size_t flat, const Three& extents, const Space& s) {
    Three at = position(flat, extents);
    for (std::size_t axis = 0; axis < 3; ++axis) at[axis] = at[axis] * s.stride[axis] - s.pad[axis];
    return at;
}

std::int64_t zero_point(const std::vector<std::int64_t>& zero_points, std::size_t channel) {
    return zero_points.empty() ? 0 : zero_points[zero_points.size() == 1 ? 0 : channel];
}

// The element type sums are made in; of integers modulo 2^32, where the result is exact as long as it fits into i32.
Element sum_element(Element element) { return is_integer(element) ? Element::u32 : arithmetic_element(element); }

template <class F>
void with_sum(Element element, F&& f) {
    if (element == Element::u32) f(std::uint32_t{});
    else if (element == Element::f64) f(double{});
    else f(float{});
}

// A tensor in the type of its sums, with the zero point of channel `channel(i)` subtracted from element i.
template <class F>
Tensor shifted(const Tensor& t, const std::vector<std::int64_t>& zero_points, F&& channel) {
    if (!is_integer(t.element())) return t.converted(arithmetic_element(t.element()));
    const Tensor wide = t.converted(Element::i32);
    Tensor result(Element::u32, t.dims());
    const auto from = wide.as<std::int32_t>();
    const auto to = result.write<std::uint32_t>();
    for (std::size_t i = 0; i < from.size(); ++i)
        to[i] = static_cast<std::uint32_t>(from[i] - zero_point(zero_points, channel(i)));
    return result;
}

Tensor finished(const Tensor& sums, Element element) {
    if (!is_integer(element)) return sums.converted(element);
    return Tensor(Element::i32, sums.dims(), sums.data(), sums.owner());
}

struct Sizes {
    std::size_t batch, groups, inputs, outputs;  // channels of one group
};

// Columns of the data for windows first..first+count: one row per channel and tap.
template <class T>
void gather(const T* data, const Space& s, const std::vector<Three>& taps, std::size_t channels, std::size_t first,
            std::size_t count, T* block) {
    const std::size_t depth = channels * taps.size();
    std::array<Three, kBlockColumns> starts;
    for (std::size_t j = 0; j < count; ++j) starts[j] = start(first + j, s.out, s);
    std::array<std::int64_t, kBlockColumns> at{};
    for (std::size_t t = 0; t < taps.size(); ++t) {
        for (std::size_t j = 0; j < count; ++j) at[j] = place(starts[j], taps[t], s.data);
        for (std::size_t column = 0; column < count; column += kTileColumns)
            for (std::size_t c = 0; c < channels; ++c) {
                const T* plane = data + c * s.data_size();
                T* row = block + right_offset(c * taps.size() + t, column, depth);
                for (std::size_t j = 0; j < kTileColumns; ++j)
                    row[j] = column + j < count && at[column + j] >= 0 ? plane[at[column + j]] : T(0);
            }
    }
}

template <class T>
void convolve(const T* data, const T* weights, T* out, const Space& s, const Sizes& n) {
    const std::vector<Three> taps = taps_of(s);
    const std::size_t depth = n.inputs * taps.size();
    std::vector<T> block(depth * kBlockColumns);
    for (std::size_t g = 0; g < n.groups; ++g) {
        const T* kernel = weights + g * n.outputs * depth;
        const auto left = pack_left<T>(n.outputs, depth,
                                       [&](std::size_t o, std::size_t k) { return kernel[o * depth + k]; });
        for (std::size_t b = 0; b < n.batch; ++b) {
            const T* from = data + (b * n.groups + g) * n.inputs * s.data_size();
            T* to = out + (b * n.groups + g) * n.outputs * s.out_size();
            for (std::size_t first = 0; first < s.out_size(); first += kBlockColumns) {
                const std::size_t count = std::min(kBlockColumns, s.out_size() - first);
                gather(from, s, taps, n.inputs, first, count, block.data());
                multiply(left.data(), block.data(), to + first, n.outputs, count, depth, s.out_size());
            }
        }
    }
}

// Every data element adds its multiple of the kernel to the result.
template <class T>
void convolve_backward(const T* data, const T* weights, T* out, const Space& s, const Sizes& n) {
    const std::vector<Three> taps = taps_of(s);
    const std::size_t rows = n.outputs * taps.size();
    std::vector<T> block(n.inputs * kBlockColumns);
    std::vector<T> products(rows * kBlockColumns);
    for (std::size_t g = 0; g < n.groups; ++g) {
        const T* kernel = weights + g * n.inputs * rows;
        const auto left = pack_left<T>(rows, n.inputs,
                                       [&](std::size_t row, std::size_t i) { return kernel[i * rows + row]; });
        for (std::size_t b = 0; b < n.batch; ++b) {
            const T* from = data + (b * n.groups + g) * n.inputs * s.data_size();
            T* to = out + (b * n.groups + g) * n.outputs * s.out_size();
            for (std::size_t first = 0; first < s.data_size(); first += kBlockColumns) {
                const std::size_t count = std::min(kBlockColumns, s.data_size() - first);
                for (std::size_t i = 0; i < n.inputs; ++i)
                    for (std::size_t j = 0; j < count; ++j)
                        block[right_offset(i, j, n.inputs)] = from[i * s.data_size() + first + j];
                multiply(left.data(), block.data(), products.data(), rows, count, n.inputs, kBlockColumns);
                for (std::size_t j = 0; j < count; ++j) {
                    const Three at = start(first + j, s.data, s);
                    for (std::size_t row = 0; row < rows; ++row)
                        if (const std::int64_t p = place(at, taps[row % taps.size()], s.out); p >= 0)
                            to[row / taps.size() * s.out_size() + static_cast<std::size_t>(p)] +=
                                products[row * kBlockColumns + j];
                }
            }
        }
    }
}

template <class T>
Tensors run_convolution(const T& op, In in, const Window& window, const Sizes& n, bool backward) {
    const Space s = space_of(window);
    const Element element = in[0].element();
    const std::size_t plane = s.data_size();
    const std::size_t kernel = s.kernel_size();
    const Tensor data = shifted(in[0], op.zp_a, [&](std::size_t i) { return i / plane % (n.groups * n.inputs); });
    const Tensor weights = shifted(in[1], op.zp_w, [&](std::size_t i) {
        const std::size_t group = i / (kernel * n.outputs * n.inputs);
        const std::size_t output = backward ? i / kernel % n.outputs : i / (kernel * n.inputs) % n.outputs;
        return group * n.outputs + output;
    });
    Dims dims{in[0].dims()[0], static_cast<std::int64_t>(n.groups * n.outputs)};
    dims.insert(dims.end(), window.output.begin(), window.output.end());
    Tensor out(sum_element(element), dims);
    with_sum(out.element(), [&](auto t) {
        using S = decltype(t);
        (backward ? convolve_backward<S> : convolve<S>)(data.as<S>().data(), weights.as<S>().data(),
                                                        out.write<S>().data(), s, n);
    });
    return {finished(out, element)};
}

Dims third_operand(In in) { return in.size() > 2 ? in[2].integers() : Dims{}; }

Tensors run(const Convolution& op, In in) {
    const Dims& w = in[1].dims();
    return run_convolution(op, in, window_of(op, in[0].dims(), w),
                           {extent_of(in[0].dims(), 0), 1, extent_of(w, 1), extent_of(w, 0)}, false);
}
Tensors run(const GroupConvolution& op, In in) {
    const Dims& w = in[1].dims();
    return run_convolution(op, in, window_of(op, in[0].dims(), w),
                           {extent_of(in[0].dims(), 0), extent_of(w, 0), extent_of(w, 2), extent_of(w, 1)}, false);
}
Tensors run(const ConvolutionBackpropData& op, In in) {
    const Dims& w = in[1].dims();
    return run_convolution(op, in, window_of(op, in[0].dims(), w, third_operand(in)),
                           {extent_of(in[0].dims(), 0), 1, extent_of(w, 0), extent_of(w, 1)}, true);
}
Tensors run(const GroupConvolutionBackpropData& op, In in) {
    const Dims& w = in[1].dims();
    return run_convolution(op, in, window_of(op, in[0].dims(), w, third_operand(in)),
                           {extent_of(in[0].dims(), 0), extent_of(w, 0), extent_of(w, 1), extent_of(w, 2)}, true);
}

// The extents and strides of a matmul operand's last two axes, as they enter the product.
struct Matrix {
    std::size_t rows, columns, row_step, column_step;
    Dims outer;
};
Matrix matrix_of(const Dims& dims, bool transpose, bool left) {
    if (dims.size() == 1) {
        const auto n = static_cast<std::size_t>(dims[0]);
        return left ? Matrix{1, n, n, 1, {}} : Matrix{n, 1, 1, 1, {}};
    }
    const std::size_t rows = extent_of(dims, dims.size() - 2);
    const std::size_t columns = extent_of(dims, dims.size() - 1);
    Dims outer(dims.begin(), dims.end() - 2);
    if (transpose) return {columns, rows, 1, columns, std::move(outer)};
    return {rows, columns, columns, 1, std::move(outer)};
}

template <class T>
void multiply_matrices(const T* a, const Matrix& left, const T* b, const Matrix& right, T* c) {
    const std::size_t depth = left.columns;
    const auto packed = pack_left<T>(left.rows, depth, [&](std::size_t row, std::size_t k) {
        return a[row * left.row_step + k * left.column_step];
    });
    std::vector<T> block(depth * kBlockColumns);
    for (std::size_t first = 0; first < right.columns; first += kBlockColumns) {
        const std::size_t count = std::min(kBlockColumns, right.columns - first);
        for (std::size_t j = 0; j < count; ++j)
            for (std::size_t k = 0; k < depth; ++k)
                block[right_offset(k, j, depth)] = b[k * right.row_step + (first + j) * right.column_step];
        multiply(packed.data(), block.data(), c + first, left.rows, count, depth, right.columns);
    }
}

Tensors run(const MatMul& op, In in) {
    const Matrix left = matrix_of(in[0].dims(), op.transpose_a, true);
    const Matrix right = matrix_of(in[1].dims(), op.transpose_b, false);
    require(left.columns == right.rows, "the first operand has {} columns, the second has {} rows", left.columns,
            right.rows);
    const Tensor a = shifted(in[0], op.zp_a, [&](std::size_t i) { return i / left.column_step % left.columns; });
    const Tensor b = shifted(in[1], op.zp_w, [&](std::size_t i) { return i / right.column_step % right.columns; });
    const Dims outer = broadcast_dims(left.outer, right.outer);
    Dims dims = outer;
    if (in[0].dims().size() > 1) dims.push_back(static_cast<std::int64_t>(left.rows));
    if (in[1].dims().size() > 1) dims.push_back(static_cast<std::int64_t>(right.columns));
    Tensor out(a.element(), dims);
    with_sum(a.element(), [&](auto t) {
        using T = decltype(t);
        const T* x = a.as<T>().data();
        const T* y = b.as<T>().data();
        T* z = out.write<T>().data();
        for_each_run<2>(outer, {left.outer, right.outer}, [&](const Run<2>& r) {
            for (std::size_t i = 0; i < r.count; ++i)
                multiply_matrices(x + (r.from[0] + i * r.step[0]) * left.rows * left.columns, left,
                                  y + (r.from[1] + i * r.step[1]) * right.rows * right.columns, right,
                                  z + (r.at + i) * left.rows * right.columns);
        });
    });
    return {finished(out, in[0].element())};
}

Dims pooled_dims(const Dims& data, const Window& window) {
    Dims dims{data[0], data[1]};
    dims.insert(dims.end(), window.output.begin(), window.output.end());
    return dims;
}

Tensors run(const MaxPool& op, In in) {
    const Window window = window_of(op, in[0].dims());
    const Space s = space_of(window);
    const std::vector<Three> taps = taps_of(s);
    const Tensor data = in[0].converted(arithmetic_element(in[0].element()));
    Tensor values(data.element(), pooled_dims(data.dims(), window));
    Tensor indices(Element::i64, values.dims());
    const auto axis = static_cast<std::ptrdiff_t>(normalise_axis(op.axis, data.dims().size()));
    const auto cycle = static_cast<std::size_t>(product(Dims(data.dims().begin() + axis, data.dims().end())));
    with_arithmetic(data.element(), [&](auto t) {
        using T = decltype(t);
        const T* from = data.as<T>().data();
        T* value = values.write<T>().data();
        std::int64_t* index = indices.write<std::int64_t>().data();
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::size_t plane = i / s.out_size() * s.data_size();
            const Three at = start(i % s.out_size(), s.out, s);
            T best = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                          : std::numeric_limits<T>::lowest();
            std::int64_t found = -1;
            for (const Three& tap : taps) {
                const std::int64_t p = place(at, tap, s.data);
                if (p < 0 || (found >= 0 && !(from[plane + static_cast<std::size_t>(p)] > best))) continue;
                best = from[plane + static_cast<std::size_t>(p)];
                found = p;
            }
            value[i] = best;
            index[i] = found < 0 ? 0 : static_cast<std::int64_t>((plane + static_cast<std::size_t>(found)) % cycle);
        }
    });
    return {values.converted(in[0].element()), indices.converted(op.index_element)};
}

// Number of kernel elements that count in the divisor of a window which starts at `at` and has `inside` elements on the data.
std::int64_t divisor(const Three& at, const Space& s, std::int64_t inside, bool exclude_pad) {
    if (exclude_pad) return inside;
    std::int64_t count = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t end = std::min(at[axis] + s.kernel[axis], s.data[axis] + s.pad_end[axis]);
        count *= std::max<std::int64_t>(end - at[axis], 0);
    }
    return count;
}

Tensors run(const AvgPool& op, In in) {
    const Window window = window_of(op, in[0].dims());
    const Space s = space_of(window);
    const std::vector<Three> taps = taps_of(s);
    const Tensor data = in[0].converted(arithmetic_element(in[0].element()));
    Tensor out(data.element(), pooled_dims(data.dims(), window));
    with_arithmetic(data.element(), [&](auto t) {
        using T = decltype(t);
        const T* from = data.as<T>().data();
        T* to = out.write<T>().data();
        for (std::size_t i = 0; i < out.size(); ++i) {
            const T* plane = from + i / s.out_size() * s.data_size();
            const Three at = start(i % s.out_size(), s.out, s);
            double sum = 0;
            std::int64_t inside = 0;
            for (const Three& tap : taps)
                if (const std::int64_t p = place(at, tap, s.data); p >= 0) {
                    sum += static_cast<double>(plane[p]);
                    ++inside;
                }
            const std::int64_t count = divisor(at, s, inside, op.exclude_pad);
            const double mean = count == 0 ? 0 : sum / static_cast<double>(count);
            to[i] = static_cast<T>(std::is_integral_v<T> ? std::nearbyint(mean) : mean);
        }
    });
    return {out.converted(in[0].element())};
}

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(&run)>();
}

constexpr Kernel kRows[] = {row<Convolution>(),
                            row<GroupConvolution>(),
                            row<ConvolutionBackpropData>(),
                            row<GroupConvolutionBackpropData>(),
                            row<MaxPool>(),
                            row<AvgPool>(),
                            row<MatMul>()};

}  // namespace

const std::span<const Kernel> kConvolutionKernels(kRows);

}  // namespace octet::ir::eval
