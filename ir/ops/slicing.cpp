#include "ir/ops/slicing.hpp"

#include "ir/ops/operands.hpp"

namespace octet::ir {
namespace {

constexpr std::int64_t kFar = Dim::kUnbounded / 4;  // stands for an endless axis; sums of two stay in range

// How many places a slice has whose numbers are known within bounds.
Dim sliced_length(Dim size, std::optional<Dim> begin, std::optional<Dim> end, Dim step) {
    const Dim most{0, step.is_static() && size.high != Dim::kUnbounded ? slice_axis(size.high, {}, {}, step.low).count
                                                                       : size.high};
    if (!step.is_static()) return most;
    const auto count = [&](std::int64_t n, std::optional<std::int64_t> b, std::optional<std::int64_t> e) {
        return slice_axis(n, b, e, step.low).count;
    };
    const auto is_known = [](const std::optional<Dim>& d) { return !d || d->is_static(); };
    const auto value = [](const std::optional<Dim>& d) { return d ? std::optional(d->low) : std::nullopt; };
    if (is_known(begin) && is_known(end) && size.is_static()) return count(size.low, value(begin), value(end));
    // The length grows with the axis, with the end and against the beginning, as long as no bound changes between counting from
    // the front and from the back.
    const bool from_back = begin && begin->low < 0;
    const bool to_front = end && end->high >= 0;
    const auto one_sided = [](const std::optional<Dim>& d) { return !d || d->low >= 0 || d->high < 0; };
    const bool whole = !begin && !end;
    if (!whole &&
        (step.low < 0 || !one_sided(begin) || !one_sided(end) || (from_back && to_front && !size.is_static())))
        return most;
    const std::int64_t far = size.high == Dim::kUnbounded ? kFar : size.high;
    const std::int64_t low = count(size.low, begin ? std::optional(begin->high) : std::nullopt,
                                   end ? std::optional(end->low) : std::nullopt);
    const std::int64_t high = count(far, begin ? std::optional(begin->low) : std::nullopt,
                                    end ? std::optional(end->high) : std::nullopt);
    const std::int64_t magnitude = step.low < 0 ? -step.low : step.low;
    const bool endless = size.high == Dim::kUnbounded && high > kFar / magnitude / 2;
    return {low, endless ? Dim::kUnbounded : high};
}

struct SliceLists {
    std::vector<Dim> begin, end, step;
};

// Begin, end and steps of the operands from `first`; nullopt when not even their number is known.
std::optional<SliceLists> slice_lists(Inputs inputs, bool with_steps) {
    static constexpr std::array<std::string_view, 3> kNames{"the begin", "the end", "the steps"};
    for (std::size_t i = 1; i < (with_steps ? 4u : 3u); ++i) {
        require_integers(inputs[i], kNames[i - 1]);
        require(!inputs[i].shape().ranked() || inputs[i].shape().rank() <= 1, "{} has shape {}, wanted a list",
                kNames[i - 1], to_string(inputs[i].shape()));
    }
    SliceLists lists;
    const auto begin = entries(inputs[1]);
    const auto end = entries(inputs[2]);
    if (!begin && !end) return std::nullopt;
    const std::size_t count = begin ? begin->size() : end->size();
    lists.begin = begin.value_or(std::vector<Dim>(count, kAnyNumber));
    lists.end = end.value_or(std::vector<Dim>(count, kAnyNumber));
    lists.step = std::vector<Dim>(count, with_steps ? kAnyNumber : Dim(1));
    if (with_steps)
        if (auto steps = entries(inputs[3])) lists.step = std::move(*steps);
    require(lists.end.size() == count && lists.step.size() == count,
            "begin has {} entries, end {} and steps {}, wanted as many of each", count, lists.end.size(),
            lists.step.size());
    for (Dim s : lists.step) require(s != Dim(0), "a step is 0");
    return lists;
}

std::optional<Dim> unmasked(const std::vector<std::int64_t>& mask, std::size_t entry, const std::vector<Dim>& list) {
    return mask_at(mask, entry) ? std::nullopt : std::optional(list[entry]);
}

// The axes a slice works on, nullopt when they are not known.
std::optional<Dims> slice_axes(Inputs inputs, std::size_t count, std::size_t rank) {
    Dims axes(count);
    if (inputs.size() < 5) {
        require(count <= rank, "{} axes to slice, the data has {}", count, rank);
        for (std::size_t i = 0; i < count; ++i) axes[i] = static_cast<std::int64_t>(i);
        return axes;
    }
    require_integers(inputs[4], "the axes");
    const auto known = inputs[4].constant();
    if (!known) return std::nullopt;
    require(known->size() == count, "{} axes for {} slices", known->size(), count);
    for (std::size_t i = 0; i < count; ++i) {
        axes[i] = static_cast<std::int64_t>(normalise_axis((*known)[i], rank));
        require(std::find(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(i), axes[i]) ==
                    axes.begin() + static_cast<std::ptrdiff_t>(i),
                "axis {} is sliced twice", axes[i]);
    }
    return axes;
}

// The numbers a slice of a list takes, when its bounds are known.
Partial sliced_numbers(const std::vector<Dim>& from, std::optional<Dim> begin, std::optional<Dim> end, Dim step) {
    if ((begin && !begin->is_static()) || (end && !end->is_static()) || !step.is_static()) return nullptr;
    const AxisSlice s = slice_axis(static_cast<std::int64_t>(from.size()),
                                   begin ? std::optional(begin->low) : std::nullopt,
                                   end ? std::optional(end->low) : std::nullopt, step.low);
    std::vector<Dim> numbers;
    for (std::int64_t i = 0; i < s.count; ++i) numbers.push_back(from[static_cast<std::size_t>(s.first + i * s.step)]);
    return make_partial(std::move(numbers));
}

}  // namespace

bool mask_at(const std::vector<std::int64_t>& mask, std::size_t entry) {
    return entry < mask.size() && mask[entry] != 0;
}

AxisSlice slice_axis(std::int64_t size, std::optional<std::int64_t> begin, std::optional<std::int64_t> end,
                     std::int64_t step) {
    const auto place = [&](std::optional<std::int64_t> bound, std::int64_t otherwise, std::int64_t low,
                           std::int64_t high) {
        if (!bound) return otherwise;
        return std::clamp(*bound < 0 ? *bound + size : *bound, low, high);
    };
    if (step > 0) {
        const std::int64_t first = place(begin, 0, 0, size);
        const std::int64_t last = place(end, size, 0, size);
        return {first, last > first ? 1 + (last - first - 1) / step : 0, step};
    }
    const std::int64_t first = place(begin, size - 1, -1, size - 1);
    const std::int64_t last = place(end, -1, -1, size - 1);
    const std::int64_t stride = step == std::numeric_limits<std::int64_t>::min() ? Dim::kUnbounded : -step;
    return {first, first > last ? 1 + (first - last - 1) / stride : 0, step};
}

std::vector<SliceStep> strided_slice_steps(const StridedSlice& op, std::size_t count, std::size_t rank) {
    using Kind = SliceStep::Kind;
    std::size_t consumed = 0;
    std::size_t ellipses = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (mask_at(op.ellipsis_mask, i)) ++ellipses;
        else if (!mask_at(op.new_axis_mask, i)) ++consumed;
    }
    require(ellipses <= 1, "the ellipsis mask has {} entries, wanted at most 1", ellipses);
    require(consumed <= rank, "{} axes to slice, the data has {}", consumed, rank);
    std::vector<SliceStep> steps;
    std::size_t axis = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (mask_at(op.ellipsis_mask, i))
            for (std::size_t k = consumed; k < rank; ++k) steps.push_back({Kind::copy, i, axis++});
        else if (mask_at(op.new_axis_mask, i)) steps.push_back({Kind::fresh, i, axis});
        else if (mask_at(op.shrink_axis_mask, i)) steps.push_back({Kind::index, i, axis++});
        else steps.push_back({Kind::slice, i, axis++});
    }
    while (axis < rank) steps.push_back({Kind::copy, count, axis++});
    return steps;
}

Types infer(const StridedSlice& op, Inputs inputs) {
    require_inputs(inputs, 3, 4);
    const Shape& data = inputs[0].shape();
    const auto lists = slice_lists(inputs, inputs.size() == 4);
    if (!lists || !data.ranked()) return {{inputs[0].element(), Shape::unranked()}};
    std::vector<Dim> result;
    for (const SliceStep& s : strided_slice_steps(op, lists->begin.size(), data.rank())) {
        using Kind = SliceStep::Kind;
        if (s.kind == Kind::fresh) result.emplace_back(1);
        if (s.kind == Kind::copy) result.push_back(data[s.axis]);
        if (s.kind == Kind::slice)
            result.push_back(sliced_length(data[s.axis], unmasked(op.begin_mask, s.entry, lists->begin),
                                           unmasked(op.end_mask, s.entry, lists->end), lists->step[s.entry]));
        if (s.kind != Kind::index) continue;
        const Dim at = mask_at(op.begin_mask, s.entry) ? Dim(0) : lists->begin[s.entry];
        if (at.is_static() && data[s.axis].is_static())
            require(at.low >= -data[s.axis].low && at.low < data[s.axis].low,
                    "index {} is not within a dimension of {}", at.low, data[s.axis].low);
    }
    return {{inputs[0].element(), Shape(std::move(result))}};
}

Partials partial(const StridedSlice& op, Inputs inputs, const Types&) {
    const Partial& data = *inputs[0].partial;
    if (!data || inputs[0].shape().rank() != 1) return {};
    const auto lists = slice_lists(inputs, inputs.size() == 4);
    if (!lists) return {};
    for (const SliceStep& s : strided_slice_steps(op, lists->begin.size(), 1)) {
        using Kind = SliceStep::Kind;
        if (s.kind == Kind::copy) return {data};
        if (s.kind == Kind::slice)
            return {sliced_numbers(*data, unmasked(op.begin_mask, s.entry, lists->begin),
                                   unmasked(op.end_mask, s.entry, lists->end), lists->step[s.entry])};
        if (s.kind != Kind::index) continue;
        const Dim at = mask_at(op.begin_mask, s.entry) ? Dim(0) : lists->begin[s.entry];
        if (!at.is_static()) return {};
        const auto size = static_cast<std::int64_t>(data->size());
        return {make_partial({(*data)[static_cast<std::size_t>(at.low < 0 ? at.low + size : at.low)]})};
    }
    return {};
}

Types infer(const Slice&, Inputs inputs) {
    require_inputs(inputs, 4, 5);
    const Shape& data = inputs[0].shape();
    if (!data.ranked()) return {{inputs[0].element(), Shape::unranked()}};
    Shape result = data;
    const auto lists = slice_lists(inputs, true);
    const auto axes = lists ? slice_axes(inputs, lists->begin.size(), data.rank()) : std::nullopt;
    if (!axes) {
        for (std::size_t i = 0; i < data.rank(); ++i) result[i] = {0, data[i].high};
        return {{inputs[0].element(), result}};
    }
    for (std::size_t i = 0; i < axes->size(); ++i) {
        Dim& dim = result[static_cast<std::size_t>((*axes)[i])];
        dim = sliced_length(dim, lists->begin[i], lists->end[i], lists->step[i]);
    }
    return {{inputs[0].element(), std::move(result)}};
}

Partials partial(const Slice&, Inputs inputs, const Types&) {
    const Partial& data = *inputs[0].partial;
    if (!data || inputs[0].shape().rank() != 1) return {};
    const auto lists = slice_lists(inputs, true);
    if (!lists) return {};
    const auto axes = slice_axes(inputs, lists->begin.size(), 1);
    if (!axes) return {};
    if (axes->empty()) return {data};
    return {sliced_numbers(*data, lists->begin[0], lists->end[0], lists->step[0])};
}

}  // namespace octet::ir
