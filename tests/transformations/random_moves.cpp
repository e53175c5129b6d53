// What only moves data in a random graph.
#include "tests/transformations/random_graph_builder.hpp"

namespace octet {

using namespace ir;

namespace {

// 0 copies an unknown batch, else the number stands there.
std::int64_t batch_entry(const Dims& dims, bool dynamic) { return dynamic ? 0 : dims[0]; }

}  // namespace

void RandomGraphBuilder::reshape(const Known& k) {
    const Dims& d = k.dims;
    if (d.size() < 2) return;
    const std::int64_t batch = batch_entry(d, options_.dynamic_batch);
    std::vector<std::int64_t> pattern;
    switch (below(7)) {
        case 0: pattern = {batch, d[1], -1}; break;
        case 1: pattern = {batch, -1}; break;
        case 2:
            if (d[1] % 2 == 0) pattern = {batch, 2, d[1] / 2, -1};
            break;
        case 3: pattern = {batch, -1, d.back()}; break;
        case 4:
            // An axis of one more, as before a product per head.
            pattern = d;
            pattern[0] = batch;
            if (d.size() < 5) pattern.insert(pattern.begin() + 1 + below(static_cast<std::int64_t>(d.size())), 1);
            break;
        case 5:
            if (d.size() == 4) pattern = {batch, d[1] * d[2], d[3], 1};
            break;
        default: {
            if (d.size() > 4) return;
            const auto axis = static_cast<std::int64_t>(1 + below(static_cast<std::int64_t>(d.size())));
            const Value wide = add(Unsqueeze{}, {k.value, b_.integers({axis})}, "unsqueeze");
            if (chance(50)) return keep(wide, k.largest, k.unit);
            return keep(add(Squeeze{}, {wide, b_.integers({axis})}, "squeeze"), k.largest, k.unit);
        }
    }
    if (pattern.empty() || pattern.size() > 5) return;
    keep(add(Reshape{true}, {k.value, b_.integers(pattern)}, "reshape"), k.largest, k.unit);
}

void RandomGraphBuilder::permute(const Known& k) {
    std::vector<std::int64_t> order(k.dims.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    const std::size_t fixed = options_.dynamic_batch || chance(80) ? 1 : 0;
    for (std::size_t i = order.size(); i > fixed + 1; --i) {
        const std::size_t j = fixed + static_cast<std::size_t>(below(static_cast<std::int64_t>(i - fixed)));
        std::swap(order[i - 1], order[j]);
    }
    if (!chance(25) || k.dims.size() < 2)
        return keep(add(Transpose{}, {k.value, b_.integers(order)}, "transpose"), k.largest, k.unit);
    for (const std::int64_t group : {2, 3})
        if (k.dims[1] % group == 0)
            return keep(add(ShuffleChannels{1, group}, {k.value}, "shuffle"), k.largest, k.unit);
}

void RandomGraphBuilder::slice(const Known& k) {
    if (!has_axes(k)) return;
    const std::size_t axis = axis_of(k);
    const std::int64_t extent = k.dims[axis];
    const std::int64_t begin = below(extent);
    const std::int64_t end = begin + 1 + below(extent - begin);
    const std::int64_t step = one_of<std::int64_t>({1, 1, 2});
    const auto on_axis = [&](std::int64_t value, std::int64_t rest) {
        std::vector<std::int64_t> all(axis + 1, rest);
        all.back() = value;
        return b_.integers(all);
    };
    switch (below(4)) {
        case 0: {
            StridedSlice op;
            op.begin_mask.assign(axis + 1, 1);
            op.begin_mask.back() = 0;
            op.end_mask = op.begin_mask;
            if (chance(20)) {
                op.shrink_axis_mask.assign(axis + 1, 0);
                op.shrink_axis_mask.back() = 1;
            }
            if (chance(20) && op.shrink_axis_mask.empty()) {
                op.begin_mask.back() = op.end_mask.back() = 1;
                return keep(add(op, {k.value, on_axis(0, 0), on_axis(0, 0), on_axis(-1, 1)}, "reversed"), k.largest,
                            k.unit);
            }
            if (k.dims.size() == 1 && !op.shrink_axis_mask.empty()) return;
            return keep(add(op, {k.value, on_axis(begin, 0), on_axis(end, 0), on_axis(step, 1)}, "strided_slice"),
                        k.largest, k.unit);
        }
        case 1:
            return keep(add(ir::Slice{},
                            {k.value, b_.integers({begin}), b_.integers({end}), b_.integers({step}),
                             b_.integers({static_cast<std::int64_t>(axis)})},
                            "slice"),
                        k.largest, k.unit);
        case 2: {
            std::vector<std::int64_t> indices;
            const std::int64_t count = 1 + below(4);
            for (std::int64_t i = 0; i < count; ++i) indices.push_back(below(extent));
            // Counted from the end, and beyond it, where a gather gives 0.
            if (chance(30)) indices[0] -= extent;
            if (chance(10)) indices.back() = extent + 1;
            return keep(add(Gather{},
                            {k.value, b_.integers(indices),
                             b_.edit.constant(Tensor::scalar(static_cast<std::int64_t>(axis)))},
                            "gather"),
                        k.largest, k.unit);
        }
        default:
            if (options_.dynamic_batch || k.dims.size() < 2) return;
            const std::vector<std::int64_t> lengths(static_cast<std::size_t>(k.dims[0]), 1 + below(k.dims[1]));
            return keep(add(ReverseSequence{0, 1}, {k.value, b_.integers(lengths)}, "reverse_sequence"), k.largest,
                        k.unit);
    }
}

void RandomGraphBuilder::repeat(const Known& k) {
    if (!has_axes(k) || !small(k.dims)) return;
    const std::size_t rank = k.dims.size();
    switch (below(3)) {
        case 0: {
            std::vector<std::int64_t> repeats(rank, 1);
            repeats[axis_of(k)] = 2;
            return keep(add(Tile{}, {k.value, b_.integers(repeats)}, "tile"), k.largest, k.unit);
        }
        case 1: {
            if (options_.dynamic_batch) return;
            std::vector<std::int64_t> shape = k.dims;
            for (std::int64_t& extent : shape)
                if (extent == 1) extent = one_of<std::int64_t>({1, 2, 3});
            if (rank < 5 && chance(20)) shape.insert(shape.begin(), 2);
            if (!small(shape)) return;
            return keep(add(Broadcast{}, {k.value, b_.integers(shape)}, "broadcast"), k.largest, k.unit);
        }
        default:
            if (rank != 4) return;
            Interpolate op;
            op.coordinates = one_of({CoordinateMode::half_pixel, CoordinateMode::asymmetric});
            op.nearest = one_of({NearestMode::round_prefer_floor, NearestMode::floor});
            return keep(
                add(op, {k.value, b_.integers({k.dims[2] * one_of({1, 2}), k.dims[3] + below(3)}), b_.integers({2, 3})},
                    "interpolate"),
                k.largest, k.unit);
    }
}

void RandomGraphBuilder::blocks(const Known& k) {
    const Dims& d = k.dims;
    if (d.size() != 4 || !small(d)) return;
    const DepthMode mode = one_of({DepthMode::blocks_first, DepthMode::depth_first});
    if (chance(40) && d[1] % 4 == 0)
        return keep(add(DepthToSpace{2, mode}, {k.value}, "depth_to_space"), k.largest, k.unit);
    if (chance(60) && d[2] % 2 == 0 && d[3] % 2 == 0)
        return keep(add(SpaceToDepth{2, mode}, {k.value}, "space_to_depth"), k.largest, k.unit);
    if (options_.dynamic_batch) return;
    const std::int64_t odd = d[2] % 2;
    const Value spread = add(SpaceToBatch{},
                             {k.value, b_.integers({1, 1, 2, 1}), b_.integers({0, 0, odd, 0}),
                              b_.integers({0, 0, 0, 0})},
                             "space_to_batch");
    if (chance(40)) return keep(spread, k.largest, k.unit);
    keep(add(BatchToSpace{},
             {spread, b_.integers({1, 1, 2, 1}), b_.integers({0, 0, odd, 0}), b_.integers({0, 0, 0, 0})},
             "batch_to_space"),
         k.largest, k.unit);
}

void RandomGraphBuilder::pad(const Known& k) {
    if (!has_axes(k) || !small(k.dims)) return;
    const std::size_t axis = axis_of(k);
    std::vector<std::int64_t> begin(k.dims.size(), 0);
    std::vector<std::int64_t> end = begin;
    begin[axis] = below(2);
    end[axis] = 1 + below(2);
    const PadMode mode = one_of(
        {PadMode::constant, PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::symmetric});
    if (mode != PadMode::constant && k.dims[axis] < 4) return;
    // A negative pad cuts.
    if (chance(15) && k.dims[axis] > 2 && mode == PadMode::constant) begin[axis] = -1;
    std::vector<Value> operands{k.value, b_.integers(begin), b_.integers(end)};
    const double value = chance(60) ? 0 : options_.exact ? k.unit * 4 : k.largest / 7;
    if (mode == PadMode::constant) operands.push_back(b_.edit.constant(Tensor::scalar(static_cast<float>(value))));
    keep(add(Pad{mode}, operands, "pad"), std::max(k.largest, value), k.unit);
}

void RandomGraphBuilder::split(const Known& k) {
    if (!has_axes(k)) return;
    const std::size_t axis = axis_of(k);
    const std::int64_t extent = k.dims[axis];
    if (extent < 2) return;
    const Value along = b_.edit.constant(Tensor::scalar(static_cast<std::int64_t>(axis)));
    Value parts;
    std::uint32_t count = 2;
    if (chance(50)) {
        count = extent % 2 == 0 ? 2 : extent % 3 == 0 ? 3 : 1;
        parts = add(Split{static_cast<std::int64_t>(count)}, {k.value, along}, "split");
    } else {
        parts = add(VariadicSplit{}, {k.value, along, b_.integers({1 + below(extent - 1), -1})}, "variadic_split");
    }
    for (std::uint32_t port = 0; port < count; ++port)
        if (port == 0 || chance(80)) keep({parts.node, port}, k.largest, k.unit);
}

void RandomGraphBuilder::concat(const Known& k) {
    if (!has_axes(k) || !small(k.dims)) return;
    const std::size_t axis = k.dims.size() > 1 && chance(75) ? 1 : axis_of(k);
    const Known first = options_.equal_levels ? quantized(k) : k;
    std::vector<Value> parts{first.value};
    double largest = first.largest;
    double unit = first.unit;
    const int wanted = 1 + below(3);
    for (std::size_t i = values_.size(); i-- > 0 && static_cast<int>(parts.size()) <= wanted;) {
        Known o = values_[i];
        bool same = o.dims.size() == k.dims.size() && small(o.dims);
        for (std::size_t a = 0; same && a < k.dims.size(); ++a) same = a == axis || o.dims[a] == k.dims[a];
        if (!same || chance(30) || !fits(std::max(largest, o.largest), std::min(unit, o.unit))) continue;
        if (options_.equal_levels) o = quantized(o);
        parts.push_back(o.value);
        largest = std::max(largest, o.largest);
        unit = std::min(unit, o.unit);
    }
    if (parts.size() == 1) parts.push_back(parts[0]);
    keep(add(Concat{static_cast<std::int64_t>(axis)}, parts, "concat"), largest, unit);
}

// A variable that is assigned a quantized value, and read by what comes later.
void RandomGraphBuilder::state(const Known& k) {
    if (options_.dynamic_batch || options_.one_layer || in_body_ || !small(k.dims)) return;
    const std::string variable = name("variable");
    const Known assigned = quantized(k);
    std::vector<Value> initial;
    if (chance(60)) {
        const double value = options_.exact ? assigned.unit * one_of({0, 1, 4}) : 0;
        initial.push_back(
            b_.edit.constant(Tensor::filled(Element::f32, k.dims, std::min(value, assigned.largest)), name("initial")));
    }
    const Value read = add(ReadValue{variable, Element::f32, Shape(k.dims)}, initial, "read_value");
    const Value written = chance(30) ? add(Transpose{},
                                           {add(Transpose{}, {assigned.value, turned(k.dims.size())}, "turn"),
                                            turned(k.dims.size())},
                                           "turn_back")
                                     : assigned.value;
    add(Assign{variable}, {written}, "assign");
    values_.push_back(assigned);
    keep(read, assigned.largest, assigned.unit);
}

// The order that turns axes around; twice it is none.
Value RandomGraphBuilder::turned(std::size_t rank) {
    std::vector<std::int64_t> order;
    for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    return b_.integers(order);
}

}  // namespace octet
