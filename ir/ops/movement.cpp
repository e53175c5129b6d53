#include "ir/ops/movement.hpp"

#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

Types same_type(Inputs inputs) { return {*inputs[0].type}; }
Types unranked(Inputs inputs) { return {{inputs[0].element(), Shape::unranked()}}; }

// The axis given by an operand; nullopt when it or the rank is not known.
std::optional<std::size_t> known_axis(const Input& input, const Shape& data) {
    require_integers(input, "the axis");
    const auto axis = known_number(input, "the axis");
    if (!axis || !data.ranked()) return std::nullopt;
    return normalise_axis(*axis, data.rank());
}

// One dimension per axis of the data where nothing more is known.
Shape shrunk(const Shape& data) {
    Shape result = data;
    for (std::size_t i = 0; i < result.rank(); ++i) result[i] = {0, data[i].high};
    return result;
}

void append(std::vector<Dim>& dims, const Shape& shape, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) dims.push_back(shape[i]);
}

Dim merged_or_fail(Dim a, Dim b, const Shape& x, const Shape& y, std::size_t axis) {
    require(compatible(a, b), "shapes {} and {} differ in dimension {}", to_string(x), to_string(y), axis);
    return merged(a, b);
}

}  // namespace

Types infer(const Transpose&, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the order");
    const Shape& data = inputs[0].shape();
    const auto order = inputs[1].constant();
    if (!data.ranked()) {
        if (order && !order->empty()) return {{inputs[0].element(), Shape::of_rank(order->size())}};
        return unranked(inputs);
    }
    const std::size_t rank = data.rank();
    Shape result = Shape::of_rank(rank);
    if (!order) return {{inputs[0].element(), result}};
    require(order->empty() || order->size() == rank, "the order has {} axes, the data has {}", order->size(), rank);
    std::vector<bool> seen(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t axis = order->empty() ? static_cast<std::int64_t>(rank - 1 - i) : (*order)[i];
        require(axis >= 0 && axis < static_cast<std::int64_t>(rank) && !seen[static_cast<std::size_t>(axis)],
                "the order {} is not a permutation of {} axes", to_string(*order), rank);
        seen[static_cast<std::size_t>(axis)] = true;
        result[i] = data[static_cast<std::size_t>(axis)];
    }
    return {{inputs[0].element(), std::move(result)}};
}

Types infer(const Concat& op, Inputs inputs) {
    require(!inputs.empty(), "got no inputs, wanted 1 or more");
    const Element element = inputs[0].element();
    std::optional<Shape> result;
    const Shape* first = nullptr;  // of known rank
    std::size_t axis = 0;
    bool every_ranked = true;
    for (const Input& input : inputs) {
        require(input.element() == element, "inputs of type {} and {}, wanted one type", name_of(element),
                name_of(input.element()));
        const Shape& shape = input.shape();
        if (!shape.ranked()) {
            every_ranked = false;
            continue;
        }
        if (!result) {
            result = shape;
            first = &shape;
            axis = normalise_axis(op.axis, shape.rank());
            continue;
        }
        require(shape.rank() == result->rank(), "shapes {} and {} differ in rank", to_string(*first), to_string(shape));
        for (std::size_t i = 0; i < shape.rank(); ++i)
            (*result)[i] = i == axis ? (*result)[i] + shape[i]
                                     : merged_or_fail((*result)[i], shape[i], *first, shape, i);
    }
    if (!result) return unranked(inputs);
    if (!every_ranked) (*result)[axis].high = Dim::kUnbounded;
    return {{element, std::move(*result)}};
}

Partials partial(const Concat&, Inputs inputs, const Types& outputs) {
    const Shape& shape = outputs[0].shape;
    if (!is_integer(outputs[0].element) || shape.rank() != 1 || !shape.is_static() || shape.elements() > kPartialLimit)
        return {};
    std::vector<Dim> numbers;
    for (const Input& input : inputs) {
        const auto part = entries(input);
        if (!part) return {};
        numbers.insert(numbers.end(), part->begin(), part->end());
    }
    return {make_partial(std::move(numbers))};
}

Types infer(const Split& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require(op.parts >= 1, "{} parts, wanted 1 or more", op.parts);
    const Shape& data = inputs[0].shape();
    const auto axis = known_axis(inputs[1], data);
    Shape part = axis ? data : shrunk(data);
    if (axis) {
        const Dim d = data[*axis];
        require(!d.is_static() || d.low % op.parts == 0, "dimension {} of {} does not split into {} parts", *axis,
                to_string(data), op.parts);
        part[*axis] = exact_quotient(d, op.parts);
    }
    return Types(static_cast<std::size_t>(op.parts), Type{inputs[0].element(), part});
}

namespace {

// The numbers of a list cut into results of known lengths.
Partials cut_numbers(Inputs inputs, const Types& outputs) {
    const Partial& data = *inputs[0].partial;
    if (!data || inputs[0].shape().rank() != 1) return {};
    Partials parts;
    std::size_t from = 0;
    for (const Type& type : outputs) {
        if (!type.shape.is_static()) return {};
        const auto count = static_cast<std::size_t>(type.shape.elements());
        const auto first = data->begin() + static_cast<std::ptrdiff_t>(from);
        parts.push_back(make_partial(std::vector<Dim>(first, first + static_cast<std::ptrdiff_t>(count))));
        from += count;
    }
    return parts;
}

}  // namespace

Partials partial(const Split&, Inputs inputs, const Types& outputs) { return cut_numbers(inputs, outputs); }

Types infer(const VariadicSplit&, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    require_integers(inputs[2], "the lengths");
    const Shape& data = inputs[0].shape();
    const auto axis = known_axis(inputs[1], data);
    const auto lengths = entries(inputs[2]);
    require(lengths.has_value(), "the number of lengths is not known");
    if (!axis) return Types(lengths->size(), Type{inputs[0].element(), shrunk(data)});
    const Dim whole = data[*axis];
    std::optional<std::size_t> rest;
    Dim sum = 0;
    Types parts;
    for (std::size_t i = 0; i < lengths->size(); ++i) {
        const Dim length = (*lengths)[i];
        Shape part = data;
        if (length == Dim(-1)) {
            require(!rest, "the lengths have -1 twice, wanted once");
            rest = i;
        } else {
            require(length.high >= -1, "a length is {}, wanted -1 or more", length.high);
            part[*axis] = merged(length.low < 0 ? Dim() : length, Dim(0, std::max(whole.high, length.low)));
            sum = sum + part[*axis];
        }
        parts.push_back({inputs[0].element(), std::move(part)});
    }
    require(sum.low <= whole.high && (rest || sum.high >= whole.low),
            "the lengths add up to {}, dimension {} of {} is {}", to_string(sum), *axis, to_string(data),
            to_string(whole));
    if (rest)
        parts[*rest].shape[*axis] = as_dim({sum.high == Dim::kUnbounded ? 0 : whole.low - sum.high,
                                            whole.high == Dim::kUnbounded ? whole.high : whole.high - sum.low});
    return parts;
}
Partials partial(const VariadicSplit&, Inputs inputs, const Types& outputs) { return cut_numbers(inputs, outputs); }

Types infer(const Gather& op, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    require_integers(inputs[1], "the indices");
    const Shape& data = inputs[0].shape();
    const Shape& indices = inputs[1].shape();
    const auto axis = known_axis(inputs[2], data);
    if (!data.ranked() || !indices.ranked()) return unranked(inputs);
    const auto irank = static_cast<std::int64_t>(indices.rank());
    const std::int64_t batch = op.batch_dims < 0 ? op.batch_dims + irank : op.batch_dims;
    require(batch >= 0 && batch <= irank && batch <= static_cast<std::int64_t>(data.rank()),
            "{} batch dimensions, the indices have shape {}", op.batch_dims, to_string(indices));
    const auto b = static_cast<std::size_t>(batch);
    if (!axis) return {{inputs[0].element(), Shape::of_rank(data.rank() + indices.rank() - 1 - b)}};
    require(b <= *axis, "{} batch dimensions reach over axis {}", batch, *axis);
    std::vector<Dim> dims;
    for (std::size_t i = 0; i < b; ++i) dims.push_back(merged_or_fail(data[i], indices[i], data, indices, i));
    append(dims, data, b, *axis);
    append(dims, indices, b, indices.rank());
    append(dims, data, *axis + 1, data.rank());
    return {{inputs[0].element(), Shape(std::move(dims))}};
}

Partials partial(const Gather& op, Inputs inputs, const Types&) {
    const Partial& data = *inputs[0].partial;
    const auto indices = inputs[1].constant();
    if (!data || inputs[0].shape().rank() != 1 || !indices || op.batch_dims != 0) return {};
    const auto size = static_cast<std::int64_t>(data->size());
    std::vector<Dim> numbers;
    for (std::int64_t i : *indices) {
        const std::int64_t at = i < 0 ? i + size : i;
        numbers.push_back(at >= 0 && at < size ? (*data)[static_cast<std::size_t>(at)] : Dim(0));
    }
    return {make_partial(std::move(numbers))};
}

Types infer(const GatherElements& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the indices");
    const Shape& data = inputs[0].shape();
    Shape result = inputs[1].shape();
    if (!data.ranked() || !result.ranked()) return {{inputs[0].element(), std::move(result)}};
    require(data.rank() == result.rank(), "data {} and indices {} differ in rank", to_string(data), to_string(result));
    const std::size_t axis = normalise_axis(op.axis, data.rank());
    for (std::size_t i = 0; i < data.rank(); ++i)
        if (i != axis) result[i] = merged_or_fail(data[i], inputs[1].shape()[i], data, inputs[1].shape(), i);
    return {{inputs[0].element(), std::move(result)}};
}

Types infer(const GatherNd& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the indices");
    const Shape& data = inputs[0].shape();
    const Shape& indices = inputs[1].shape();
    if (!data.ranked() || !indices.ranked()) return unranked(inputs);
    require(op.batch_dims >= 0 && op.batch_dims < static_cast<std::int64_t>(std::min(data.rank(), indices.rank())),
            "{} batch dimensions of data {} and indices {}", op.batch_dims, to_string(data), to_string(indices));
    const auto b = static_cast<std::size_t>(op.batch_dims);
    const Dim depth = indices[indices.rank() - 1];
    if (!depth.is_static()) return unranked(inputs);
    require(b + static_cast<std::size_t>(depth.low) <= data.rank(), "indices {} lead deeper than data {}",
            to_string(indices), to_string(data));
    std::vector<Dim> dims;
    for (std::size_t i = 0; i < b; ++i) dims.push_back(merged_or_fail(data[i], indices[i], data, indices, i));
    append(dims, indices, b, indices.rank() - 1);
    append(dims, data, b + static_cast<std::size_t>(depth.low), data.rank());
    return {{inputs[0].element(), Shape(std::move(dims))}};
}

namespace {

void require_updates(Inputs inputs) {
    require_integers(inputs[1], "the indices");
    require(inputs[0].element() == inputs[2].element(), "updates of type {} for data of type {}",
            name_of(inputs[2].element()), name_of(inputs[0].element()));
}

}  // namespace

Types infer(const ScatterNdUpdate&, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    require_updates(inputs);
    const Shape& data = inputs[0].shape();
    const Shape& indices = inputs[1].shape();
    const Shape& updates = inputs[2].shape();
    if (!data.ranked() || !indices.ranked() || !updates.ranked() || indices.rank() == 0 ||
        !indices[indices.rank() - 1].is_static())
        return same_type(inputs);
    const auto depth = static_cast<std::size_t>(indices[indices.rank() - 1].low);
    require(depth <= data.rank(), "indices {} lead deeper than data {}", to_string(indices), to_string(data));
    std::vector<Dim> wanted;
    append(wanted, indices, 0, indices.rank() - 1);
    append(wanted, data, depth, data.rank());
    require(compatible(Shape(wanted), updates), "updates {}, wanted {}", to_string(updates), to_string(Shape(wanted)));
    return same_type(inputs);
}

Types infer(const ScatterUpdate&, Inputs inputs) {
    require_inputs(inputs, 4, 4);
    require_updates(inputs);
    const Shape& data = inputs[0].shape();
    const Shape& indices = inputs[1].shape();
    const auto axis = known_axis(inputs[3], data);
    if (!axis || !indices.ranked()) return same_type(inputs);
    std::vector<Dim> wanted;
    append(wanted, data, 0, *axis);
    append(wanted, indices, 0, indices.rank());
    append(wanted, data, *axis + 1, data.rank());
    require(compatible(Shape(wanted), inputs[2].shape()), "updates {}, wanted {}", to_string(inputs[2].shape()),
            to_string(Shape(wanted)));
    return same_type(inputs);
}

Types infer(const ScatterElementsUpdate&, Inputs inputs) {
    require_inputs(inputs, 4, 4);
    require_updates(inputs);
    known_axis(inputs[3], inputs[0].shape());
    require(compatible(inputs[1].shape(), inputs[2].shape()), "updates {} for indices {}", to_string(inputs[2].shape()),
            to_string(inputs[1].shape()));
    if (inputs[0].shape().ranked()) require_rank(inputs[1].shape(), inputs[0].shape().rank(), "the index operand");
    return same_type(inputs);
}

}  // namespace octet::ir
