// Every row for ops that are a step alone, against the reference kernels, with data in both layouts.
#include <algorithm>
#include <functional>
#include <ostream>

#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

using Make = std::function<Value(Edit&, Value)>;

struct Case {
    std::string name;
    std::string kernel;  // of the step, in both layouts
    Dims data;
    Make make;
    double tolerance = 0;
    Element element = Element::f32;
    bool wants_plain = false;    // data that lies channels last is reordered before the step
    std::string generated = {};  // the kernel instead where data lies plain and the machine has AVX-512
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

Value list(Edit& edit, std::vector<std::int64_t> values) { return edit.constant(Tensor::vector(values)); }
Value axis(Edit& edit, std::int64_t value) { return edit.constant(Tensor::scalar(value)); }

// `op` with i64 lists as its further operands.
template <class T>
Make with_lists(T op, std::vector<std::vector<std::int64_t>> lists) {
    return [op, lists](Edit& edit, Value d) {
        std::vector<Value> operands{d};
        for (const auto& l : lists) operands.push_back(list(edit, l));
        return edit.add(op, operands);
    };
}
template <class T>
Make alone(T op) {
    return [op](Edit& edit, Value d) { return edit.add(op, {d}); };
}

enum class Lies { plain, channels_last };

// How the data comes to lie: as it was fed, or behind a convolution.
Value data_of(Edit& edit, const Case& c, Lies lies) {
    Value d = edit.add(Parameter{lies == Lies::plain ? c.element : Element::f32, Shape(c.data), {}}, {}, "x");
    if (lies == Lies::plain) return d;
    d = identity_convolution(edit, c.data, d);
    return c.element == Element::u8 ? edit.add(whole_codes(c.data.size()), {d}) : d;
}

void check_case(const Case& c, Lies lies) {
    Graph graph;
    Edit edit(graph);
    const Value d = data_of(edit, c, lies);
    const Value y = c.make(edit, d);
    for (const Value output : edit.outputs(y.node)) edit.add(Result{}, {output});
    // A reader that wants channels last, beside the result that wants none.
    const Dims dims = graph.shape(y).sizes();
    if (dims.size() >= 3 && dims.size() <= 5 && graph.element(y) == Element::f32)
        edit.add(Result{}, {identity_convolution(edit, dims, y)});
    Tensors inputs;
    unsigned seed = 1;
    for (NodeId id : graph.parameters()) {
        const Type& type = graph.type({id, 0});
        inputs.push_back(random_tensor(type, seed++, c.element == Element::u8 ? 0 : -20,
                                       c.element == Element::u8 ? 255 : 20,
                                       is_integer(type.element) || c.element == Element::u8 ? 1.0f : 4.0f));
    }
    const Machine machine = detect_machine();
    const Plan plan = Planner(std::make_shared<const Graph>(graph), machine, 2).run();
    const auto step = std::ranges::find_if(plan.steps,
                                           [&](const Step& s) { return !s.nodes.empty() && s.nodes[0] == y.node; });
    ASSERT_NE(step, plan.steps.end());
    EXPECT_EQ(step->kernel, lies == Lies::plain && machine.avx512() && !c.generated.empty() ? c.generated : c.kernel);
    const bool reordered = std::any_of(plan.steps.begin(), step,
                                       [&](const Step& s) { return s.name == graph.node(d).name + "/reorder"; });
    if (lies == Lies::channels_last) {
        EXPECT_EQ(reordered, c.wants_plain);
    }
    const Tensors wanted = eval::evaluate(graph, inputs);
    const Tensors got = run_plan(plan, inputs, 2);
    ASSERT_EQ(wanted.size(), got.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) expect_near(wanted[i], got[i], c.tolerance);
}

class Steps : public ::testing::TestWithParam<Case> {};

TEST_P(Steps, Plain) { check_case(GetParam(), Lies::plain); }
TEST_P(Steps, ChannelsLast) {
    if (GetParam().element == Element::f32 || GetParam().element == Element::u8)
        check_case(GetParam(), Lies::channels_last);
}

const Dims kImage{2, 6, 7, 5};

std::vector<Case> resizing() {
    std::vector<Case> cases;
    const auto add = [&](std::string name, Dims data, Interpolate op, std::vector<std::int64_t> sizes,
                         std::vector<std::int64_t> axes, double tolerance, Element element = Element::f32) {
        op.pads_begin = op.pads_end = Dims(data.size(), 0);
        cases.push_back({std::move(name), "portable_interpolate", std::move(data),
                         with_lists(op, {std::move(sizes), std::move(axes)}), tolerance, element});
    };
    for (std::size_t c = 0; c < kCoordinateModeNames.size(); ++c) {
        const auto coordinates = static_cast<CoordinateMode>(c);
        for (std::size_t n = 0; n < kNearestModeNames.size(); ++n)
            add(fmt::format("nearest_{}_{}", kCoordinateModeNames[c], kNearestModeNames[n]), kImage,
                {.coordinates = coordinates, .nearest = static_cast<NearestMode>(n)}, {11, 3}, {2, 3}, 0);
        for (const auto mode : {InterpolateMode::linear, InterpolateMode::linear_onnx, InterpolateMode::cubic})
            add(fmt::format("{}_{}", kInterpolateModeNames[static_cast<std::size_t>(mode)], kCoordinateModeNames[c]),
                kImage, {.mode = mode, .coordinates = coordinates}, {11, 3}, {2, 3}, 2e-6);
    }
    add("linear_antialias", kImage, {.mode = InterpolateMode::linear, .antialias = true}, {3, 2}, {2, 3}, 2e-6);
    add("linear_one_axis", kImage, {.mode = InterpolateMode::linear}, {13}, {3}, 2e-6);
    add("linear_volume", {1, 3, 4, 5, 3}, {.mode = InterpolateMode::linear}, {7, 5, 4}, {2, 3, 4}, 2e-6);
    add("nearest_line", {2, 3, 9}, {}, {14}, {2}, 0);
    add("nearest_codes", kImage, {}, {14, 10}, {2, 3}, 0, Element::u8);
    cases.push_back({"nearest_scales", "portable_interpolate", kImage, [](Edit& edit, Value d) {
                         Interpolate op{.calculation = InterpolateFrom::scales,
                                        .coordinates = CoordinateMode::asymmetric,
                                        .nearest = NearestMode::floor};
                         return edit.add(op, {d, edit.constant(numbers({2}, {1.5f, 2.25f})), list(edit, {2, 3})});
                     }});
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Resizing, Steps, ::testing::ValuesIn(resizing()), [](const auto& i) { return i.param.name; });

std::vector<Case> parts() {
    using Lists = std::vector<std::vector<std::int64_t>>;
    std::vector<Case> cases;
    const auto slice = [&](std::string name, Make make, Dims data = kImage, Element element = Element::f32) {
        cases.push_back({std::move(name), "portable_slice", std::move(data), std::move(make), 0, element});
    };
    slice("slice", with_lists(Slice{}, Lists{{1, -1}, {5, -8}, {2, -3}, {1, 2}}));
    slice("slice_all_axes", with_lists(Slice{}, Lists{{0, 1, 2, 1}, {2, 4, 100, 4}, {1, 1, 2, 1}}));
    slice("slice_codes", with_lists(Slice{}, Lists{{1}, {6}, {3}, {1}}), kImage, Element::u8);
    slice("slice_integers", with_lists(Slice{}, Lists{{1}, {6}, {3}, {1}}), kImage, Element::i64);
    const auto strided = [&](std::string name, StridedSlice op, Lists lists) {
        slice(std::move(name), with_lists(op, std::move(lists)));
    };
    strided("strided", {.begin_mask = {1, 0, 0, 0}, .end_mask = {1, 0, 0, 1}},
            {{0, 4, -1, 1}, {0, 0, 0, 0}, {1, -2, -2, 3}});
    strided("strided_shrink_channels", {.shrink_axis_mask = {0, 1, 0}}, {{0, -2, 1}, {2, 0, 6}, {1, 1, 2}});
    strided("strided_new_axis", {.new_axis_mask = {0, 1, 0}}, {{1, 0, 2}, {2, 0, 5}, {1, 1, 1}});
    strided("strided_ellipsis", {.ellipsis_mask = {0, 1, 0}}, {{0, 0, 1}, {1, 0, 4}, {1, 1, 1}});
    const auto gather = [&](std::string name, std::string kernel, Tensor indices, std::int64_t at) {
        const bool wants_plain = kernel == "portable_gather";
        cases.push_back({std::move(name), std::move(kernel), kImage,
                         [indices, at](Edit& edit, Value d) {
                             return edit.add(Gather{}, {d, edit.constant(indices), axis(edit, at)});
                         },
                         0, Element::f32, wants_plain});
    };
    gather("gather_one", "portable_slice", Tensor::scalar<std::int64_t>(-2), 1);
    gather("gather_slice", "portable_slice", Tensor::vector<std::int32_t>({5, 3, 1}), 1);
    gather("gather_slice_square", "portable_slice",
           Tensor::of<std::int64_t>({2, 2}, std::array<std::int64_t, 4>{1, 2, 3, 4}), 3);
    gather("gather_any", "portable_gather", Tensor::vector<std::int64_t>({4, 0, -1, 2}), 2);
    gather("gather_outside", "portable_gather", Tensor::vector<std::int64_t>({0, 99, 1, -99}), 2);
    for (const Element element : {Element::i32, Element::i64})
        cases.push_back({fmt::format("gather_given_{}", name_of(element)), "portable_gather", kImage,
                         [element](Edit& edit, Value d) {
                             const Value indices = edit.add(Parameter{element, Shape{3, 2}, {}}, {}, "indices");
                             return edit.add(Gather{}, {d, indices, axis(edit, 1)});
                         },
                         0, Element::f32, true});
    for (std::int64_t at = 0; at < 4; ++at)
        cases.push_back({fmt::format("concat_{}", at), "portable_concat", kImage, [at](Edit& edit, Value d) {
                             Dims dims = kImage;
                             dims[static_cast<std::size_t>(at)] = 3;
                             const Value constant = edit.constant(random_tensor({Element::f32, Shape(dims)}, 9, -9, 9));
                             return edit.add(Concat{at}, {d, constant, d});
                         }});
    cases.push_back({"split_channels", "portable_split", kImage, [](Edit& edit, Value d) {
                         return edit.add(Split{3}, {d, axis(edit, 1)});
                     }});
    cases.push_back({"split_lengths", "portable_split", kImage, [](Edit& edit, Value d) {
                         return edit.add(VariadicSplit{}, {d, axis(edit, -2), list(edit, {4, 1, -1})});
                     }});
    cases.push_back({"transpose", "portable_transpose", kImage, with_lists(Transpose{}, Lists{{3, 1, 0, 2}})});
    cases.push_back({"transpose_reversed", "portable_transpose", kImage, with_lists(Transpose{}, Lists{{}})});
    cases.push_back({"reshape", "view", kImage, with_lists(Reshape{}, Lists{{4, 3, -1}}), 0, Element::f32, true});
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Parts, Steps, ::testing::ValuesIn(parts()), [](const auto& i) { return i.param.name; });

std::vector<Case> rearranging() {
    using Lists = std::vector<std::vector<std::int64_t>>;
    std::vector<Case> cases;
    const auto pad = [&](std::string name, PadMode mode, Lists pads, Element element = Element::f32) {
        cases.push_back({std::move(name), "portable_pad", kImage, with_lists(Pad{mode}, std::move(pads)), 0, element});
    };
    pad("pad_zero", PadMode::constant, {{0, 1, 2, 3}, {1, 0, 2, 4}});
    pad("pad_cut", PadMode::constant, {{0, -1, 2, -2}, {-1, 2, -3, 0}});
    pad("pad_codes", PadMode::constant, {{0, 0, 1, 1}, {0, 0, 2, 1}}, Element::u8);
    cases.push_back({"pad_value", "portable_pad", kImage, [](Edit& edit, Value d) {
                         return edit.add(Pad{}, {d, list(edit, {1, 0, 1, 1}), list(edit, {0, 2, 1, 0}),
                                                 edit.constant(Tensor::scalar(-2.5f))});
                     }});
    for (const auto mode : {PadMode::edge, PadMode::reflect, PadMode::symmetric}) {
        pad(fmt::format("pad_{}", kPadModeNames[static_cast<std::size_t>(mode)]), mode, {{0, 0, 3, 1}, {0, 0, 2, 4}});
        pad(fmt::format("pad_{}_codes", kPadModeNames[static_cast<std::size_t>(mode)]), mode,
            {{0, 0, 3, 1}, {0, 0, 2, 4}}, Element::u8);
    }
    cases.push_back({"tile", "portable_tile", kImage, with_lists(Tile{}, Lists{{2, 1, 3, 2}})});
    cases.push_back({"tile_channels", "portable_tile", kImage, with_lists(Tile{}, Lists{{3, 1, 1}})});
    cases.push_back({"tile_more_axes", "portable_tile", {2, 3, 4}, with_lists(Tile{}, Lists{{2, 1, 2, 1}})});
    cases.push_back({"broadcast", "portable_broadcast", {1, 6, 7, 1}, with_lists(Broadcast{}, Lists{{2, 6, 7, 5}})});
    cases.push_back({"broadcast_more_axes",
                     "portable_broadcast",
                     {2, 3, 4},
                     with_lists(Broadcast{BroadcastMode::bidirectional}, Lists{{5, 1, 1, 4}})});
    cases.push_back({"broadcast_named",
                     "portable_broadcast",
                     {2, 3, 4},
                     with_lists(Broadcast{BroadcastMode::explicit_}, Lists{{2, 5, 3, 4}, {0, 2, 3}})});
    for (const auto mode : {DepthMode::blocks_first, DepthMode::depth_first}) {
        const auto name = kDepthModeNames[static_cast<std::size_t>(mode)];
        cases.push_back({fmt::format("depth_to_space_{}", name),
                         "portable_depth_to_space",
                         {2, 12, 3, 5},
                         alone(DepthToSpace{2, mode})});
        cases.push_back({fmt::format("depth_to_space_volume_{}", name),
                         "portable_depth_to_space",
                         {1, 16, 2, 3, 5},
                         alone(DepthToSpace{2, mode})});
        cases.push_back({fmt::format("space_to_depth_{}", name),
                         "portable_space_to_depth",
                         {2, 5, 6, 9},
                         alone(SpaceToDepth{3, mode})});
    }
    cases.push_back(
        {"depth_to_space_codes", "portable_depth_to_space", {1, 12, 3, 5}, alone(DepthToSpace{2}), 0, Element::u8});
    cases.push_back({"shuffle_channels", "portable_shuffle_channels", kImage, alone(ShuffleChannels{1, 3})});
    cases.push_back({"shuffle_rows", "portable_shuffle_channels", {2, 3, 8, 5}, alone(ShuffleChannels{-2, 4})});
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Rearranging, Steps, ::testing::ValuesIn(rearranging()),
                         [](const auto& i) { return i.param.name; });

std::vector<Case> along_axes() {
    using Lists = std::vector<std::vector<std::int64_t>>;
    std::vector<Case> cases;
    const std::vector<Lists> axes{{{1}}, {{2}}, {{3}}, {{2, 3}}, {{1, 2, 3}}};
    for (const Lists& a : axes) {
        const auto name = fmt::format("{}", fmt::join(a[0], ""));
        cases.push_back({"mvn_" + name, "portable_mvn", kImage, with_lists(Mvn{}, a), 1e-5, Element::f32, false,
                         name == "3" ? "jit_mvn_avx512" : ""});
        cases.push_back({"normalize_l2_" + name, "portable_normalize_l2", kImage, with_lists(NormalizeL2{}, a), 1e-5});
        for (const bool keep : {true, false}) {
            const std::string kind = keep ? "kept_" : "dropped_";
            if (name != "23") {  // those are pools
                cases.push_back(
                    {"mean_" + kind + name, "portable_reduce", kImage, with_lists(ReduceMean{keep}, a), 1e-6});
                cases.push_back(
                    {"sum_" + kind + name, "portable_reduce", kImage, with_lists(ReduceSum{keep}, a), 1e-6});
            }
            cases.push_back({"max_" + kind + name, "portable_reduce", kImage, with_lists(ReduceMax{keep}, a)});
            cases.push_back({"min_" + kind + name, "portable_reduce", kImage, with_lists(ReduceMin{keep}, a)});
        }
    }
    cases.push_back(
        {"mvn_mean_only", "portable_mvn", kImage, with_lists(Mvn{.normalize_variance = false}, {{2, 3}}), 1e-5});
    cases.push_back({"max_codes", "portable_reduce", kImage, with_lists(ReduceMax{true}, {{2, 3}}), 0, Element::u8});
    cases.push_back({"min_codes", "portable_reduce", kImage, with_lists(ReduceMin{true}, {{2, 3}}), 0, Element::u8});
    cases.push_back(
        {"max_batch", "portable_reduce", kImage, with_lists(ReduceMax{false}, {{0}}), 0, Element::f32, true});
    for (std::int64_t at = 1; at < 4; ++at)
        cases.push_back({fmt::format("softmax_{}", at), "portable_softmax", kImage, alone(SoftMax{at}), 1e-6});
    cases.push_back({"lrn", "portable_lrn", kImage, with_lists(Lrn{.alpha = 0.1, .size = 3}, {{1}}), 1e-5});
    return cases;
}
INSTANTIATE_TEST_SUITE_P(AlongAxes, Steps, ::testing::ValuesIn(along_axes()),
                         [](const auto& i) { return i.param.name; });

std::vector<Case> conversions() {
    std::vector<Case> cases;
    const std::vector<Element> elements{Element::f32, Element::i32, Element::i64, Element::u8, Element::i8};
    for (const Element from : elements)
        for (const Element to : elements)
            if (from != to)
                cases.push_back({fmt::format("{}_to_{}", name_of(from), name_of(to)), "portable_convert", kImage,
                                 alone(Convert{to}), 0, from});
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Conversions, Steps, ::testing::ValuesIn(conversions()),
                         [](const auto& i) { return i.param.name; });

TEST(Transpose, WhatLiesChannelsLastIsGivenOutAsItLies) {
    const auto make = [](std::string kernel) {
        return Case{"", std::move(kernel), kImage, with_lists(Transpose{}, {{0, 2, 3, 1}})};
    };
    check_case(make("portable_transpose"), Lies::plain);
    check_case(make("view"), Lies::channels_last);
}

// The softmax over channels that lie last writes the planes of a result itself, but not where something else reads them, too.
TEST(SoftMaxOfChannels, ResultsAreWrittenAsPlanes) {
    for (const bool read : {false, true}) {
        Graph graph;
        Edit edit(graph);
        const Value x = edit.add(Parameter{Element::f32, Shape(kImage), {}}, {}, "x");
        const Value y = edit.add(SoftMax{1}, {identity_convolution(edit, kImage, x)}, "y");
        edit.add(Result{}, {y});
        if (read) edit.add(Result{}, {identity_convolution(edit, kImage, y)});
        const Tensors inputs{random_tensor(graph.type(x), 1, -20, 20, 4)};
        const Plan plan = Planner(std::make_shared<const Graph>(graph), detect_machine(), 2).run();
        EXPECT_EQ(std::ranges::any_of(plan.steps, [](const Step& step) { return step.name == "y/reorder"; }), read);
        const Tensors wanted = eval::evaluate(graph, inputs), got = run_plan(plan, inputs, 2);
        for (std::size_t i = 0; i < wanted.size(); ++i) expect_near(wanted[i], got[i], 1e-6);
    }
}

TEST(Convert, WhatIsOutOfRangeSaturates) {
    Graph graph;
    Edit edit(graph);
    const Value x = edit.add(Parameter{Element::f32, Shape{6}, {}}, {}, "x");
    for (const Element to : {Element::u8, Element::i32, Element::i64}) edit.add(Result{}, {edit.add(Convert{to}, {x})});
    const Tensors inputs{numbers({6}, {-300, 300.75f, 1e20f, -1e20f, std::nanf(""), -0.75f})};
    const Plan plan = Planner(std::make_shared<const Graph>(graph), detect_machine(), 1).run();
    const Tensors wanted = eval::evaluate(graph, inputs);
    const Tensors got = run_plan(plan, inputs, 1);
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(wanted[i], got[i]);
}

}  // namespace
}  // namespace octet::cpu::testing
