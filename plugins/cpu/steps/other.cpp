// Ops that are a step alone.
#include <limits>
#include <utility>

#include "ir/ops/all.hpp"
#include "plugins/cpu/steps/other.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

template <class To, class From>
To converted(From from) {
    if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
        if (!(from == from)) return To{};
        if (from <= static_cast<From>(std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
        if (from >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    } else if constexpr (std::is_integral_v<To>) {
        if (std::cmp_less(from, std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
        if (std::cmp_greater(from, std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    }
    return static_cast<To>(from);
}

using ConvertRange = void (*)(const std::byte* in, std::byte* out, std::size_t begin, std::size_t end);

template <class From, class To>
void convert_range(const std::byte* in, std::byte* out, std::size_t begin, std::size_t end) {
    const auto* from = reinterpret_cast<const From*>(in);
    auto* to = reinterpret_cast<To*>(out);
    for (std::size_t i = begin; i < end; ++i) to[i] = converted<To>(from[i]);
}

// Calls f with a value of the type; false for types that no conversion here is about.
template <class F>
bool with_number(Element element, F f) {
    switch (element) {
        case Element::f32: f(float{}); return true;
        case Element::i32: f(std::int32_t{}); return true;
        case Element::i64: f(std::int64_t{}); return true;
        case Element::u8: f(std::uint8_t{}); return true;
        case Element::i8: f(std::int8_t{}); return true;
        default: return false;
    }
}

ConvertRange convert_range_of(Element from, Element to) {
    ConvertRange result = nullptr;
    with_number(from,
                [&](auto a) { with_number(to, [&](auto b) { result = convert_range<decltype(a), decltype(b)>; }); });
    return result;
}

bool plan_convert(Planner& p, const Group& group) {
    const Value data = p.graph().node(group.core).inputs[0];
    const ConvertRange run = convert_range_of(p.graph().element(data), p.graph().element({group.core, 0}));
    if (!run) return false;
    const Place in = p.input(data);
    const Place out = p.output({group.core, 0}, in.layout);
    Step step = p.step_for(group, "portable_convert");
    step.reads = {in.buffer};
    step.writes = {out.buffer};
    step.work = work([run, source = in.buffer, target = out.buffer,
                      count = static_cast<std::size_t>(product(in.dims()))](const Frame& f) {
        f.pool->parallel(count,
                         [&](std::size_t begin, std::size_t end, int) { run(f.at(source), f.at(target), begin, end); });
    });
    p.add(std::move(step));
    return true;
}

struct Row {
    std::uint64_t op;
    bool (*plan)(Planner& p, const Group& group);
};
template <class T>
constexpr Row row(bool (*plan)(Planner&, const Group&)) {
    return {kOp<T>.id, plan};
}

constexpr std::array kRows{
    row<Reshape>(plan_reshape),
    row<Squeeze>(plan_reshape),
    row<Unsqueeze>(plan_reshape),
    row<Transpose>(plan_transpose),
    row<Concat>(plan_concat),
    row<Split>(plan_split),
    row<VariadicSplit>(plan_split),
    row<Slice>(plan_slice),
    row<StridedSlice>(plan_strided_slice),
    row<Gather>(plan_gather),
    row<Pad>(plan_pad),
    row<Tile>(plan_tile),
    row<Broadcast>(plan_broadcast),
    row<DepthToSpace>(plan_depth_to_space),
    row<SpaceToDepth>(plan_space_to_depth),
    row<ShuffleChannels>(plan_shuffle_channels),
    row<Interpolate>(plan_interpolate),
    row<Convert>(plan_convert),
    row<SoftMax>(plan_softmax),
    row<Mvn>(plan_mvn),
    row<NormalizeL2>(plan_normalize_l2),
    row<Lrn>(plan_lrn),
    row<Recurrence>(plan_recurrence),
    row<ReduceMean>(plan_reduce),
    row<ReduceSum>(plan_reduce),
    row<ReduceMax>(plan_reduce),
    row<ReduceMin>(plan_reduce),
};

}  // namespace

void plan_other(Planner& p, const Group& group) {
    if (low_precision::keeps_table(p.graph(), group.core)) {
        p.keep_table({group.core, 0}, *low_precision::spread_table(p.graph(), {group.core, 0}));
        return;
    }
    for (const Row& row : kRows)
        if (row.op == p.graph().node(group.core).op.id() && row.plan(p, group)) return;
    plan_fallback(p, group, "");
}

}  // namespace octet::cpu
