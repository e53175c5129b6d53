#include "ir/ops/movement.hpp"

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

// Element `index` of a result as index arithmetic alone gives it.
template <class F>
std::vector<double> by_index(const Tensor& data, const Dims& out, F source) {
    std::vector<double> values;
    for (std::int64_t flat = 0; flat < product(out); ++flat) {
        Dims at(out.size());
        for (std::size_t axis = out.size(); axis-- > 0;) {
            std::int64_t rest = flat;
            for (std::size_t k = out.size(); k-- > axis + 1;) rest /= out[k];
            at[axis] = rest % out[axis];
        }
        const Dims from = source(at);
        std::int64_t offset = 0;
        for (std::size_t axis = 0; axis < from.size(); ++axis) offset = offset * data.dims()[axis] + from[axis];
        values.push_back(data.at(static_cast<std::size_t>(offset)));
    }
    return values;
}

Tensor scalar(std::int64_t value) { return Tensor::scalar(value); }
std::string run_error(const Op& op, const std::vector<Tensor>& inputs) {
    return error_of([&] { eval::evaluate(op, inputs); });
}

TEST(MovementOps, TransposesOfEveryOrderAndElementSize) {
    for (const Dims& dims : {Dims{2, 3, 4, 5}, Dims{1, 3, 40, 37}, Dims{2, 40, 9, 1}}) {
        Dims order{0, 1, 2, 3};
        const Tensor x = counting(dims);
        do {
            SCOPED_TRACE(to_string(dims) + " in order " + to_string(order));
            Dims out(4);
            for (std::size_t i = 0; i < 4; ++i) out[i] = dims[static_cast<std::size_t>(order[i])];
            const auto wanted = by_index(x, out, [&](const Dims& at) {
                Dims from(4);
                for (std::size_t i = 0; i < 4; ++i) from[static_cast<std::size_t>(order[i])] = at[i];
                return from;
            });
            expect_exact(run(Transpose{}, {x, axes(order)}), out, wanted);
            const Tensor shorts = run(Transpose{}, {x.converted(Element::i16), axes(order)});
            expect_exact(shorts, out, wanted);
            if (product(dims) < 200)
                expect_exact(run(Transpose{}, {x.converted(Element::u8), axes(order)}), out, wanted);
            expect_exact(run(Transpose{}, {x.converted(Element::f64), axes(order)}), out, wanted);
        } while (std::ranges::next_permutation(order).found);
    }
    expect_exact(run(Transpose{}, {counting({2, 3}), axes({})}), {3, 2}, {0, 3, 1, 4, 2, 5});
}

TEST(MovementOps, Reshapes) {
    expect_exact(run(Reshape{}, {counting({2, 3}), axes({-1, 2})}), {3, 2}, {0, 1, 2, 3, 4, 5});
    expect_exact(run(Squeeze{}, {counting({1, 3, 1}), axes({0})}), {3, 1}, {0, 1, 2});
    expect_exact(run(Unsqueeze{}, {counting({3}), axes({1})}), {3, 1}, {0, 1, 2});
}

TEST(MovementOps, ConcatAndSplits) {
    expect_exact(run(Concat{1}, {counting({2, 1}), counting({2, 2}, 10), counting({2, 0})}), {2, 3},
                 {0, 10, 11, 1, 12, 13});
    expect_exact(run(Concat{-2}, {counting({1, 2}), counting({2, 2}, 10)}), {3, 2}, {0, 1, 10, 11, 12, 13});
    expect_exact(run(Split{2}, {counting({2, 4}), scalar(1)}, 1), {2, 2}, {2, 3, 6, 7});
    const std::vector<Tensor> cut{counting({5, 2}), scalar(0), axes({2, -1, 1})};
    expect_exact(run(VariadicSplit{}, cut, 0), {2, 2}, {0, 1, 2, 3});
    expect_exact(run(VariadicSplit{}, cut, 1), {2, 2}, {4, 5, 6, 7});
    expect_exact(run(VariadicSplit{}, cut, 2), {1, 2}, {8, 9});
    EXPECT_THROW(eval::evaluate(Concat{}, std::vector{Tensor(Element::u4, {2}), Tensor(Element::u4, {2})}),
                 Unsupported);
}

TEST(MovementOps, Slices) {
    const Tensor x = counting({3, 4});
    expect_exact(run(Slice{}, {x, axes({1}), axes({-1}), axes({2}), axes({1})}), {3, 1}, {1, 5, 9});
    expect_exact(run(Slice{}, {x, axes({2, 3}), axes({-9, 0}), axes({-1, -2})}), {3, 2}, {11, 9, 7, 5, 3, 1});
    expect_exact(run(Slice{}, {x, axes({3}), axes({9}), axes({1})}), {0, 4}, {});
    expect_exact(run(StridedSlice{.begin_mask = {1, 0}, .end_mask = {0, 1}},
                     {x, axes({2, 1}), axes({2, 0}), axes({1, 2})}),
                 {2, 2}, {1, 3, 5, 7});
    expect_exact(run(StridedSlice{.shrink_axis_mask = {0, 1}}, {x, axes({0, -2}), axes({3, 0})}), {3}, {2, 6, 10});
    expect_exact(run(StridedSlice{.new_axis_mask = {0, 1}}, {x, axes({1, 0, 3}), axes({2, 0, 1}), axes({1, 1, -1})}),
                 {1, 1, 2}, {7, 6});
    expect_exact(run(StridedSlice{.ellipsis_mask = {1}}, {counting({2, 2, 3}), axes({0, 1}), axes({0, 3})}), {2, 2, 2},
                 {1, 2, 4, 5, 7, 8, 10, 11});
}

TEST(MovementOps, Gather) {
    const Tensor x = counting({3, 2});
    expect_exact(run(Gather{}, {x, axes({2, -3, 0}), scalar(0)}), {3, 2}, {4, 5, 0, 1, 0, 1});
    expect_exact(run(Gather{}, {x, axes({1, 2, -3}), scalar(1)}), {3, 3}, {1, 0, 0, 3, 0, 0, 5, 0, 0});
    expect_exact(run(Gather{}, {counting({3}, 7), scalar(1), scalar(0)}), {}, {8});
    expect_exact(run(Gather{1}, {counting({2, 3}), tensor<std::int32_t>({2, 2}, {0, 2, 1, 1}), scalar(1)}), {2, 2},
                 {0, 2, 4, 4});
}

TEST(MovementOps, GatherElementsAndNd) {
    const Tensor x = counting({2, 3});
    expect_exact(run(GatherElements{1}, {x, tensor<std::int64_t>({2, 2}, {2, 0, -1, 1})}), {2, 2}, {2, 0, 5, 4});
    expect_exact(run(GatherElements{0}, {x, tensor<std::int64_t>({1, 3}, {1, 0, 1})}), {1, 3}, {3, 1, 5});
    EXPECT_EQ(run_error(GatherElements{1}, {x, tensor<std::int64_t>({2, 1}, {3, 0})}),
              "index 3 is not within a dimension of 3");
    expect_exact(run(GatherNd{}, {x, tensor<std::int64_t>({2, 2}, {1, 2, 0, -1})}), {2}, {5, 2});
    expect_exact(run(GatherNd{}, {x, tensor<std::int64_t>({1, 1}, {1})}), {1, 3}, {3, 4, 5});
    expect_exact(run(GatherNd{1}, {counting({2, 2, 2}), tensor<std::int64_t>({2, 1}, {1, 0})}), {2, 2}, {2, 3, 4, 5});
}

TEST(MovementOps, Scatters) {
    const Tensor x = counting({3, 2});
    expect_exact(run(ScatterNdUpdate{}, {x, tensor<std::int64_t>({2, 1}, {2, 0}), counting({2, 2}, 10)}), {3, 2},
                 {12, 13, 2, 3, 10, 11});
    expect_exact(run(ScatterNdUpdate{}, {x, tensor<std::int64_t>({1, 2}, {1, -1}), tensor({1}, {9.0f})}), {3, 2},
                 {0, 1, 2, 9, 4, 5});
    expect_exact(run(ScatterUpdate{}, {x, axes({1}), counting({3, 1}, 10), scalar(1)}), {3, 2}, {0, 10, 2, 11, 4, 12});
    expect_exact(run(ScatterUpdate{}, {x, tensor<std::int64_t>({1, 2}, {2, 1}), counting({1, 2, 2}, 10), scalar(0)}),
                 {3, 2}, {0, 1, 12, 13, 10, 11});
    expect_exact(run(ScatterElementsUpdate{},
                     {x, tensor<std::int64_t>({1, 2}, {2, 0}), counting({1, 2}, 10), scalar(0)}),
                 {3, 2}, {0, 11, 2, 3, 10, 5});
    EXPECT_EQ(run_error(ScatterUpdate{}, {x, axes({3}), counting({1, 2}), scalar(0)}),
              "index 3 is not within a dimension of 3");
}

TEST(MovementOps, PadOfEveryMode) {
    const Tensor x = counting({2, 3}, 1);
    const Tensor begin = axes({1, 2}), end = axes({0, 1});
    expect_exact(run(Pad{}, {x, begin, end, Tensor::scalar(9.0f)}), {3, 6},
                 {9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9});
    expect_exact(run(Pad{}, {x, axes({-1, 1}), axes({0, -2})}), {1, 2}, {0, 4});
    expect_exact(run(Pad{}, {x, axes({-1, 0}), axes({2, -3})}), {3, 0}, {});
    expect_exact(run(Pad{PadMode::edge}, {x, begin, end}), {3, 6},
                 {1, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6});
    expect_exact(run(Pad{PadMode::reflect}, {x, begin, end}), {3, 6},
                 {6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5});
    expect_exact(run(Pad{PadMode::symmetric}, {x, begin, end}), {3, 6},
                 {2, 1, 1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 5, 4, 4, 5, 6, 6});
    expect_exact(run(Pad{PadMode::edge}, {x, axes({0, -1}), axes({0, 1})}), {2, 3}, {2, 3, 3, 5, 6, 6});
}

TEST(MovementOps, TileAndBroadcast) {
    expect_exact(run(Tile{}, {counting({2, 1}), axes({2, 1, 2})}), {2, 2, 2}, {0, 0, 1, 1, 0, 0, 1, 1});
    expect_exact(run(Tile{}, {counting({2}), axes({3})}), {6}, {0, 1, 0, 1, 0, 1});
    expect_exact(run(Tile{}, {counting({2, 2}), axes({1, 0})}), {2, 0}, {});
    expect_exact(run(Broadcast{}, {counting({2, 1}), axes({2, 2, 3})}), {2, 2, 3},
                 {0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1});
    expect_exact(run(Broadcast{BroadcastMode::bidirectional}, {counting({2, 2}), axes({1, 1, 1})}), {1, 2, 2},
                 {0, 1, 2, 3});
    expect_exact(run(Broadcast{BroadcastMode::explicit_}, {counting({2}), axes({2, 3}), axes({0})}), {2, 3},
                 {0, 0, 0, 1, 1, 1});
}

TEST(MovementOps, DepthAndSpace) {
    for (const DepthMode mode : {DepthMode::blocks_first, DepthMode::depth_first})
        for (const std::int64_t block : {2, 3}) {
            const std::int64_t volume = block * block;
            const Tensor x = counting({2, 3 * volume, 2, 5});
            const auto wanted = by_index(x, {2, 3, 2 * block, 5 * block}, [&](const Dims& at) {
                const std::int64_t inner = at[2] % block * block + at[3] % block;
                const std::int64_t channel = mode == DepthMode::blocks_first ? inner * 3 + at[1]
                                                                             : at[1] * volume + inner;
                return Dims{at[0], channel, at[2] / block, at[3] / block};
            });
            const Tensor space = run(DepthToSpace{block, mode}, {x});
            expect_exact(space, {2, 3, 2 * block, 5 * block}, wanted);
            EXPECT_EQ(run(SpaceToDepth{block, mode}, {space}), x);
        }
    const Tensor line = counting({1, 4, 2});
    expect_exact(run(DepthToSpace{2}, {line}), {1, 2, 4}, {0, 4, 1, 5, 2, 6, 3, 7});
}

TEST(MovementOps, Rearrangements) {
    expect_exact(run(ShuffleChannels{1, 2}, {counting({1, 6, 1})}), {1, 6, 1}, {0, 3, 1, 4, 2, 5});
    expect_exact(run(ShuffleChannels{-1, 3}, {counting({6})}), {6}, {0, 2, 4, 1, 3, 5});
    const Tensor image = counting({1, 4, 4});
    const Tensor blocks = axes({1, 2, 2}), none = axes({0, 0, 0});
    const Tensor batches = run(SpaceToBatch{}, {image, blocks, none, none});
    expect_exact(batches, {4, 2, 2}, {0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15});
    EXPECT_EQ(run(BatchToSpace{}, {batches, blocks, none, none}), image);
    expect_exact(run(BatchToSpace{}, {batches, blocks, axes({0, 1, 0}), axes({0, 2, 1})}), {1, 1, 3}, {4, 5, 6});
    expect_exact(run(SpaceToBatch{}, {counting({1, 3}, 1), axes({1, 2}), axes({0, 1}), axes({0, 0})}), {2, 2},
                 {0, 2, 1, 3});
    const Tensor lengths = tensor<std::int32_t>({2}, {2, 3});
    expect_exact(run(ReverseSequence{}, {counting({2, 3}), lengths}), {2, 3}, {1, 0, 2, 5, 4, 3});
    expect_exact(run(ReverseSequence{1, 0}, {counting({3, 2}), lengths}), {3, 2}, {2, 5, 0, 3, 4, 1});
    EXPECT_EQ(run_error(ReverseSequence{}, {counting({1, 3}), axes({4})}), "a length of 4, wanted 0 to 3");
}

TEST(MovementOps, ShapesAndPlaces) {
    EXPECT_EQ(run(ShapeOf{Element::i32}, {counting({2, 0, 3})}), tensor<std::int32_t>({3}, {2, 0, 3}));
    EXPECT_EQ(run(Range{Element::i32}, {scalar(3), scalar(-4), scalar(-3)}), tensor<std::int32_t>({3}, {3, 0, -3}));
    expect_near(run(Range{Element::f32}, {Tensor::scalar(0.5f), Tensor::scalar(1.3f), Tensor::scalar(0.25f)}), {4},
                {0.5, 0.75, 1, 1.25});
    expect_exact(run(Range{}, {scalar(3), scalar(3), scalar(1)}), {0}, {});
    expect_exact(run(NonZero{}, {tensor({2, 3}, {0.0f, 1.0f, 0.0f, -2.0f, 0.0f, 3.0f})}), {2, 3}, {0, 1, 1, 1, 0, 2});
    expect_exact(run(NonZero{}, {tensor({2}, {0.0f, 0.0f})}), {1, 0}, {});
    const Tensor on = Tensor::scalar(5.0f), off = Tensor::scalar(-1.0f);
    expect_exact(run(OneHot{}, {axes({1, 3, -1}), scalar(3), on, off}), {3, 3}, {-1, 5, -1, -1, -1, -1, -1, -1, -1});
    expect_exact(run(OneHot{0}, {axes({1, 0}), scalar(2), on, off}), {2, 2}, {-1, 5, 5, -1});
}

}  // namespace
}  // namespace octet::ir
