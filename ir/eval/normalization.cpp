#include "ir/ops/normalization.hpp"

#include <cmath>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;

// Computes in float or double on the first operand: f(data, out), pointers of the same type.
template <class F>
Tensors floats(In in, F&& f) {
    const Tensor data = in[0].converted(arithmetic_element(in[0].element()));
    Tensor out(data.element(), data.dims());
    if (data.element() == Element::f64) f(data.as<double>().data(), out.write<double>().data());
    else f(data.as<float>().data(), out.write<float>().data());
    return {out.converted(in[0].element())};
}

Tensors run(const BatchNormInference& op, In in) {
    const Dims& dims = in[0].dims();
    Dims channels(dims.size(), 1);
    channels[1] = dims[1];
    std::array<Tensor, 4> p;
    for (std::size_t i = 0; i < 4; ++i) p[i] = in[i + 1].converted(Element::f64);
    const double* gamma = p[0].as<double>().data();
    const double* beta = p[1].as<double>().data();
    const double* mean = p[2].as<double>().data();
    const double* variance = p[3].as<double>().data();
    return floats(in, [&]<class T>(const T* x, T* y) {
        for_each_run<1>(dims, {channels}, [&](const Run<1>& r) {
            for (std::size_t i = 0; i < r.count; ++i) {
                const std::size_t c = r.from[0] + i * r.step[0];
                const double unit = (static_cast<double>(x[r.at + i]) - mean[c]) / std::sqrt(variance[c] + op.epsilon);
                y[r.at + i] = static_cast<T>(unit * gamma[c] + beta[c]);
            }
        });
    });
}

// The data's shape with extent 1 along the axes of the second operand.
Dims kept_dims(In in) {
    Dims dims = in[0].dims();
    for (std::int64_t axis : in[1].integers()) dims[normalise_axis(axis, dims.size())] = 1;
    return dims;
}

// Sums of f(element, offset of its group) over groups of shape `kept`.
template <class T, class F>
std::vector<double> sums(const T* x, const Dims& dims, const Dims& kept, F&& f) {
    std::vector<double> total(static_cast<std::size_t>(product(kept)), 0.0);
    for_each_run<1>(dims, {kept}, [&](const Run<1>& r) {
        for (std::size_t i = 0; i < r.count; ++i) {
            const std::size_t group = r.from[0] + i * r.step[0];
            total[group] += f(static_cast<double>(x[r.at + i]), group);
        }
    });
    return total;
}

// y = f(x, offset of its group).
template <class T, class F>
void each(const T* x, T* y, const Dims& dims, const Dims& kept, F&& f) {
    for_each_run<1>(dims, {kept}, [&](const Run<1>& r) {
        for (std::size_t i = 0; i < r.count; ++i)
            y[r.at + i] = static_cast<T>(f(static_cast<double>(x[r.at + i]), r.from[0] + i * r.step[0]));
    });
}

Tensors run(const Mvn& op, In in) {
    const Dims& dims = in[0].dims();
    const Dims kept = kept_dims(in);
    const double count = in[0].size() == 0 ? 1 : static_cast<double>(product(dims) / product(kept));
    return floats(in, [&]<class T>(const T* x, T* y) {
        std::vector<double> mean = sums(x, dims, kept, [](double v, std::size_t) { return v; });
        for (double& m : mean) m /= count;
        std::vector<double> deviation(mean.size(), 1.0);
        if (op.normalize_variance) {
            deviation = sums(x, dims, kept, [&](double v, std::size_t g) { return (v - mean[g]) * (v - mean[g]); });
            for (double& d : deviation)
                d = op.eps_mode == EpsMode::inside_sqrt ? std::sqrt(d / count + op.eps) : std::sqrt(d / count) + op.eps;
        }
        each(x, y, dims, kept, [&](double v, std::size_t g) { return (v - mean[g]) / deviation[g]; });
    });
}

Tensors run(const NormalizeL2& op, In in) {
    const Dims& dims = in[0].dims();
    const Dims kept = kept_dims(in);
    return floats(in, [&]<class T>(const T* x, T* y) {
        std::vector<double> norm = sums(x, dims, kept, [](double v, std::size_t) { return v * v; });
        for (double& n : norm) n = std::sqrt(op.eps_mode == L2EpsMode::add ? n + op.eps : std::max(n, op.eps));
        each(x, y, dims, kept, [&](double v, std::size_t g) { return v / norm[g]; });
    });
}

// Replaces each element by the sum of those up to `reach` away along an axis.
void window_sums(std::vector<double>& values, const Dims& dims, std::size_t axis, std::int64_t reach) {
    const auto extent = dims[axis];
    const auto step = static_cast<std::size_t>(row_major_strides(dims)[axis]);
    std::vector<double> line(static_cast<std::size_t>(extent));
    for (std::size_t first = 0; first < values.size(); ++first) {
        if (first / step % static_cast<std::size_t>(extent) != 0) continue;
        for (std::size_t i = 0; i < line.size(); ++i) line[i] = values[first + i * step];
        for (std::int64_t i = 0; i < extent; ++i) {
            double sum = 0;
            const std::int64_t end = std::min(extent, i + reach + 1);
            for (std::int64_t k = std::max<std::int64_t>(0, i - reach); k < end; ++k)
                sum += line[static_cast<std::size_t>(k)];
            values[first + static_cast<std::size_t>(i) * step] = sum;
        }
    }
}

Tensors run(const Lrn& op, In in) {
    const Dims axes = in[1].integers();
    const double scale = op.alpha / std::pow(static_cast<double>(op.size), static_cast<double>(axes.size()));
    return floats(in, [&]<class T>(const T* x, T* y) {
        std::vector<double> squares(in[0].size());
        for (std::size_t i = 0; i < squares.size(); ++i)
            squares[i] = static_cast<double>(x[i]) * static_cast<double>(x[i]);
        for (std::int64_t axis : axes)
            window_sums(squares, in[0].dims(), normalise_axis(axis, in[0].dims().size()), (op.size - 1) / 2);
        for (std::size_t i = 0; i < squares.size(); ++i)
            y[i] = static_cast<T>(static_cast<double>(x[i]) / std::pow(op.bias + scale * squares[i], op.beta));
    });
}

// For each line along the axis: its maximum, and the sum of exp(x - maximum). Lines that lie side by side are worked on together.
template <class T, class F>
void each_line(const T* x, T* y, const Dims& dims, std::int64_t axis_field, F&& finish) {
    const auto axis = static_cast<std::ptrdiff_t>(normalise_axis(axis_field, dims.size()));
    const auto extent = extent_of(dims, static_cast<std::size_t>(axis));
    const auto inner = static_cast<std::size_t>(product(Dims(dims.begin() + axis + 1, dims.end())));
    const auto outer = static_cast<std::size_t>(product(Dims(dims.begin(), dims.begin() + axis)));
    std::vector<T> highest(inner);
    std::vector<double> total(inner);
    for (std::size_t o = 0; o < outer && extent > 0; ++o) {
        const T* from = x + o * extent * inner;
        T* to = y + o * extent * inner;
        std::copy_n(from, inner, highest.begin());
        for (std::size_t i = inner; i < extent * inner; ++i) highest[i % inner] = std::max(highest[i % inner], from[i]);
        std::ranges::fill(total, 0.0);
        for (std::size_t k = 0; k < extent; ++k)
            for (std::size_t i = 0; i < inner; ++i) {
                to[k * inner + i] = std::exp(from[k * inner + i] - highest[i]);
                total[i] += static_cast<double>(to[k * inner + i]);
            }
        for (std::size_t k = 0; k < extent; ++k)
            for (std::size_t i = 0; i < inner; ++i)
                to[k * inner + i] = static_cast<T>(
                    finish(from[k * inner + i], to[k * inner + i], highest[i], total[i]));
    }
}

Tensors run(const SoftMax& op, In in) {
    return floats(in, [&]<class T>(const T* x, T* y) {
        each_line(x, y, in[0].dims(), op.axis,
                  [](T, T power, T, double total) { return static_cast<double>(power) / total; });
    });
}

Tensors run(const LogSoftMax& op, In in) {
    return floats(in, [&]<class T>(const T* x, T* y) {
        each_line(x, y, in[0].dims(), op.axis, [](T value, T, T highest, double total) {
            return static_cast<double>(value) - static_cast<double>(highest) - std::log(total);
        });
    });
}

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(&run)>();
}

constexpr Kernel kRows[] = {row<BatchNormInference>(), row<Mvn>(), row<NormalizeL2>(), row<Lrn>(), row<SoftMax>(),
                            row<LogSoftMax>()};

}  // namespace

const std::span<const Kernel> kNormalizationKernels(kRows);

}  // namespace octet::ir::eval
