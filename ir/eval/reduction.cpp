#include "ir/ops/reduction.hpp"

#include <cmath>
#include <numeric>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

using In = std::span<const Tensor>;

// The shape of the data with extent 1 along the axes of the second operand.
Dims kept_dims(In in) {
    Dims dims = in[0].dims();
    for (std::int64_t axis : in[1].integers()) dims[normalise_axis(axis, dims.size())] = 1;
    return dims;
}

Dims result_dims(In in, bool keep_dims) {
    const Dims kept = kept_dims(in);
    if (keep_dims) return kept;
    std::vector<bool> gone(kept.size());
    for (std::int64_t axis : in[1].integers()) gone[normalise_axis(axis, kept.size())] = true;
    Dims dims;
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (!gone[i]) dims.push_back(kept[i]);
    return dims;
}

// Sums are long: floats add up in double, integers in int64.
template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

// total = join(total, element) from `start` on; finish(total, number of elements joined) is the result.
template <class Join, class Finish>
Tensors reduce(In in, bool keep_dims, double start, Join join, Finish finish) {
    const Element element = in[0].element();
    const Tensor data = in[0].converted(arithmetic_element(element));
    const Dims kept = kept_dims(in);
    Tensor out(data.element(), result_dims(in, keep_dims));
    with_arithmetic(element, [&](auto t) {
        using T = decltype(t);
        using Total = Sum<T>;
        const Tensor first = Tensor::scalar(start).converted(element_of<Total>());
        std::vector<Total> totals(out.size(), first.as<Total>()[0]);
        const T* x = data.as<T>().data();
        for_each_run<1>(data.dims(), {kept}, [&](const Run<1>& r) {
            Total* total = totals.data() + r.from[0];
            const T* from = x + r.at;
            if (r.step[0] == 1) {
                for (std::size_t i = 0; i < r.count; ++i) total[i] = join(total[i], static_cast<Total>(from[i]));
                return;
            }
            Total sum = *total;
            for (std::size_t i = 0; i < r.count; ++i) sum = join(sum, static_cast<Total>(from[i]));
            *total = sum;
        });
        const auto count = static_cast<Total>(out.size() == 0 ? 0 : data.size() / out.size());
        T* to = out.write<T>().data();
        for (std::size_t i = 0; i < totals.size(); ++i) to[i] = static_cast<T>(finish(totals[i], count));
    });
    return {out.converted(element)};
}

constexpr auto kAsItIs = [](auto total, auto) { return total; };
constexpr auto kAdd = [](auto a, auto b) { return a + b; };

Tensors run(const ReduceMean& op, In in) {
    return reduce(in, op.keep_dims, 0, kAdd, [](auto total, auto count) {
        if constexpr (std::is_integral_v<decltype(total)>) require(count != 0, "the mean of no elements");
        return total / count;
    });
}
Tensors run(const ReduceSum& op, In in) { return reduce(in, op.keep_dims, 0, kAdd, kAsItIs); }
Tensors run(const ReduceMax& op, In in) {
    return reduce(
        in, op.keep_dims, -std::numeric_limits<double>::infinity(), [](auto a, auto b) { return a < b ? b : a; },
        kAsItIs);
}
Tensors run(const ReduceMin& op, In in) {
    return reduce(
        in, op.keep_dims, std::numeric_limits<double>::infinity(), [](auto a, auto b) { return b < a ? b : a; },
        kAsItIs);
}
Tensors run(const ReduceProd& op, In in) {
    return reduce(
        in, op.keep_dims, 1, [](auto a, auto b) { return a * b; }, kAsItIs);
}
Tensors run(const ReduceL1& op, In in) {
    return reduce(
        in, op.keep_dims, 0, [](auto a, auto b) { return a + (b < 0 ? -b : b); }, kAsItIs);
}
Tensors run(const ReduceL2& op, In in) {
    return reduce(
        in, op.keep_dims, 0, [](auto a, auto b) { return a + b * b; },
        [](auto total, auto) { return std::sqrt(static_cast<double>(total)); });
}
Tensors run(const ReduceLogicalAnd& op, In in) {
    return reduce(
        in, op.keep_dims, 1, [](auto a, auto b) { return static_cast<decltype(a)>(a != 0 && b != 0); }, kAsItIs);
}
Tensors run(const ReduceLogicalOr& op, In in) {
    return reduce(
        in, op.keep_dims, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a != 0 || b != 0); }, kAsItIs);
}

// A tensor as outer x extent x inner around one axis.
struct Lines {
    std::size_t outer, extent, inner;
};
Lines lines_of(const Dims& dims, std::size_t axis) {
    const auto at = dims.begin() + static_cast<std::ptrdiff_t>(axis);
    return {static_cast<std::size_t>(product(Dims(dims.begin(), at))), extent_of(dims, axis),
            static_cast<std::size_t>(product(Dims(at + 1, dims.end())))};
}

// The k first indices of a line in the op's order.
template <class T>
void select(const TopK& op, const T* line, std::size_t step, std::size_t k, std::vector<std::size_t>& order) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto before = [&](std::size_t a, std::size_t b) {
        const T x = line[a * step];
        const T y = line[b * step];
        if (x != y) return op.mode == TopKMode::max ? x > y : x < y;
        return a < b;
    };
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(k);
    std::partial_sort(order.begin(), end, order.end(), before);
    if (op.sort == TopKSort::index) std::sort(order.begin(), end);
}

Tensors run(const TopK& op, In in) {
    const std::size_t axis = normalise_axis(op.axis, in[0].dims().size());
    const std::int64_t k = in[1].integer_at(0);
    require(k >= 0 && k <= in[0].dims()[axis], "k is {}, axis {} has {} elements", k, axis, in[0].dims()[axis]);
    const Tensor data = in[0].converted(arithmetic_element(in[0].element()));
    Dims dims = in[0].dims();
    dims[axis] = k;
    Tensor values(data.element(), dims);
    Tensor indices(Element::i64, dims);
    const Lines lines = lines_of(in[0].dims(), axis);
    const auto chosen = static_cast<std::size_t>(k);
    with_arithmetic(data.element(), [&](auto t) {
        using T = decltype(t);
        const T* from = data.as<T>().data();
        T* value = values.write<T>().data();
        std::int64_t* index = indices.write<std::int64_t>().data();
        std::vector<std::size_t> order(lines.extent);
        for (std::size_t o = 0; o < lines.outer; ++o)
            for (std::size_t i = 0; i < lines.inner; ++i) {
                const T* line = from + o * lines.extent * lines.inner + i;
                select(op, line, lines.inner, chosen, order);
                for (std::size_t n = 0; n < chosen; ++n) {
                    const std::size_t at = (o * chosen + n) * lines.inner + i;
                    value[at] = line[order[n] * lines.inner];
                    index[at] = static_cast<std::int64_t>(order[n]);
                }
            }
    });
    return {values.converted(in[0].element()), indices.converted(op.index_element)};
}

Tensors run(const CumSum& op, In in) {
    const std::size_t axis = normalise_axis(in.size() > 1 ? in[1].integer_at(0) : 0, in[0].dims().size());
    const Tensor data = in[0].converted(arithmetic_element(in[0].element()));
    Tensor out(data.element(), data.dims());
    const Lines lines = lines_of(data.dims(), axis);
    with_arithmetic(data.element(), [&](auto t) {
        using T = decltype(t);
        const T* from = data.as<T>().data();
        T* to = out.write<T>().data();
        for (std::size_t o = 0; o < lines.outer; ++o)
            for (std::size_t i = 0; i < lines.inner; ++i) {
                Sum<T> sum = 0;
                for (std::size_t n = 0; n < lines.extent; ++n) {
                    const std::size_t place = op.reverse ? lines.extent - 1 - n : n;
                    const std::size_t at = (o * lines.extent + place) * lines.inner + i;
                    if (op.exclusive) to[at] = static_cast<T>(sum);
                    sum += static_cast<Sum<T>>(from[at]);
                    if (!op.exclusive) to[at] = static_cast<T>(sum);
                }
            }
    });
    return {out.converted(in[0].element())};
}

template <class T>
constexpr Kernel row() {
    return kernel<T, static_cast<Tensors (*)(const T&, In)>(&run)>();
}

constexpr Kernel kRows[] = {row<ReduceMean>(),      row<ReduceSum>(), row<ReduceMax>(), row<ReduceMin>(),
                            row<ReduceProd>(),      row<ReduceL1>(),  row<ReduceL2>(),  row<ReduceLogicalAnd>(),
                            row<ReduceLogicalOr>(), row<TopK>(),      row<CumSum>()};

}  // namespace

const std::span<const Kernel> kReductionKernels(kRows);

}  // namespace octet::ir::eval
