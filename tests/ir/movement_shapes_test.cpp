#include "ir/edit.hpp"
#include "ir/ops/core.hpp"
#include "ir/ops/movement.hpp"
#include "ir/ops/slicing.hpp"
#include "ir/text.hpp"
#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

const Dim kAny;
const Dim kNumber{std::numeric_limits<std::int64_t>::min(), Dim::kUnbounded};

Operand unranked() { return f32(Shape::unranked()); }
Operand scalar(std::int64_t value) { return constant(Tensor::scalar(value)); }
Operand list_of(std::int64_t count) { return i64({count}); }  // of unknown numbers

TEST(MovementShapes, Reshape) {
    EXPECT_EQ(inferred(Reshape{}, {f32({2, 3, 4}), numbers({0, -1})}), "f32[2,12]");
    EXPECT_EQ(inferred(Reshape{}, {f32({kAny, 3, 4}), numbers({0, -1})}), "f32[?,12]");
    EXPECT_EQ(inferred(Reshape{}, {f32({Dim(1, 8), 3, 4}), numbers({-1, 4})}), "f32[3..24,4]");
    EXPECT_EQ(inferred(Reshape{}, {f32({6}), numbers({3, kAny})}), "f32[3,2]");
    EXPECT_EQ(inferred(Reshape{}, {f32({6, kAny}), numbers({3, kAny})}), "f32[3,?]");
    EXPECT_EQ(inferred(Reshape{false}, {f32({0, 3}), numbers({0, 7})}), "f32[0,7]");
    EXPECT_EQ(inferred(Reshape{}, {f32({1, 1}), numbers({})}), "f32[]");
    EXPECT_EQ(inferred(Reshape{}, {unranked(), numbers({2, 0, -1})}), "f32[2,?,?]");
    EXPECT_EQ(inferred(Reshape{}, {f32({6}), list_of(3)}), "f32[?,?,?]");
    EXPECT_EQ(inferred(Reshape{}, {f32({6}), i64({kAny})}), "f32[...]");
    EXPECT_EQ(known(Reshape{}, {numbers({1, kAny, 3}), numbers({3, 1})}), "[1,?,3]");
    EXPECT_EQ(infer_error(Reshape{}, {f32({2, 3}), numbers({4, -1})}),
              "data [2,3] has 6 elements, which 4 does not divide");
    EXPECT_EQ(infer_error(Reshape{}, {f32({2, 3}), numbers({4, 2})}),
              "data [2,3] does not have as many elements as [4,2]");
    EXPECT_EQ(infer_error(Reshape{false}, {f32({2, 3}), numbers({0, -1})}),
              "data [2,3] has 6 elements, the pattern has none");
    EXPECT_EQ(infer_error(Reshape{}, {f32({2, 3}), numbers({-1, -1})}), "the pattern has -1 twice, wanted once");
    EXPECT_EQ(infer_error(Reshape{}, {f32({2, 3}), numbers({-2})}), "the pattern has -2, wanted -1 or more");
    EXPECT_EQ(infer_error(Reshape{}, {f32({6}), numbers({6, 0})}), "the pattern copies dimension 1 of data [6]");
    EXPECT_EQ(infer_error(Reshape{}, {f32({6}), f32({1})}), "the pattern is of type f32, wanted integers");
    EXPECT_EQ(infer_error(Reshape{}, {f32({6})}), "got 1 inputs, wanted 2");
}

TEST(MovementShapes, SqueezeAndUnsqueeze) {
    EXPECT_EQ(inferred(Squeeze{}, {f32({1, 3, 1, kAny}), numbers({0, -2})}), "f32[3,?]");
    EXPECT_EQ(inferred(Squeeze{}, {f32({1, 3, 1})}), "f32[3]");
    EXPECT_EQ(inferred(Squeeze{}, {f32({1, kAny})}), "f32[...]");
    EXPECT_EQ(inferred(Squeeze{}, {f32({1, Dim(2, 9)})}), "f32[2..9]");
    EXPECT_EQ(inferred(Squeeze{}, {f32({1, 3, 1}), list_of(1)}), "f32[?,?]");
    EXPECT_EQ(inferred(Squeeze{}, {unranked(), numbers({0})}), "f32[...]");
    EXPECT_EQ(known(Squeeze{}, {numbers({Dim(2, 5)}), numbers({0})}), "[2..5]");
    EXPECT_EQ(infer_error(Squeeze{}, {f32({1, 3}), numbers({1})}), "axis 1 of [1,3] is not 1");
    EXPECT_EQ(infer_error(Squeeze{}, {f32({1, 3}), numbers({2})}), "axis 2 is not within a rank of 2");
    EXPECT_EQ(inferred(Unsqueeze{}, {f32({3, kAny}), numbers({0, -1})}), "f32[1,3,?,1]");
    EXPECT_EQ(inferred(Unsqueeze{}, {f32({3}), list_of(2)}), "f32[?,?,?]");
    EXPECT_EQ(known(Unsqueeze{}, {numbers({7}), numbers({0})}), "[7]");
    EXPECT_EQ(infer_error(Unsqueeze{}, {f32({3}), numbers({0, -3})}), "the axes [0,-3] name one twice");
}

TEST(MovementShapes, Transpose) {
    EXPECT_EQ(inferred(Transpose{}, {f32({2, 3, kAny}), numbers({2, 0, 1})}), "f32[?,2,3]");
    EXPECT_EQ(inferred(Transpose{}, {f32({2, 3}), numbers({})}), "f32[3,2]");
    EXPECT_EQ(inferred(Transpose{}, {f32({2, 3}), list_of(2)}), "f32[?,?]");
    EXPECT_EQ(inferred(Transpose{}, {unranked(), numbers({1, 0})}), "f32[?,?]");
    EXPECT_EQ(infer_error(Transpose{}, {f32({2, 3}), numbers({0, 0})}),
              "the order [0,0] is not a permutation of 2 axes");
    EXPECT_EQ(infer_error(Transpose{}, {f32({2, 3}), numbers({0})}), "the order has 1 axes, the data has 2");
}

TEST(MovementShapes, Concat) {
    EXPECT_EQ(inferred(Concat{1}, {f32({2, 3}), f32({kAny, Dim(1, 4)})}), "f32[2,4..7]");
    EXPECT_EQ(inferred(Concat{-1}, {f32({2, 3}), unranked()}), "f32[2,3..?]");
    EXPECT_EQ(inferred(Concat{0}, {unranked()}), "f32[...]");
    EXPECT_EQ(known(Concat{0}, {numbers({1, kAny}), list_of(1), numbers({4})}), "[1,?," + to_string(kNumber) + ",4]");
    EXPECT_EQ(infer_error(Concat{0}, {f32({2, 3}), f32({2, 4})}), "shapes [2,3] and [2,4] differ in dimension 1");
    EXPECT_EQ(infer_error(Concat{0}, {f32({2, 3}), f32({2})}), "shapes [2,3] and [2] differ in rank");
    EXPECT_EQ(infer_error(Concat{0}, {f32({2}), i64({2})}), "inputs of type f32 and i64, wanted one type");
    EXPECT_EQ(infer_error(Concat{2}, {f32({2, 3})}), "axis 2 is not within a rank of 2");
    EXPECT_EQ(infer_error(Concat{}, {}), "got no inputs, wanted 1 or more");
}

TEST(MovementShapes, Splits) {
    const auto types = infer_all(Split{2}, {f32({kAny, 6}), scalar(1)});
    ASSERT_EQ(types.size(), 2u);
    EXPECT_EQ(to_string(types[1]), "f32[?,3]");
    EXPECT_EQ(inferred(Split{3}, {f32({Dim(4, 10)}), scalar(0)}), "f32[2..3]");
    EXPECT_EQ(inferred(Split{2}, {f32({4, 6}), i64({})}), "f32[0..4,0..6]");
    EXPECT_EQ(known(Split{2}, {numbers({5, kAny}), scalar(0)}), "[5]");
    EXPECT_EQ(infer_error(Split{4}, {f32({2, 6}), scalar(1)}), "dimension 1 of [2,6] does not split into 4 parts");
    EXPECT_EQ(infer_error(Split{0}, {f32({2, 6}), scalar(1)}), "0 parts, wanted 1 or more");
    EXPECT_EQ(infer_error(Split{2}, {f32({2, 6}), numbers({1, 0})}), "the axis has 2 elements, wanted 1");

    const auto parts = infer_all(VariadicSplit{}, {f32({2, 10}), scalar(-1), numbers({3, -1, 2})});
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(to_string(parts[1]), "f32[2,5]");
    EXPECT_EQ(to_string(infer_all(VariadicSplit{}, {f32({kAny}), scalar(0), numbers({3, -1})})[1]), "f32[?]");
    EXPECT_EQ(known(VariadicSplit{}, {numbers({5, kAny, 3}), scalar(0), numbers({2, 1})}), "[5,?]");
    EXPECT_EQ(infer_error(VariadicSplit{}, {f32({10}), scalar(0), numbers({3, 8})}),
              "the lengths add up to 11, dimension 0 of [10] is 10");
    EXPECT_EQ(infer_error(VariadicSplit{}, {f32({10}), scalar(0), numbers({3, 5})}),
              "the lengths add up to 8, dimension 0 of [10] is 10");
    EXPECT_EQ(infer_error(VariadicSplit{}, {f32({10}), scalar(0), numbers({-1, -1})}),
              "the lengths have -1 twice, wanted once");
    EXPECT_EQ(infer_error(VariadicSplit{}, {f32({10}), scalar(0), numbers({-3, 13})}),
              "a length is -3, wanted -1 or more");
    EXPECT_EQ(infer_error(VariadicSplit{}, {f32({10}), scalar(0), i64({kAny})}), "the number of lengths is not known");
}

// The length of a slice of an axis of every size that the bounds allow must lie within what is said of it.
TEST(MovementShapes, SlicedLengthsHoldForEverySize) {
    const std::vector<std::int64_t> bounds{-9, -3, -1, 0, 2, 7};
    for (const Dim size : {Dim(0, 5), Dim(3, 6), Dim(4), Dim()})
        for (const std::int64_t begin : bounds)
            for (const std::int64_t end : bounds)
                for (const std::int64_t step : {-2, -1, 1, 3}) {
                    SCOPED_TRACE(fmt::format("{}[{}:{}:{}]", to_string(size), begin, end, step));
                    const Type type = infer_all(Slice{},
                                                {f32({size}), numbers({begin}), numbers({end}), numbers({step})})[0];
                    for (std::int64_t n = size.low; n <= std::min<std::int64_t>(size.high, 12); ++n)
                        EXPECT_TRUE(compatible(type.shape[0], slice_axis(n, begin, end, step).count))
                            << n << " gives " << to_string(type.shape[0]);
                    EXPECT_TRUE(!size.is_static() || type.shape.is_static());
                }
}

TEST(MovementShapes, Slice) {
    EXPECT_EQ(inferred(Slice{}, {f32({10, 10}), numbers({2}), numbers({std::numeric_limits<std::int64_t>::max()}),
                                 numbers({3}), numbers({1})}),
              "f32[10,3]");
    EXPECT_EQ(inferred(Slice{}, {f32({kAny, 10}), numbers({1}), numbers({-1}), numbers({1})}), "f32[?,10]");
    EXPECT_EQ(inferred(Slice{}, {f32({10, 4}), list_of(1), list_of(1), numbers({1}), numbers({0})}), "f32[0..10,4]");
    EXPECT_EQ(inferred(Slice{}, {f32({10, 4}), list_of(1), list_of(1), numbers({1}), list_of(1)}), "f32[0..10,0..4]");
    EXPECT_EQ(known(Slice{}, {numbers({1, kAny, 3, 4}), numbers({-1}), numbers({0}), numbers({-1})}), "[4,3,?]");
    EXPECT_EQ(infer_error(Slice{}, {f32({4}), numbers({0}), numbers({1}), numbers({0})}), "a step is 0");
    EXPECT_EQ(infer_error(Slice{}, {f32({4, 4}), numbers({0, 0}), numbers({1, 1}), numbers({1, 1}), numbers({1, -1})}),
              "axis 1 is sliced twice");
    EXPECT_EQ(infer_error(Slice{}, {f32({4, 4}), numbers({0}), numbers({1}), numbers({1}), numbers({0, 1})}),
              "2 axes for 1 slices");
    EXPECT_EQ(infer_error(Slice{}, {f32({4}), numbers({0}), numbers({1, 2}), numbers({1})}),
              "begin has 1 entries, end 2 and steps 1, wanted as many of each");
    EXPECT_EQ(infer_error(Slice{}, {f32({4}), numbers({0, 0}), numbers({1, 2}), numbers({1, 1})}),
              "2 axes to slice, the data has 1");
    EXPECT_EQ(infer_error(Slice{}, {f32({4}), i64({2, 2}), numbers({1}), numbers({1})}),
              "the begin has shape [2,2], wanted a list");
}

TEST(MovementShapes, StridedSlice) {
    const Operand data = f32({2, 3, 4, 5});
    EXPECT_EQ(inferred(StridedSlice{}, {data, numbers({0, 1}), numbers({1, 3}), numbers({1, 1})}), "f32[1,2,4,5]");
    EXPECT_EQ(inferred(StridedSlice{.begin_mask = {0, 1}, .end_mask = {1}}, {data, numbers({1, 2}), numbers({0, 2})}),
              "f32[1,2,4,5]");
    EXPECT_EQ(inferred(StridedSlice{.shrink_axis_mask = {0, 1}}, {data, numbers({0, -1}), numbers({1, 0})}),
              "f32[1,4,5]");
    EXPECT_EQ(inferred(StridedSlice{.new_axis_mask = {1, 0, 1}}, {data, numbers({0, 0, 0}), numbers({0, 1, 0})}),
              "f32[1,1,1,3,4,5]");
    EXPECT_EQ(inferred(StridedSlice{.ellipsis_mask = {0, 1}}, {data, numbers({0, 0, 1}), numbers({1, 0, 3})}),
              "f32[1,3,4,2]");
    EXPECT_EQ(inferred(StridedSlice{}, {f32({kAny, 3}), numbers({0}), numbers({2})}), "f32[0..2,3]");
    EXPECT_EQ(inferred(StridedSlice{}, {f32({Dim(5, 9), 3}), numbers({-2}), numbers({-1})}), "f32[1,3]");
    EXPECT_EQ(inferred(StridedSlice{.begin_mask = {1}, .end_mask = {1}},
                       {f32({Dim(5, 9)}), numbers({0}), numbers({0}), numbers({-2})}),
              "f32[3..5]");
    EXPECT_EQ(inferred(StridedSlice{}, {f32({7}), i64({kAny}), i64({kAny})}), "f32[...]");
    EXPECT_EQ(known(StridedSlice{}, {numbers({1, 2, kAny, 4}), numbers({2}), numbers({4})}), "[?,4]");
    EXPECT_EQ(known(StridedSlice{.shrink_axis_mask = {1}}, {numbers({1, 2, 3}), numbers({-1}), numbers({0})}), "[3]");
    EXPECT_EQ(infer_error(StridedSlice{.shrink_axis_mask = {1}}, {data, numbers({2}), numbers({3})}),
              "index 2 is not within a dimension of 2");
    EXPECT_EQ(infer_error(StridedSlice{.ellipsis_mask = {1, 1}}, {data, numbers({0, 0}), numbers({0, 0})}),
              "the ellipsis mask has 2 entries, wanted at most 1");
    EXPECT_EQ(infer_error(StridedSlice{}, {f32({2}), numbers({0, 0}), numbers({1, 1})}),
              "2 axes to slice, the data has 1");
}

TEST(MovementShapes, Gathers) {
    EXPECT_EQ(inferred(Gather{}, {f32({2, 5, 3}), i64({4, kAny}), scalar(1)}), "f32[2,4,?,3]");
    EXPECT_EQ(inferred(Gather{1}, {f32({2, 5, 3}), i64({2, 4}), scalar(1)}), "f32[2,4,3]");
    EXPECT_EQ(inferred(Gather{-1}, {f32({2, 5, 3}), i64({2, 4}), scalar(2)}), "f32[2,5,4]");
    EXPECT_EQ(inferred(Gather{}, {f32({2, 5}), i64({3}), i64({})}), "f32[?,?]");
    EXPECT_EQ(inferred(Gather{}, {unranked(), i64({3}), scalar(0)}), "f32[...]");
    EXPECT_EQ(known(Gather{}, {numbers({1, Dim(2, 3), 224}), numbers({1, -1}), scalar(0)}), "[2..3,224]");
    EXPECT_EQ(infer_error(Gather{2}, {f32({2, 5}), i64({2}), scalar(1)}),
              "2 batch dimensions, the indices have shape [2]");
    EXPECT_EQ(infer_error(Gather{1}, {f32({2, 5}), i64({2}), scalar(0)}), "1 batch dimensions reach over axis 0");
    EXPECT_EQ(infer_error(Gather{1}, {f32({2, 5}), i64({3, 1}), scalar(1)}),
              "shapes [2,5] and [3,1] differ in dimension 0");

    EXPECT_EQ(inferred(GatherElements{1}, {f32({2, 5}), i64({kAny, 7})}), "f32[2,7]");
    EXPECT_EQ(infer_error(GatherElements{1}, {f32({2, 5}), i64({7})}), "data [2,5] and indices [7] differ in rank");

    EXPECT_EQ(inferred(GatherNd{}, {f32({2, 3, 4}), i64({5, 2})}), "f32[5,4]");
    EXPECT_EQ(inferred(GatherNd{1}, {f32({2, 3, 4}), i64({2, 5, 1})}), "f32[2,5,4]");
    EXPECT_EQ(inferred(GatherNd{}, {f32({2, 3, 4}), i64({5, kAny})}), "f32[...]");
    EXPECT_EQ(infer_error(GatherNd{}, {f32({2, 3}), i64({5, 3})}), "indices [5,3] lead deeper than data [2,3]");
    EXPECT_EQ(infer_error(GatherNd{2}, {f32({2, 3}), i64({5, 3})}),
              "2 batch dimensions of data [2,3] and indices [5,3]");
}

TEST(MovementShapes, Scatters) {
    EXPECT_EQ(inferred(ScatterNdUpdate{}, {f32({4, 3}), i64({2, 1}), f32({2, 3})}), "f32[4,3]");
    EXPECT_EQ(infer_error(ScatterNdUpdate{}, {f32({4, 3}), i64({2, 1}), f32({2, 4})}), "updates [2,4], wanted [2,3]");
    EXPECT_EQ(infer_error(ScatterNdUpdate{}, {f32({4, 3}), i64({2, 1}), i64({2, 3})}),
              "updates of type i64 for data of type f32");
    EXPECT_EQ(inferred(ScatterUpdate{}, {f32({4, 3}), i64({2}), f32({4, 2}), scalar(1)}), "f32[4,3]");
    EXPECT_EQ(infer_error(ScatterUpdate{}, {f32({4, 3}), i64({2}), f32({2, 3}), scalar(1)}),
              "updates [2,3], wanted [4,2]");
    EXPECT_EQ(inferred(ScatterElementsUpdate{}, {f32({4, 3}), i64({2, 2}), f32({2, 2}), scalar(1)}), "f32[4,3]");
    EXPECT_EQ(infer_error(ScatterElementsUpdate{}, {f32({4, 3}), i64({2, 2}), f32({2, 3}), scalar(1)}),
              "updates [2,3] for indices [2,2]");
    EXPECT_EQ(infer_error(ScatterElementsUpdate{}, {f32({4, 3}), i64({2}), f32({2}), scalar(1)}),
              "the index operand has shape [2], wanted a rank of 2");
}

TEST(MovementShapes, PadTileBroadcast) {
    EXPECT_EQ(inferred(Pad{}, {f32({kAny, 5}), numbers({1, -2}), numbers({0, 3})}), "f32[1..?,6]");
    EXPECT_EQ(inferred(Pad{}, {f32({4, 5}), list_of(2), numbers({0, 3})}), "f32[?,?]");
    EXPECT_EQ(infer_error(Pad{}, {f32({4}), numbers({-3}), numbers({-2})}),
              "pads of -3 and -2 cut more than dimension 0 of [4]");
    EXPECT_EQ(infer_error(Pad{}, {f32({4}), numbers({INT64_MAX}), numbers({0})}),
              "a pad of 9223372036854775807 at dimension 0, wanted 1099511627776 at most");
    EXPECT_EQ(infer_error(Pad{}, {f32({4}), numbers({1, 1}), numbers({1})}), "pads_begin has 2 entries for 1 axes");
    EXPECT_EQ(infer_error(Pad{PadMode::reflect}, {f32({4}), numbers({4}), numbers({0})}),
              "a pad of 4 at dimension 0 of [4], mode reflect allows 3");
    EXPECT_EQ(infer_error(Pad{PadMode::symmetric}, {f32({4}), numbers({0}), numbers({5})}),
              "a pad of 5 at dimension 0 of [4], mode symmetric allows 4");
    EXPECT_EQ(infer_error(Pad{PadMode::edge}, {f32({0}), numbers({0}), numbers({5})}),
              "a pad of 5 at the empty dimension 0 of [0]");
    EXPECT_EQ(infer_error(Pad{}, {f32({4}), numbers({1}), numbers({1}), i64({})}),
              "a value of type i64 for data of type f32");

    EXPECT_EQ(inferred(Tile{}, {f32({2, kAny}), numbers({3, 2, 2})}), "f32[3,4,?]");
    EXPECT_EQ(inferred(Tile{}, {f32({2, 3}), numbers({2})}), "f32[2,6]");
    EXPECT_EQ(inferred(Tile{}, {f32({2, 3}), i64({kAny})}), "f32[...]");

    EXPECT_EQ(inferred(Broadcast{}, {f32({3, 1}), numbers({2, 3, 4})}), "f32[2,3,4]");
    EXPECT_EQ(inferred(Broadcast{}, {f32({3, 1}), list_of(2)}), "f32[3,?]");
    EXPECT_EQ(inferred(Broadcast{BroadcastMode::bidirectional}, {f32({2, 3, 1}), numbers({1, 4})}), "f32[2,3,4]");
    EXPECT_EQ(inferred(Broadcast{BroadcastMode::explicit_}, {f32({3}), numbers({2, 3, 4}), numbers({1})}),
              "f32[2,3,4]");
    EXPECT_EQ(known(Broadcast{}, {numbers({7}), numbers({3})}), "[7,7,7]");
    EXPECT_EQ(infer_error(Broadcast{}, {f32({3, 2}), numbers({3, 4})}), "data [3,2] does not broadcast to [3,4]");
    EXPECT_EQ(infer_error(Broadcast{BroadcastMode::explicit_}, {f32({3}), numbers({3, 4})}),
              "got 2 inputs, mode explicit wants 3");
    EXPECT_EQ(infer_error(Broadcast{BroadcastMode::explicit_}, {f32({3, 4}), numbers({3, 4}), numbers({1, 0})}),
              "the axes mapping [1,0] does not ascend");
    EXPECT_EQ(infer_error(Broadcast{BroadcastMode::explicit_}, {f32({3, 4}), numbers({3, 4}), numbers({1})}),
              "1 axes are mapped, the data has 2");
    EXPECT_EQ(infer_error(Broadcast{}, {f32({1}), numbers({-3})}), "the target shape has -3, wanted 0 or more");
}

TEST(MovementShapes, Blocks) {
    EXPECT_EQ(inferred(DepthToSpace{2}, {f32({kAny, 8, 3, Dim(1, 4)})}), "f32[?,2,6,2..8]");
    EXPECT_EQ(infer_error(DepthToSpace{2}, {f32({1, 6, 3, 3})}), "dimension 1 of [1,6,3,3] is not a multiple of 4");
    EXPECT_EQ(infer_error(DepthToSpace{2}, {f32({1, 6})}), "data [1,6], wanted a rank of 3 or more");
    EXPECT_EQ(infer_error(DepthToSpace{0}, {f32({1, 6, 1})}), "a block of 0, wanted 1 or more");
    EXPECT_EQ(inferred(SpaceToDepth{2}, {f32({1, 2, 6, kAny})}), "f32[1,8,3,?]");
    EXPECT_EQ(infer_error(SpaceToDepth{2}, {f32({1, 2, 5, 4})}), "dimension 2 of [1,2,5,4] is not a multiple of 2");
    EXPECT_EQ(inferred(ShuffleChannels{1, 3}, {f32({1, 6, kAny})}), "f32[1,6,?]");
    EXPECT_EQ(infer_error(ShuffleChannels{1, 4}, {f32({1, 6})}), "dimension 1 of [1,6] is not a multiple of 4");
    EXPECT_EQ(infer_error(ShuffleChannels{1, 0}, {f32({1, 6})}), "0 groups, wanted 1 or more");
    EXPECT_EQ(inferred(BatchToSpace{}, {f32({8, 2, 3}), numbers({1, 2, 2}), numbers({0, 1, 0}), numbers({0, 0, 2})}),
              "f32[2,3,4]");
    EXPECT_EQ(inferred(BatchToSpace{}, {f32({8, 2}), list_of(2), numbers({0, 0}), numbers({0, 0})}), "f32[0..8,2..?]");
    EXPECT_EQ(infer_error(BatchToSpace{}, {f32({6, 2}), numbers({1, 4}), numbers({0, 0}), numbers({0, 0})}),
              "dimension 0 of [6,2] is not a multiple of 4");
    EXPECT_EQ(infer_error(BatchToSpace{}, {f32({6, 2}), numbers({1, 2}), numbers({0, 3}), numbers({0, 2})}),
              "crops of 3 and 2 cut more than 4");
    EXPECT_EQ(inferred(SpaceToBatch{}, {f32({2, 3, kAny}), numbers({1, 2, 2}), numbers({0, 1, 0}), numbers({0, 0, 0})}),
              "f32[8,2,?]");
    EXPECT_EQ(infer_error(SpaceToBatch{}, {f32({2, 3}), numbers({1, 2}), numbers({0, 0}), numbers({0, 0})}),
              "dimension 1 of [2,3] with its pads is 3, not a multiple of 2");
    EXPECT_EQ(inferred(ReverseSequence{}, {f32({2, kAny}), i64({2})}), "f32[2,?]");
    EXPECT_EQ(infer_error(ReverseSequence{}, {f32({2, 3}), i64({3})}), "3 lengths for a batch of 2");
}

TEST(MovementShapes, ShapesAndRanges) {
    EXPECT_EQ(inferred(ShapeOf{Element::i32}, {f32({1, kAny, 5})}), "i32[3]");
    EXPECT_EQ(known(ShapeOf{}, {f32({1, Dim(2, 8), 5})}), "[1,2..8,5]");
    EXPECT_EQ(inferred(ShapeOf{}, {unranked()}), "i64[?]");
    EXPECT_EQ(known(ShapeOf{}, {unranked()}), "unknown");
    EXPECT_EQ(inferred(Range{}, {scalar(2), scalar(9), scalar(3)}), "i64[3]");
    EXPECT_EQ(known(Range{}, {scalar(2), scalar(9), scalar(3)}), "[2,5,8]");
    EXPECT_EQ(inferred(Range{}, {scalar(5), scalar(0), scalar(-2)}), "i64[3]");
    EXPECT_EQ(inferred(Range{}, {scalar(0), numbers({Dim(2, 8)}), scalar(2)}), "i64[1..4]");
    EXPECT_EQ(inferred(Range{Element::f32}, {constant(Tensor::scalar(0.0f)), constant(Tensor::scalar(1.0f)),
                                             constant(Tensor::scalar(0.25f))}),
              "f32[4]");
    EXPECT_EQ(inferred(Range{}, {i64({}), scalar(9), scalar(3)}), "i64[?]");
    EXPECT_EQ(infer_error(Range{}, {scalar(0), scalar(9), scalar(0)}), "the step is 0");
    EXPECT_EQ(infer_error(Range{}, {i64({2}), scalar(9), scalar(0)}), "the start has shape [2], wanted one number");
    EXPECT_EQ(inferred(NonZero{}, {f32({2, Dim(1, 3)})}), "i64[2,0..6]");
    EXPECT_EQ(inferred(NonZero{}, {unranked()}), "i64[?,?]");
    EXPECT_EQ(inferred(OneHot{0}, {i64({2, kAny}), scalar(5), f32({}), f32({})}), "f32[5,2,?]");
    EXPECT_EQ(inferred(OneHot{}, {i64({2}), i64({}), f32({}), f32({})}), "f32[2,?]");
    EXPECT_EQ(infer_error(OneHot{}, {i64({2}), scalar(-5), f32({}), f32({})}), "a depth of -5, wanted 0 or more");
    EXPECT_EQ(infer_error(OneHot{}, {f32({2}), scalar(5), f32({}), f32({})}),
              "the index operand is of type f32, wanted integers");
    EXPECT_EQ(infer_error(OneHot{}, {i64({2}), scalar(5), f32({}), i64({})}),
              "an on value of type f32 and an off value of type i64, wanted one type");
}

// A reshape to [0, -1, w] taken from another tensor's shape stays as static as the inputs allow.
TEST(MovementShapes, ShapeArithmeticStaysStatic) {
    const Graph graph = parse(R"(
        x : f32[1..4,3,8,8] = parameter() shape=[1..4,3,8,8]
        shape : i64[4] = shape_of(x)
        wanted : i64[2] = constant() value=i64[2]{0, 3}
        axis : i64[] = constant() value=i64[]{0}
        ends : i64[2] = gather(shape, wanted, axis)
        begin : i64[1] = constant() value=i64[1]{0}
        end : i64[1] = constant() value=i64[1]{1}
        batch : i64[1] = strided_slice(ends, begin, end) begin_mask=[0] end_mask=[0]
        rest : i64[1] = constant() value=i64[1]{-1}
        last : i64[1] = strided_slice(ends, end, end) end_mask=[1]
        target : i64[3] = concat(batch, rest, last)
        y : f32[1..4,6..96,8] = reshape(x, target)
        out : f32[1..4,6..96,8] = result(y)
    )");
    EXPECT_EQ(to_string(graph.type({*graph.find("y"), 0})), "f32[1..4,6..96,8]");
}

}  // namespace
}  // namespace octet::ir
