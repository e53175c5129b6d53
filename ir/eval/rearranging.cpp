#include <numeric>

#include "ir/eval/copy.hpp"
#include "ir/eval/movement.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

// Reads `data` along `from` steps into the whole of `out`, whose axes are walked as they come.
void repeat(const Tensor& data, Tensor& out, std::vector<CopyAxis> axes) {
    if (data.size() == 0) return;
    copy_elements(element_bytes(data.element()), data.data(), out.write_raw().data(), std::move(axes));
}

struct Blocks {
    Dims view;
    std::vector<std::size_t> order;
};

}  // namespace

std::int64_t mirrored(std::int64_t i, std::int64_t size, PadMode mode) {
    if (mode == PadMode::edge) return std::clamp<std::int64_t>(i, 0, size - 1);
    const std::int64_t shift = mode == PadMode::symmetric ? 1 : 0;
    if (i < 0) return -i - shift;
    return i >= size ? 2 * (size - 1) - i + shift : i;
}

Tensor padded(const Tensor& data, const Dims& begin, const Dims& end, const Tensor& value) {
    const std::size_t rank = data.dims().size();
    Dims dims = data.dims(), box = data.dims(), first(rank), to_first(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        dims[i] += begin[i] + end[i];
        first[i] = std::max<std::int64_t>(-begin[i], 0);
        to_first[i] = std::max<std::int64_t>(begin[i], 0);
        box[i] = std::max<std::int64_t>(data.dims()[i] - first[i] - std::max<std::int64_t>(-end[i], 0), 0);
    }
    Tensor out(data.element(), dims);
    const Dims from = row_major_strides(data.dims()), to = row_major_strides(dims);
    std::int64_t source = 0, target = 0;
    std::vector<CopyAxis> axes;
    for (std::size_t i = 0; i < rank; ++i) {
        source += first[i] * from[i];
        target += to_first[i] * to[i];
        axes.push_back({box[i], from[i], to[i]});
    }
    with_bits(data.element(), [&](auto sample) {
        using T = decltype(sample);
        T* memory = reinterpret_cast<T*>(out.write_raw().data());
        if (T fill = *reinterpret_cast<const T*>(value.data()); fill != 0) std::fill_n(memory, out.size(), fill);
        copy_elements(sizeof(T), data.data() + source * static_cast<std::int64_t>(sizeof(T)),
                      reinterpret_cast<std::byte*>(memory + target), axes);
    });
    return out;
}

Tensors pad(const Pad& op, std::span<const Tensor> in) {
    const Dims dims = result_dims(op, in);
    const Dims begin = in[1].integers();
    if (op.mode == PadMode::constant)
        return {padded(in[0], begin, in[2].integers(), in.size() > 3 ? in[3] : Tensor(in[0].element(), {1}))};
    std::vector<std::vector<std::int64_t>> indices;
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        indices.emplace_back(extent_of(dims, axis));
        for (std::size_t i = 0; i < indices.back().size(); ++i)
            indices.back()[i] = mirrored(static_cast<std::int64_t>(i) - begin[axis], in[0].dims()[axis], op.mode);
    }
    return {taken(in[0], indices)};
}

Tensors tile(const Tile& op, std::span<const Tensor> in) {
    Tensor out(in[0].element(), result_dims(op, in));
    Dims data = in[0].dims();
    data.insert(data.begin(), out.dims().size() - data.size(), 1);
    const Dims from = row_major_strides(data), to = row_major_strides(out.dims());
    std::vector<CopyAxis> axes;
    for (std::size_t i = 0; i < data.size(); ++i) {
        axes.push_back({data[i] == 0 ? 0 : out.dims()[i] / data[i], 0, data[i] * to[i]});
        axes.push_back({data[i], from[i], to[i]});
    }
    repeat(in[0], out, std::move(axes));
    return {out};
}

Tensors broadcast_kernel(const Broadcast& op, std::span<const Tensor> in) {
    Tensor out(in[0].element(), result_dims(op, in));
    const Dims& data = in[0].dims();
    const Dims from = row_major_strides(data), to = row_major_strides(out.dims());
    std::vector<CopyAxis> axes;
    for (std::size_t i = 0; i < to.size(); ++i) axes.push_back({out.dims()[i], 0, to[i]});
    for (std::size_t i = 0; i < data.size(); ++i) {
        const std::size_t axis = op.mode == BroadcastMode::explicit_ ? normalise_axis(in[2].integer_at(i), to.size())
                                                                     : i + to.size() - data.size();
        if (data[i] != 1) axes[axis].from = from[i];
    }
    repeat(in[0], out, std::move(axes));
    return {out};
}

namespace {

// [N, block..., C, space...] (blocks first) or [N, C, block..., space...]; with the order that puts each block behind its space axis.
Blocks depth_blocks(const Dims& data, std::int64_t block, DepthMode mode) {
    const std::size_t spatial = data.size() - 2;
    const std::int64_t channels = data[1] / product(Dims(spatial, block));
    const bool blocks_first = mode == DepthMode::blocks_first;
    Blocks b{{data[0]}, {0, blocks_first ? spatial + 1 : 1}};
    if (!blocks_first) b.view.push_back(channels);
    b.view.insert(b.view.end(), spatial, block);
    if (blocks_first) b.view.push_back(channels);
    b.view.insert(b.view.end(), data.begin() + 2, data.end());
    for (std::size_t i = 0; i < spatial; ++i) {
        b.order.push_back(spatial + 2 + i);
        b.order.push_back((blocks_first ? 1 : 2) + i);
    }
    return b;
}

}  // namespace

Tensors depth_to_space(const DepthToSpace& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    const Blocks b = depth_blocks(in[0].dims(), op.block_size, op.mode);
    return {permuted(in[0], b.view, b.order, std::move(dims))};
}

Tensors space_to_depth(const SpaceToDepth& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    // The way back of depth_to_space: its view in its order is the view here, and the order is the inverse.
    const Blocks b = depth_blocks(dims, op.block_size, op.mode);
    Dims view;
    std::vector<std::size_t> order(b.order.size());
    for (std::size_t i = 0; i < b.order.size(); ++i) {
        view.push_back(b.view[b.order[i]]);
        order[b.order[i]] = i;
    }
    return {permuted(in[0], view, order, std::move(dims))};
}

Tensors shuffle_channels(const ShuffleChannels& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    const std::size_t axis = normalise_axis(op.axis, dims.size());
    Dims view(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(axis));
    view.push_back(op.group);
    view.push_back(dims[axis] / op.group);
    view.insert(view.end(), dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end());
    std::vector<std::size_t> order(view.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::swap(order[axis], order[axis + 1]);
    return {permuted(in[0], view, order, std::move(dims))};
}

Tensors batch_to_space(const BatchToSpace& op, std::span<const Tensor> in) {
    const Dims dims = result_dims(op, in);
    const Dims blocks = in[1].integers();
    const Dims& data = in[0].dims();
    const std::size_t spatial = data.size() - 1;
    Dims view(blocks.begin() + 1, blocks.end());
    view.push_back(data[0] / product(view));
    view.insert(view.end(), data.begin() + 1, data.end());
    std::vector<std::size_t> order{spatial};
    Dims whole{view[spatial]};
    for (std::size_t i = 0; i < spatial; ++i) {
        order.push_back(spatial + 1 + i);
        order.push_back(i);
        whole.push_back(data[i + 1] * blocks[i + 1]);
    }
    const Tensor joined = permuted(in[0], view, order, std::move(whole));
    return {boxed(joined, in[2].integers(), dims)};
}

Tensors space_to_batch(const SpaceToBatch& op, std::span<const Tensor> in) {
    Dims dims = result_dims(op, in);
    const Dims blocks = in[1].integers();
    const Tensor whole = padded(in[0], in[2].integers(), in[3].integers(), Tensor(in[0].element(), {1}));
    const std::size_t spatial = dims.size() - 1;
    Dims view{in[0].dims()[0]};
    std::vector<std::size_t> order;
    for (std::size_t i = 1; i <= spatial; ++i) {
        view.push_back(dims[i]);
        view.push_back(blocks[i]);
        order.push_back(2 * i);
    }
    order.push_back(0);
    for (std::size_t i = 0; i < spatial; ++i) order.push_back(2 * i + 1);
    return {permuted(whole, view, order, std::move(dims))};
}

Tensors reverse_sequence(const ReverseSequence& op, std::span<const Tensor> in) {
    result_types(op, in);
    const Dims& dims = in[0].dims();
    const std::size_t batch = normalise_axis(op.batch_axis, dims.size()),
                      seq = normalise_axis(op.seq_axis, dims.size());
    const Dims strides = row_major_strides(dims);
    const auto size = static_cast<std::int64_t>(element_bytes(in[0].element()));
    Tensor out(in[0].element(), dims);
    for (std::int64_t b = 0; b < dims[batch]; ++b) {
        const std::int64_t length = in[1].converted(Element::i64).integer_at(static_cast<std::size_t>(b));
        require(length >= 0 && length <= dims[seq], "a length of {}, wanted 0 to {}", length, dims[seq]);
        for (const bool turned : {true, false}) {
            const std::int64_t to = b * strides[batch] + (turned ? 0 : length * strides[seq]);
            const std::int64_t from = b * strides[batch] + (turned ? length - 1 : length) * strides[seq];
            std::vector<CopyAxis> axes;
            for (std::size_t i = 0; i < dims.size(); ++i)
                if (i != batch && i != seq) axes.push_back({dims[i], strides[i], strides[i]});
            axes.push_back({turned ? length : dims[seq] - length, turned ? -strides[seq] : strides[seq], strides[seq]});
            copy_elements(static_cast<std::size_t>(size), in[0].data() + from * size,
                          out.write_raw().data() + to * size, std::move(axes));
        }
    }
    return {out};
}

}  // namespace octet::ir::eval
