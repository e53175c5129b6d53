// Shapes of the ops that pad, repeat and rearrange blocks.
#include <functional>

#include "ir/ops/movement.hpp"
#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

constexpr std::int64_t kMostPad = std::int64_t{1} << 40;  // sums with any dimension that fits into memory stay exact

Types of_shape(Inputs inputs, Shape shape) { return {{inputs[0].element(), std::move(shape)}}; }

// The numbers of a list operand, one an axis.
std::vector<Dim> per_axis(const Input& input, std::size_t rank, std::string_view what) {
    require_integers(input, what);
    auto numbers = entries(input).value_or(std::vector<Dim>(rank, kAnyNumber));
    require(numbers.size() == rank, "{} has {} entries for {} axes", what, numbers.size(), rank);
    return numbers;
}

Dim negated(Dim d) {
    const auto opposite = [](std::int64_t n) {
        return n == Dim::kUnbounded ? kAnyNumber.low : n == kAnyNumber.low ? Dim::kUnbounded : -n;
    };
    return {opposite(d.high), opposite(d.low)};
}

// A block size: an unknown one is at least 1.
Dim block(Dim number) {
    require(number.high >= 1, "a block of {}, wanted 1 or more", number.high);
    return {std::max<std::int64_t>(number.low, 1), number.high};
}

Dim divided(Dim d, Dim by) {
    if (by.is_static()) return exact_quotient(d, by.low);
    return {0, d.high == Dim::kUnbounded ? d.high : d.high / by.low};
}

void require_divides(Dim d, std::int64_t divisor, std::size_t axis, const Shape& data) {
    require(!d.is_static() || d.low % divisor == 0, "dimension {} of {} is not a multiple of {}", axis, to_string(data),
            divisor);
}

std::int64_t block_volume(std::int64_t size, const Shape& data) {
    require(size >= 1, "a block of {}, wanted 1 or more", size);
    require(data.rank() >= 3, "data {}, wanted a rank of 3 or more", to_string(data));
    return product(Dims(data.rank() - 2, size));
}

}  // namespace

Types infer(const Pad& op, Inputs inputs) {
    require_inputs(inputs, 3, 4);
    const Shape& data = inputs[0].shape();
    if (inputs.size() == 4)
        require(inputs[3].element() == inputs[0].element(), "a value of type {} for data of type {}",
                name_of(inputs[3].element()), name_of(inputs[0].element()));
    if (!data.ranked()) return of_shape(inputs, data);
    const auto begin = per_axis(inputs[1], data.rank(), "pads_begin");
    const auto end = per_axis(inputs[2], data.rank(), "pads_end");
    Shape result = data;
    for (std::size_t i = 0; i < data.rank(); ++i) {
        for (const Dim pad : {begin[i], end[i]})
            require(!pad.is_static() || (pad.low >= -kMostPad && pad.low <= kMostPad),
                    "a pad of {} at dimension {}, wanted {} at most", pad.low, i, kMostPad);
        const Dim sum = number_sum(number_sum(data[i], begin[i]), end[i]);
        require(sum.high >= 0, "pads of {} and {} cut more than dimension {} of {}", begin[i].high, end[i].high, i,
                to_string(data));
        result[i] = as_dim(sum);
        if (op.mode == PadMode::constant || data[i].high == Dim::kUnbounded) continue;
        const std::int64_t most = op.mode == PadMode::edge      ? Dim::kUnbounded
                                  : op.mode == PadMode::reflect ? data[i].high - 1
                                                                : data[i].high;
        const std::int64_t least = std::max(begin[i].low, end[i].low);
        require(least <= most, "a pad of {} at dimension {} of {}, mode {} allows {}", least, i, to_string(data),
                kPadModeNames[static_cast<std::size_t>(op.mode)], most);
        require(least <= 0 || data[i].high > 0, "a pad of {} at the empty dimension {} of {}", least, i,
                to_string(data));
    }
    return of_shape(inputs, std::move(result));
}

Types infer(const Tile&, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the repeats");
    const Shape& data = inputs[0].shape();
    const auto repeats = entries(inputs[1]);
    if (!data.ranked() || !repeats) return of_shape(inputs, Shape::unranked());
    const std::size_t rank = std::max(data.rank(), repeats->size());
    Shape result = Shape::of_rank(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        const Dim d = i + data.rank() < rank ? Dim(1) : data[i + data.rank() - rank];
        const Dim n = i + repeats->size() < rank ? Dim(1) : (*repeats)[i + repeats->size() - rank];
        result[i] = d * as_dim(n);
    }
    return of_shape(inputs, std::move(result));
}

namespace {

Shape target_shape(const std::vector<Dim>& numbers) {
    Shape target = Shape::of_rank(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        require(numbers[i].high >= 0, "the target shape has {}, wanted 0 or more", numbers[i].high);
        target[i] = as_dim(numbers[i]);
    }
    return target;
}

// Data axis `at` goes to an axis of the target: it is 1 there or equal.
void fit(Shape& target, std::size_t axis, const Shape& data, std::size_t at) {
    const Dim d = data[at];
    if (compatible(d, 1)) return;
    require(compatible(d, target[axis]), "data {} does not broadcast to {}", to_string(data), to_string(target));
    target[axis] = merged(d, target[axis]);
}

Shape mapped(const Shape& data, Shape target, const Dims& mapping) {
    require(mapping.size() == data.rank(), "{} axes are mapped, the data has {}", mapping.size(), data.rank());
    require(std::ranges::adjacent_find(mapping, std::greater_equal<>()) == mapping.end(),
            "the axes mapping {} does not ascend", to_string(mapping));
    for (std::size_t i = 0; i < mapping.size(); ++i) fit(target, normalise_axis(mapping[i], target.rank()), data, i);
    return target;
}

}  // namespace

Types infer(const Broadcast& op, Inputs inputs) {
    require_inputs(inputs, 2, 3);
    require_integers(inputs[1], "the target shape");
    const Shape& data = inputs[0].shape();
    const auto numbers = entries(inputs[1]);
    if (!numbers) return of_shape(inputs, Shape::unranked());
    Shape target = target_shape(*numbers);
    if (op.mode == BroadcastMode::bidirectional) return of_shape(inputs, broadcast(data, target));
    if (op.mode == BroadcastMode::explicit_) {
        require(inputs.size() == 3, "got 2 inputs, mode explicit wants 3");
        require_integers(inputs[2], "the axes mapping");
        const auto mapping = inputs[2].constant();
        return of_shape(inputs, mapping && data.ranked() ? mapped(data, std::move(target), *mapping) : target);
    }
    if (data.ranked()) {
        require(data.rank() <= target.rank(), "data {} does not broadcast to {}", to_string(data), to_string(target));
        for (std::size_t i = 0; i < data.rank(); ++i) fit(target, i + target.rank() - data.rank(), data, i);
    }
    return of_shape(inputs, std::move(target));
}

Partials partial(const Broadcast&, Inputs inputs, const Types& outputs) {
    const Partial& data = *inputs[0].partial;
    const Shape& shape = outputs[0].shape;
    if (!data || !shape.is_static() || shape.elements() > kPartialLimit) return {};
    const auto count = static_cast<std::size_t>(shape.elements());
    if (data->size() == 1) return {make_partial(std::vector<Dim>(count, data->front()))};
    return {data->size() == count ? data : nullptr};
}

Types infer(const DepthToSpace& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return of_shape(inputs, data);
    const std::int64_t volume = block_volume(op.block_size, data);
    require_divides(data[1], volume, 1, data);
    Shape result = data;
    result[1] = exact_quotient(data[1], volume);
    for (std::size_t i = 2; i < data.rank(); ++i) result[i] = data[i] * Dim(op.block_size);
    return of_shape(inputs, std::move(result));
}

Types infer(const SpaceToDepth& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return of_shape(inputs, data);
    Shape result = data;
    result[1] = data[1] * Dim(block_volume(op.block_size, data));
    for (std::size_t i = 2; i < data.rank(); ++i) {
        require_divides(data[i], op.block_size, i, data);
        result[i] = exact_quotient(data[i], op.block_size);
    }
    return of_shape(inputs, std::move(result));
}

Types infer(const ShuffleChannels& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    const Shape& data = inputs[0].shape();
    require(op.group >= 1, "{} groups, wanted 1 or more", op.group);
    if (data.ranked()) {
        const std::size_t axis = normalise_axis(op.axis, data.rank());
        require_divides(data[axis], op.group, axis, data);
    }
    return of_shape(inputs, data);
}

Types infer(const BatchToSpace&, Inputs inputs) {
    require_inputs(inputs, 4, 4);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return of_shape(inputs, data);
    const auto blocks = per_axis(inputs[1], data.rank(), "the block shape");
    const auto begin = per_axis(inputs[2], data.rank(), "crops_begin");
    const auto end = per_axis(inputs[3], data.rank(), "crops_end");
    Shape result = data;
    Dim volume = 1;
    for (std::size_t i = 1; i < data.rank(); ++i) {
        const Dim size = data[i] * block(blocks[i]);
        volume = volume * block(blocks[i]);
        const Dim left = number_sum(number_sum(size, negated(begin[i])), negated(end[i]));
        require(left.high >= 0, "crops of {} and {} cut more than {}", begin[i].low, end[i].low, size.high);
        result[i] = as_dim({left.low, std::min(left.high, size.high)});
    }
    if (volume.is_static()) require_divides(data[0], volume.low, 0, data);
    result[0] = divided(data[0], volume);
    return of_shape(inputs, std::move(result));
}

Types infer(const SpaceToBatch&, Inputs inputs) {
    require_inputs(inputs, 4, 4);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return of_shape(inputs, data);
    const auto blocks = per_axis(inputs[1], data.rank(), "the block shape");
    const auto begin = per_axis(inputs[2], data.rank(), "pads_begin");
    const auto end = per_axis(inputs[3], data.rank(), "pads_end");
    Shape result = data;
    for (std::size_t i = 1; i < data.rank(); ++i) {
        const Dim padded = as_dim(number_sum(number_sum(data[i], begin[i]), end[i]));
        const Dim by = block(blocks[i]);
        result[0] = result[0] * by;
        require(!padded.is_static() || !by.is_static() || padded.low % by.low == 0,
                "dimension {} of {} with its pads is {}, not a multiple of {}", i, to_string(data), padded.low, by.low);
        result[i] = divided(padded, by);
    }
    return of_shape(inputs, std::move(result));
}

Types infer(const ReverseSequence& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    const Shape& data = inputs[0].shape();
    require_rank(inputs[1].shape(), 1, "the length operand");
    if (!data.ranked()) return of_shape(inputs, data);
    const std::size_t batch = normalise_axis(op.batch_axis, data.rank());
    normalise_axis(op.seq_axis, data.rank());
    if (inputs[1].shape().ranked())
        require(compatible(inputs[1].shape()[0], data[batch]), "{} lengths for a batch of {}",
                to_string(inputs[1].shape()[0]), to_string(data[batch]));
    return of_shape(inputs, data);
}

Types infer(const NonZero& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return {{op.element, Shape::of_rank(2)}};
    Dim all = 1;
    for (Dim d : data.dims()) all = all * d;
    return {{op.element, Shape{Dim(static_cast<std::int64_t>(data.rank())), Dim(0, all.high)}}};
}

Types infer(const OneHot& op, Inputs inputs) {
    require_inputs(inputs, 4, 4);
    require_integers(inputs[0], "the index operand");
    require_integers(inputs[1], "the depth");
    require(inputs[2].element() == inputs[3].element(),
            "an on value of type {} and an off value of type {}, wanted one type", name_of(inputs[2].element()),
            name_of(inputs[3].element()));
    const Shape& indices = inputs[0].shape();
    const auto depth = known_number(inputs[1], "the depth");
    require(!depth || *depth >= 0, "a depth of {}, wanted 0 or more", depth.value_or(0));
    if (!indices.ranked()) return {{inputs[2].element(), indices}};
    std::vector<Dim> dims = indices.dims();
    const std::size_t axis = normalise_axis(op.axis, dims.size() + 1);
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), depth ? Dim(*depth) : Dim());
    return {{inputs[2].element(), Shape(std::move(dims))}};
}

}  // namespace octet::ir
