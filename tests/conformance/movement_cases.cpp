// Ops that move data, resize it, or depend on shapes known at run time only.
#include "tests/conformance/cases.hpp"

namespace octet::conformance {

using namespace ir;

namespace {

using Cases = std::vector<Case>;

void add_movement(Cases& cases) {
    cases.push_back({"reshape", [](Builder& b) {
                         b.result(b.add(Reshape{}, {b.input({2, 3, 4, 5}), b.ints({0, -1})}));
                     }});
    cases.push_back({"flatten_convolution", [](Builder& b) {
                         const Value y = b.add(Convolution{{1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                               {b.input({1, 8, 3, 3}), b.random({7, 8, 1, 1})});
                         b.result(b.add(Reshape{}, {y, b.ints({0, -1})}));
                     }});
    cases.push_back({"squeeze", [](Builder& b) {
                         b.result(b.add(Squeeze{}, {b.input({1, 3, 1, 5}), b.ints({0, 2})}));
                     }});
    cases.push_back({"unsqueeze", [](Builder& b) { b.result(b.add(Unsqueeze{}, {b.input({3, 5}), b.ints({0, 2})})); }});
    for (const std::vector<std::int64_t>& order :
         {std::vector<std::int64_t>{0, 2, 3, 1}, {0, 3, 1, 2}, {3, 2, 1, 0}, {0, 2, 1, 3}})
        cases.push_back({"transpose_" + std::to_string(order[0]) + std::to_string(order[1]) + std::to_string(order[2]) +
                             std::to_string(order[3]),
                         [order](Builder& b) {
                             b.result(b.add(Transpose{}, {b.input({2, 7, 3, 5}), b.ints(order)}));
                         }});
    for (const std::int64_t axis : {0, 1, 3})
        cases.push_back({"concat_" + std::to_string(axis), [axis](Builder& b) {
                             Shape first{2, 7, 3, 5}, second{2, 7, 3, 5};
                             second[static_cast<std::size_t>(axis)] = 4;
                             const Value x = b.input(first);
                             b.result(b.add(Concat{axis}, {x, b.input(second), x}));
                         }});
    cases.push_back({"split", [](Builder& b) { b.all_results(b.add(Split{3}, {b.input({2, 9, 3, 5}), b.axis(1)})); }});
    cases.push_back({"variadic_split", [](Builder& b) {
                         b.all_results(b.add(VariadicSplit{}, {b.input({2, 9, 3, 5}), b.axis(-1), b.ints({1, -1, 2})}));
                     }});
    cases.push_back({"split_into_convolutions", [](Builder& b) {
                         const Value parts = b.add(Split{2}, {b.input({1, 12, 5, 5}), b.axis(1)});
                         const Convolution op{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
                         const Value left = b.add(op, {parts, b.random({5, 6, 1, 1})}),
                                     right = b.add(op, {{parts.node, 1}, b.random({7, 6, 1, 1})});
                         b.result(b.add(Concat{1}, {left, right}));
                     }});
    cases.push_back({"strided_slice", [](Builder& b) {
                         b.result(
                             b.add(StridedSlice{.begin_mask = {1, 0, 0}, .end_mask = {1, 0, 1}},
                                   {b.input({3, 8, 9}), b.ints({0, 1, -1}), b.ints({0, 7, 0}), b.ints({1, 2, -1})}));
                     }});
    cases.push_back(
        {"slice", [](Builder& b) {
             b.result(b.add(Slice{}, {b.input({3, 8, 9}), b.ints({1}), b.ints({-1}), b.ints({2}), b.ints({2})}));
         }});
    cases.push_back({"gather", [](Builder& b) {
                         b.result(b.add(Gather{}, {b.input({4, 9, 3}), b.ints({8, 0, -2, 3}), b.axis(1)}));
                     }});
    for (const PadMode mode : {PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::symmetric})
        cases.push_back({"pad_" + std::string(kPadModeNames[static_cast<std::size_t>(mode)]), [mode](Builder& b) {
                             b.result(b.add(Pad{mode}, {b.input({1, 3, 5, 6}), b.ints({0, 0, 2, 1}),
                                                        b.ints({0, 0, 1, 3}), b.scalar(0.5f)}));
                         }});
    cases.push_back({"tile", [](Builder& b) { b.result(b.add(Tile{}, {b.input({2, 3, 4}), b.ints({1, 2, 3})})); }});
    cases.push_back({"broadcast", [](Builder& b) {
                         b.result(b.add(Broadcast{}, {b.input({3, 1}), b.ints({2, 3, 4})}));
                     }});
    for (const DepthMode mode : {DepthMode::blocks_first, DepthMode::depth_first}) {
        const std::string tail(kDepthModeNames[static_cast<std::size_t>(mode)]);
        cases.push_back({"depth_to_space_" + tail, [mode](Builder& b) {
                             b.result(b.add(DepthToSpace{2, mode}, {b.input({1, 12, 3, 5})}));
                         }});
        cases.push_back({"space_to_depth_" + tail, [mode](Builder& b) {
                             b.result(b.add(SpaceToDepth{2, mode}, {b.input({1, 3, 6, 4})}));
                         }});
    }
    cases.push_back({"shuffle_channels", [](Builder& b) {
                         b.result(b.add(ShuffleChannels{1, 3}, {b.input({1, 12, 3, 5})}));
                     }});
    cases.push_back({"shape_of", [](Builder& b) { b.result(b.add(ShapeOf{}, {b.input({2, 3, 5})})); }});
    cases.push_back({"identity", [](Builder& b) { b.result(b.input({2, 3})); }});
    cases.push_back({"constant_result", [](Builder& b) {
                         b.result(b.add(Relu{}, {b.random({2, 3})}));
                         b.result(b.input({1}));
                     }});
    cases.push_back({"one_value_twice", [](Builder& b) {
                         const Value y = b.add(Relu{}, {b.input({2, 3})});
                         b.result(y);
                         b.result(y);
                         b.result(b.add(Exp{}, {y}));
                     }});
}

void add_resizes(Cases& cases) {
    for (const InterpolateMode mode :
         {InterpolateMode::nearest, InterpolateMode::linear, InterpolateMode::linear_onnx, InterpolateMode::cubic})
        for (const CoordinateMode coordinates :
             {CoordinateMode::half_pixel, CoordinateMode::asymmetric, CoordinateMode::align_corners})
            for (const auto& [name, size] :
                 {std::pair<std::string, std::vector<std::int64_t>>{"up", {10, 14}}, {"odd", {7, 5}}})
                cases.push_back(
                    {"interpolate_" + std::string(kInterpolateModeNames[static_cast<std::size_t>(mode)]) + "_" +
                         std::string(kCoordinateModeNames[static_cast<std::size_t>(coordinates)]) + "_" + name,
                     [mode, coordinates, to = size](Builder& b) {
                         b.result(
                             b.add(Interpolate{.mode = mode, .coordinates = coordinates, .nearest = NearestMode::floor},
                                   {b.input({1, 9, 5, 7}), b.ints(to), b.ints({2, 3})}));
                     }});
}

void add_dynamic(Cases& cases) {
    const std::vector<std::vector<Dims>> batches{{{1, 5, 6, 6}}, {{3, 5, 6, 6}}, {{1, 5, 6, 6}}};
    cases.push_back({"dynamic_batch_convolution",
                     [](Builder& b) {
                         const Value y = b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                               {b.input({Dim(), 5, 6, 6}), b.random({7, 5, 3, 3})});
                         b.result(b.add(Relu{}, {y}));
                     },
                     0, batches});
    cases.push_back(
        {"dynamic_size_pool_matmul",
         [](Builder& b) {
             const Value x = b.input({1, 6, Dim(), Dim(1, 20)});
             const Value flat = b.add(Reshape{}, {b.add(ReduceMean{}, {x, b.ints({2, 3})}), b.ints({-1, 6})});
             b.result(b.add(MatMul{}, {flat, b.random({6, 4})}));
         },
         0,
         {{{1, 6, 5, 7}}, {{1, 6, 9, 20}}, {{1, 6, 1, 1}}}});
    cases.push_back({"dynamic_shape_arithmetic",
                     [](Builder& b) {
                         const Value x = b.input({Dim(), 4, Dim()});
                         const Value shape = b.add(ShapeOf{}, {x});
                         const Value rows = b.add(Gather{}, {shape, b.ints({0}), b.axis(0)});
                         b.result(b.add(Reshape{}, {x, b.add(Concat{0}, {rows, b.ints({-1})})}));
                     },
                     0,
                     {{{1, 4, 3}}, {{5, 4, 2}}}});
    cases.push_back({"dynamic_non_zero", [](Builder& b) {
                         b.result(b.add(NonZero{}, {b.add(Relu{}, {b.input({4, 5})})}));
                     }});
    cases.push_back(
        {"dynamic_int8",
         [](Builder& b) {
             const Value x = b.quantize(b.input({Dim(), 8, Dim(), Dim()}), -1, 1);
             const Value y = b.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {x, b.weights({9, 8, 3, 3})});
             b.result(b.quantize(b.add(Relu{}, {y}), 0, 6));
         },
         6.0 / 255,
         {{{1, 8, 5, 5}}, {{2, 8, 3, 9}}, {{1, 8, 5, 5}}}});
}

}  // namespace

std::vector<Case> movement_cases() {
    Cases cases;
    add_movement(cases);
    add_resizes(cases);
    add_dynamic(cases);
    return cases;
}

}  // namespace octet::conformance
