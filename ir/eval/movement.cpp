#include "ir/ops/movement.hpp"

#include <cmath>

#include "ir/eval/copy.hpp"
#include "ir/eval/movement.hpp"
#include "ir/eval/support.hpp"
#include "ir/ops/slicing.hpp"

namespace octet::ir::eval {
namespace {

std::size_t axis_of(const Tensor& axis, std::size_t rank) {
    require(axis.size() == 1, "the axis has {} elements, wanted 1", axis.size());
    return normalise_axis(axis.integer_at(0), rank);
}

std::size_t count(const Dims& dims, std::size_t from, std::size_t to) {
    std::size_t n = 1;
    for (std::size_t i = from; i < to; ++i) n *= extent_of(dims, i);
    return n;
}

template <class T>
Tensors reshape(const T& op, std::span<const Tensor> in) {
    return {in[0].reshaped(result_dims(op, in))};
}

Tensors transpose(const Transpose& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < dims.size(); ++i)
        order.push_back(in[1].size() == 0 ? dims.size() - 1 - i : static_cast<std::size_t>(in[1].integer_at(i)));
    return {permuted(in[0], in[0].dims(), order, std::move(dims))};
}

Tensors concat_kernel(const Concat& op, std::span<const Tensor> in) {
    result_types(op, in);
    return {concat(in, normalise_axis(op.axis, in[0].dims().size()))};
}

// Split and VariadicSplit: the lengths are those of the results.
template <class T>
Tensors split_kernel(const T& op, std::span<const Tensor> in) {
    const std::size_t axis = axis_of(in[1], in[0].dims().size());
    Dims lengths;
    for (const Type& type : result_types(op, in)) lengths.push_back(type.shape[axis].low);
    return split(in[0], axis, lengths);
}

Tensors strided_slice(const StridedSlice& op, std::span<const Tensor> in) {
    using Kind = SliceStep::Kind;
    Dims result = result_dims(op, in);
    const Dims& data = in[0].dims();
    Dims first(data.size(), 0), step(data.size(), 1), box = data;
    for (const SliceStep& s : strided_slice_steps(op, in[1].size(), data.size())) {
        if (s.kind == Kind::copy || s.kind == Kind::fresh) continue;
        const auto bound = [&](const std::vector<std::int64_t>& mask, const Tensor& list) {
            return mask_at(mask, s.entry) ? std::nullopt : std::optional(list.integer_at(s.entry));
        };
        const auto begin = bound(op.begin_mask, in[1]);
        if (s.kind == Kind::index) {
            const std::int64_t at = begin.value_or(0);
            first[s.axis] = at < 0 ? at + data[s.axis] : at;
            box[s.axis] = 1;
            continue;
        }
        const AxisSlice slice = slice_axis(data[s.axis], begin, bound(op.end_mask, in[2]),
                                           in.size() > 3 ? in[3].integer_at(s.entry) : 1);
        first[s.axis] = slice.first;
        step[s.axis] = slice.step;
        box[s.axis] = slice.count;
    }
    return {boxed(in[0], first, std::move(box), step).reshaped(std::move(result))};
}

Tensors slice(const Slice& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    Dims first(dims.size(), 0), step(dims.size(), 1);
    for (std::size_t i = 0; i < in[1].size(); ++i) {
        const std::size_t axis = in.size() > 4 ? normalise_axis(in[4].integer_at(i), dims.size()) : i;
        const AxisSlice s = slice_axis(in[0].dims()[axis], in[1].integer_at(i), in[2].integer_at(i),
                                       in[3].integer_at(i));
        first[axis] = s.first;
        step[axis] = s.step;
    }
    return {boxed(in[0], first, std::move(dims), step)};
}

Tensors gather(const Gather& op, std::span<const Tensor> in) {
    const Dims& data = in[0].dims();
    const Dims& indices = in[1].dims();
    Tensor out(in[0].element(), result_dims(op, in));
    const auto batch = static_cast<std::size_t>(
        op.batch_dims < 0 ? op.batch_dims + static_cast<std::int64_t>(indices.size()) : op.batch_dims);
    const std::size_t axis = axis_of(in[2], data.size());
    const auto size = static_cast<std::int64_t>(extent_of(data, axis));
    const std::size_t batches = count(data, 0, batch), outer = count(data, batch, axis);
    const std::size_t each = count(indices, batch, indices.size());
    const std::size_t block = count(data, axis + 1, data.size()) * element_bytes(out.element());
    const std::vector<std::int64_t> places = in[1].integers();
    std::byte* to = out.write_raw().data();
    for (std::size_t b = 0; b < batches; ++b)
        for (std::size_t o = 0; o < outer; ++o) {
            const std::byte* from = in[0].data() + (b * outer + o) * static_cast<std::size_t>(size) * block;
            for (std::size_t i = 0; i < each; ++i, to += block) {
                const std::int64_t at = places[b * each + i] < 0 ? places[b * each + i] + size : places[b * each + i];
                if (at >= 0 && at < size) std::memcpy(to, from + static_cast<std::size_t>(at) * block, block);
            }
        }
    return {out};
}

std::int64_t place_on_axis(std::int64_t index, std::int64_t size) {
    const std::int64_t at = index < 0 ? index + size : index;
    require(at >= 0 && at < size, "index {} is not within a dimension of {}", index, size);
    return at;
}

// Calls f(element of the indices, element of the tensor it names) for GatherElements and ScatterElementsUpdate.
template <class F>
void for_each_indexed(const Tensor& indices, const Dims& data, std::size_t axis, F f) {
    const Dims strides = row_major_strides(data);
    const std::vector<std::int64_t> places = indices.integers();
    if (places.empty()) return;
    Dims at(data.size(), 0);
    std::size_t i = 0;
    do {
        std::int64_t offset = place_on_axis(places[i], data[axis]) * strides[axis];
        for (std::size_t k = 0; k < data.size(); ++k)
            if (k != axis) offset += at[k] * strides[k];
        f(i++, static_cast<std::size_t>(offset));
    } while (next_index(at, indices.dims()));
}

Tensors gather_elements(const GatherElements& op, std::span<const Tensor> in) {
    Tensor out(in[0].element(), result_dims(op, in));
    const std::size_t axis = normalise_axis(op.axis, in[0].dims().size());
    with_bits(out.element(), [&](auto sample) {
        using T = decltype(sample);
        const T* from = reinterpret_cast<const T*>(in[0].data());
        T* to = reinterpret_cast<T*>(out.write_raw().data());
        for_each_indexed(in[1], in[0].dims(), axis, [&](std::size_t i, std::size_t at) { to[i] = from[at]; });
    });
    return {out};
}

// Offset, in blocks, of the tuple of indices at `from` into axes first, first + 1, ... of the data.
std::int64_t tuple_offset(std::span<const std::int64_t> tuple, const Dims& data, std::size_t first) {
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < tuple.size(); ++k)
        offset = offset * data[first + k] + place_on_axis(tuple[k], data[first + k]);
    return offset;
}

Tensors gather_nd(const GatherNd& op, std::span<const Tensor> in) {
    const Dims& data = in[0].dims();
    const Dims& indices = in[1].dims();
    Tensor out(in[0].element(), result_dims(op, in));
    const auto batch = static_cast<std::size_t>(op.batch_dims);
    const std::size_t depth = extent_of(indices, indices.size() - 1);
    const std::size_t batches = count(indices, 0, batch), each = count(indices, batch, indices.size() - 1);
    const std::size_t block = count(data, batch + depth, data.size()) * element_bytes(out.element());
    const std::size_t step = count(data, batch, data.size()) * element_bytes(out.element());
    const std::vector<std::int64_t> places = in[1].integers();
    std::byte* to = out.write_raw().data();
    for (std::size_t i = 0; i < batches * each; ++i, to += block) {
        const std::int64_t at = tuple_offset(std::span(places).subspan(i * depth, depth), data, batch);
        std::memcpy(to, in[0].data() + i / each * step + static_cast<std::size_t>(at) * block, block);
    }
    return {out};
}

Tensor copied(const Tensor& t) {
    Tensor out(t.element(), t.dims());
    std::ranges::copy(t.raw(), out.write_raw().begin());
    return out;
}

Tensors scatter_nd_update(const ScatterNdUpdate& op, std::span<const Tensor> in) {
    result_types(op, in);
    const Dims& data = in[0].dims();
    const Dims& indices = in[1].dims();
    Tensor out = copied(in[0]);
    const std::size_t depth = extent_of(indices, indices.size() - 1);
    const std::size_t tuples = count(indices, 0, indices.size() - 1);
    const std::size_t block = count(data, depth, data.size()) * element_bytes(out.element());
    const std::vector<std::int64_t> places = in[1].integers();
    for (std::size_t i = 0; i < tuples; ++i) {
        const std::int64_t at = tuple_offset(std::span(places).subspan(i * depth, depth), data, 0);
        std::memcpy(out.write_raw().data() + static_cast<std::size_t>(at) * block, in[2].data() + i * block, block);
    }
    return {out};
}

Tensors scatter_update(const ScatterUpdate& op, std::span<const Tensor> in) {
    result_types(op, in);
    const Dims& data = in[0].dims();
    Tensor out = copied(in[0]);
    const std::size_t axis = axis_of(in[3], data.size());
    const std::size_t block = count(data, axis + 1, data.size()) * element_bytes(out.element());
    const std::vector<std::int64_t> places = in[1].integers();
    for (std::size_t o = 0; o < count(data, 0, axis); ++o)
        for (std::size_t i = 0; i < places.size(); ++i) {
            const auto at = static_cast<std::size_t>(place_on_axis(places[i], data[axis]));
            std::memcpy(out.write_raw().data() + (o * extent_of(data, axis) + at) * block,
                        in[2].data() + (o * places.size() + i) * block, block);
        }
    return {out};
}

Tensors scatter_elements_update(const ScatterElementsUpdate& op, std::span<const Tensor> in) {
    result_types(op, in);
    Tensor out = copied(in[0]);
    const std::size_t axis = axis_of(in[3], in[0].dims().size());
    with_bits(out.element(), [&](auto sample) {
        using T = decltype(sample);
        const T* from = reinterpret_cast<const T*>(in[2].data());
        T* to = reinterpret_cast<T*>(out.write_raw().data());
        for_each_indexed(in[1], in[0].dims(), axis, [&](std::size_t i, std::size_t at) { to[at] = from[i]; });
    });
    return {out};
}

Tensors shape_of(const ShapeOf& op, std::span<const Tensor> in) {
    return {Tensor::vector(in[0].dims()).converted(op.element)};
}

Tensors range(const Range& op, std::span<const Tensor> in) {
    Tensor out(op.element, result_dims(op, in));
    if (is_integer(op.element)) {
        const std::int64_t start = in[0].converted(op.element).integer_at(0),
                           step = in[2].converted(op.element).integer_at(0);
        std::vector<std::int64_t> numbers(out.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = start + static_cast<std::int64_t>(i) * step;
        return {Tensor::vector(numbers).converted(op.element)};
    }
    std::vector<double> numbers(out.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = in[0].at(0) + static_cast<double>(i) * in[2].at(0);
    return {Tensor::vector(numbers).converted(op.element)};
}

Tensors non_zero(const NonZero& op, std::span<const Tensor> in) {
    const Dims& dims = in[0].dims();
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < in[0].size(); ++i)
        if (in[0].at(i) != 0) found.push_back(i);
    const Dims strides = row_major_strides(dims);
    Tensor out(Element::i64, {static_cast<std::int64_t>(dims.size()), static_cast<std::int64_t>(found.size())});
    auto to = out.write<std::int64_t>();
    for (std::size_t axis = 0; axis < dims.size(); ++axis)
        for (std::size_t i = 0; i < found.size(); ++i)
            to[axis * found.size() + i] = static_cast<std::int64_t>(found[i]) / strides[axis] % dims[axis];
    return {out.converted(op.element)};
}

Tensors one_hot(const OneHot& op, std::span<const Tensor> in) {
    Tensor out(in[2].element(), result_dims(op, in));
    const std::size_t axis = normalise_axis(op.axis, out.dims().size());
    const std::size_t depth = extent_of(out.dims(), axis), inner = count(out.dims(), axis + 1, out.dims().size());
    const std::vector<std::int64_t> indices = in[0].integers();
    with_bits(out.element(), [&](auto sample) {
        using T = decltype(sample);
        T* to = reinterpret_cast<T*>(out.write_raw().data());
        std::fill_n(to, out.size(), *reinterpret_cast<const T*>(in[3].data()));
        for (std::size_t i = 0; i < indices.size(); ++i) {
            if (indices[i] < 0 || indices[i] >= static_cast<std::int64_t>(depth)) continue;
            to[(i / inner * depth + static_cast<std::size_t>(indices[i])) * inner + i % inner] =
                *reinterpret_cast<const T*>(in[2].data());
        }
    });
    return {out};
}

constexpr Kernel kTable[] = {
    kernel<Reshape, reshape<Reshape>>(),
    kernel<Squeeze, reshape<Squeeze>>(),
    kernel<Unsqueeze, reshape<Unsqueeze>>(),
    kernel<Transpose, transpose>(),
    kernel<Concat, concat_kernel>(),
    kernel<Split, split_kernel<Split>>(),
    kernel<VariadicSplit, split_kernel<VariadicSplit>>(),
    kernel<StridedSlice, strided_slice>(),
    kernel<Slice, slice>(),
    kernel<Gather, gather>(),
    kernel<GatherElements, gather_elements>(),
    kernel<GatherNd, gather_nd>(),
    kernel<ScatterNdUpdate, scatter_nd_update>(),
    kernel<ScatterUpdate, scatter_update>(),
    kernel<ScatterElementsUpdate, scatter_elements_update>(),
    kernel<Pad, pad>(),
    kernel<Tile, tile>(),
    kernel<Broadcast, broadcast_kernel>(),
    kernel<DepthToSpace, depth_to_space>(),
    kernel<SpaceToDepth, space_to_depth>(),
    kernel<ShuffleChannels, shuffle_channels>(),
    kernel<BatchToSpace, batch_to_space>(),
    kernel<SpaceToBatch, space_to_batch>(),
    kernel<ReverseSequence, reverse_sequence>(),
    kernel<ShapeOf, shape_of>(),
    kernel<Range, range>(),
    kernel<NonZero, non_zero>(),
    kernel<OneHot, one_hot>(),
};

}  // namespace

const std::span<const Kernel> kMovementKernels{kTable};

}  // namespace octet::ir::eval
