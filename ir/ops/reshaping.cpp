// Shapes of the ops that keep the elements in order, and of those that make shapes.
#include <cmath>

#include "ir/ops/movement.hpp"
#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

// have / others, within bounds; both are products of dimensions.
Dim quotient(Dim have, Dim others, const Shape& data) {
    if (have.is_static() && others.is_static()) {
        if (others.low == 0) {
            require(have.low == 0, "data {} has {} elements, the pattern has none", to_string(data), have.low);
            return 0;
        }
        require(have.low % others.low == 0, "data {} has {} elements, which {} does not divide", to_string(data),
                have.low, others.low);
        return have.low / others.low;
    }
    const std::int64_t least = std::max<std::int64_t>(others.low, 1);
    const std::int64_t high = have.high == Dim::kUnbounded ? have.high : have.high / least;
    if (others.high == Dim::kUnbounded) return {have.low > 0 ? 1 : 0, high};
    return {others.high == 0 ? 0 : have.low / others.high + (have.low % others.high != 0), high};
}

struct Pattern {
    Shape shape;
    std::optional<std::size_t> rest;  // where the -1 stands
    std::vector<bool> copied;         // dimensions that are those of the data at the same place
};

Pattern read_pattern(const std::vector<Dim>& numbers, const Shape& data, bool special_zero) {
    Pattern p{Shape::of_rank(numbers.size()), {}, std::vector<bool>(numbers.size())};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Dim n = numbers[i];
        if (n == Dim(-1)) {
            require(!p.rest, "the pattern has -1 twice, wanted once");
            p.rest = i;
        } else if (n == Dim(0) && special_zero) {
            require(!data.ranked() || i < data.rank(), "the pattern copies dimension {} of data {}", i,
                    to_string(data));
            if (data.ranked()) p.shape[i] = data[i];
            p.copied[i] = true;
        } else {
            require(n.high >= -1, "the pattern has {}, wanted -1 or more", n.high);
            p.shape[i] = n.low < 0 ? Dim() : n;
        }
    }
    return p;
}

// Fills in what follows from the number of elements.
void balance(Pattern& p, const Shape& data) {
    Dim have = 1;
    for (std::size_t i = 0; i < data.rank(); ++i)
        if (i >= p.copied.size() || !p.copied[i]) have = have * data[i];
    std::optional<std::size_t> unknown = p.rest;
    std::size_t unknowns = p.rest ? 1 : 0;
    for (std::size_t i = 0; i < p.shape.rank(); ++i)
        if (!p.copied[i] && i != p.rest && !p.shape[i].is_static()) {
            ++unknowns;
            if (!p.rest) unknown = i;
        }
    Dim others = 1;
    for (std::size_t i = 0; i < p.shape.rank(); ++i)
        if (!p.copied[i] && i != unknown) others = others * p.shape[i];
    if (p.rest) {
        p.shape[*p.rest] = quotient(have, others, data);
    } else if (unknowns == 1) {
        const Dim q = quotient(have, others, data);
        if (compatible(q, p.shape[*unknown]) && others.low > 0) p.shape[*unknown] = merged(q, p.shape[*unknown]);
    } else if (unknowns == 0 && have.is_static() && others.is_static()) {
        require(have == others, "data {} does not have as many elements as {}", to_string(data), to_string(p.shape));
    }
}

std::vector<std::size_t> normalised_axes(const Dims& axes, std::size_t rank) {
    std::vector<std::size_t> result;
    for (std::int64_t axis : axes) {
        const std::size_t a = normalise_axis(axis, rank);
        if (std::ranges::find(result, a) == result.end()) result.push_back(a);
    }
    std::ranges::sort(result);
    return result;
}

std::optional<std::size_t> known_count(const Input& list) {
    const Shape& shape = list.shape();
    if (!shape.is_static()) return std::nullopt;
    return static_cast<std::size_t>(shape.elements());
}

Partials same_numbers(Inputs inputs, const Types& outputs) {
    return {outputs[0].shape.is_static() ? *inputs[0].partial : nullptr};
}

}  // namespace

Types infer(const Reshape& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the pattern");
    const Shape& data = inputs[0].shape();
    const auto numbers = entries(inputs[1]);
    if (!numbers) return {{inputs[0].element(), Shape::unranked()}};
    Pattern pattern = read_pattern(*numbers, data, op.special_zero);
    if (data.ranked()) balance(pattern, data);
    return {{inputs[0].element(), std::move(pattern.shape)}};
}
Partials partial(const Reshape&, Inputs inputs, const Types& outputs) { return same_numbers(inputs, outputs); }

Types infer(const Squeeze&, Inputs inputs) {
    require_inputs(inputs, 1, 2);
    const Element element = inputs[0].element();
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return {{element, Shape::unranked()}};
    std::vector<bool> drop(data.rank());
    if (inputs.size() == 2) require_integers(inputs[1], "the axes");
    const auto axes = inputs.size() == 2 ? inputs[1].constant() : std::optional(Dims{});
    if (!axes) {
        const auto count = known_count(inputs[1]);
        return {{element, count && *count > 0 && *count <= data.rank() ? Shape::of_rank(data.rank() - *count)
                                                                       : Shape::unranked()}};
    }
    for (std::size_t axis : normalised_axes(*axes, data.rank())) {
        require(compatible(data[axis], 1), "axis {} of {} is not 1", axis, to_string(data));
        drop[axis] = true;
    }
    if (axes->empty())
        for (std::size_t i = 0; i < data.rank(); ++i) {
            if (!data[i].is_static() && compatible(data[i], 1)) return {{element, Shape::unranked()}};
            drop[i] = data[i] == Dim(1);
        }
    std::vector<Dim> kept;
    for (std::size_t i = 0; i < data.rank(); ++i)
        if (!drop[i]) kept.push_back(data[i]);
    return {{element, Shape(std::move(kept))}};
}
Partials partial(const Squeeze&, Inputs inputs, const Types& outputs) { return same_numbers(inputs, outputs); }

Types infer(const Unsqueeze&, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    require_integers(inputs[1], "the axes");
    const Element element = inputs[0].element();
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return {{element, Shape::unranked()}};
    const auto axes = inputs[1].constant();
    if (!axes) {
        const auto count = known_count(inputs[1]);
        return {{element, count ? Shape::of_rank(data.rank() + *count) : Shape::unranked()}};
    }
    const std::size_t rank = data.rank() + axes->size();
    const auto fresh = normalised_axes(*axes, rank);
    require(fresh.size() == axes->size(), "the axes {} name one twice", to_string(*axes));
    Shape result = Shape::of_rank(rank);
    std::size_t from = 0;
    for (std::size_t i = 0; i < rank; ++i) result[i] = std::ranges::binary_search(fresh, i) ? Dim(1) : data[from++];
    return {{element, std::move(result)}};
}
Partials partial(const Unsqueeze&, Inputs inputs, const Types& outputs) { return same_numbers(inputs, outputs); }

Types infer(const ShapeOf& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    const Shape& data = inputs[0].shape();
    return {{op.element, Shape{data.ranked() ? Dim(static_cast<std::int64_t>(data.rank())) : Dim()}}};
}

Partials partial(const ShapeOf&, Inputs inputs, const Types&) {
    const Shape& data = inputs[0].shape();
    return {data.ranked() ? make_partial(data.dims()) : nullptr};
}

namespace {

// A scalar operand as a number, of any element type.
std::optional<double> known_value(const Input& input) {
    if (input.value && input.value->size() == 1) return input.value->at(0);
    if (const auto numbers = input.constant(); numbers && numbers->size() == 1)
        return static_cast<double>(numbers->front());
    return std::nullopt;
}

std::int64_t range_count(double start, double stop, double step) {
    return static_cast<std::int64_t>(std::max(0.0, std::ceil((stop - start) / step)));
}

}  // namespace

Types infer(const Range& op, Inputs inputs) {
    require_inputs(inputs, 3, 3);
    static constexpr std::array<std::string_view, 3> kNames{"the start", "the stop", "the step"};
    std::array<std::optional<double>, 3> numbers;
    for (std::size_t i = 0; i < 3; ++i) {
        const Shape& shape = inputs[i].shape();
        require(!shape.is_static() || shape.elements() == 1, "{} has shape {}, wanted one number", kNames[i],
                to_string(shape));
        numbers[i] = known_value(inputs[i]);
        if (numbers[i] && is_integer(op.element)) numbers[i] = std::trunc(*numbers[i]);
    }
    const auto [start, stop, step] = numbers;
    require(!step || *step != 0, "the step is 0");
    if (start && stop && step) return {{op.element, Shape{range_count(*start, *stop, *step)}}};
    // A stop within bounds, as a dimension of an unknown size is.
    const Partial& end = *inputs[1].partial;
    if (!start || !step || *step < 0 || !end || end->size() != 1) return {{op.element, Shape{Dim()}}};
    const Dim bounds = end->front();
    const std::int64_t high = bounds.high == Dim::kUnbounded
                                  ? bounds.high
                                  : range_count(*start, static_cast<double>(bounds.high), *step);
    return {{op.element, Shape{Dim(range_count(*start, static_cast<double>(bounds.low), *step), high)}}};
}

Partials partial(const Range& op, Inputs inputs, const Types& outputs) {
    const auto start = known_value(inputs[0]);
    const auto step = known_value(inputs[2]);
    if (!is_integer(op.element) || !start || !step || !outputs[0].shape.is_static() ||
        outputs[0].shape.elements() > kPartialLimit)
        return {};
    std::vector<Dim> numbers;
    for (std::int64_t i = 0; i < outputs[0].shape.elements(); ++i)
        numbers.emplace_back(static_cast<std::int64_t>(*start) + i * static_cast<std::int64_t>(*step));
    return {make_partial(std::move(numbers))};
}

}  // namespace octet::ir
