#include "ir/ops/detection.hpp"

#include <cmath>

#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

const Dim kAny;

Tensor scalar(std::int64_t value) { return Tensor::scalar(value); }
Tensor scalar(float value) { return Tensor::scalar(value); }

TEST(DetectionShapes, Interpolate) {
    EXPECT_EQ(inferred(Interpolate{}, {f32({1, 3, kAny, 5}), numbers({7, 8}), numbers({2, -1})}), "f32[1,3,7,8]");
    EXPECT_EQ(inferred(Interpolate{}, {f32({4, 5}), numbers({7, kAny})}), "f32[7,?]");
    EXPECT_EQ(inferred(Interpolate{}, {f32({4, 5}), numbers({7}), i64({1})}), "f32[?,?]");
    const Interpolate scaled{.calculation = InterpolateFrom::scales, .pads_begin = {0, 1}, .pads_end = {0, 2}};
    EXPECT_EQ(inferred(scaled, {f32({Dim(1, 4), 5}), constant(tensor({2}, {2.0f, 0.5f}))}), "f32[2..8,4]");
    EXPECT_EQ(inferred(scaled, {f32({4, 5}), f32({2})}), "f32[?,?]");
    // 1.2 as a float is a little below 1.2, yet 5 becomes 6.
    EXPECT_EQ(inferred(Interpolate{.calculation = InterpolateFrom::scales}, {f32({5}), constant(tensor({1}, {1.2f}))}),
              "f32[6]");
    EXPECT_EQ(infer_error(scaled, {f32({4, 5}), constant(tensor({1}, {2.0f}))}), "1 scales for 2 axes");
    EXPECT_EQ(infer_error(scaled, {f32({4, 5}), constant(tensor({2}, {2.0f, 0.0f}))}),
              "a scale of 0, wanted more than 0");
    EXPECT_EQ(infer_error(scaled, {f32({4, 5}), numbers({2, 2})}), "the scales is of type i64, wanted floats");
    EXPECT_EQ(infer_error(Interpolate{}, {f32({4}), numbers({-1})}), "a size of -1, wanted 0 or more");
    EXPECT_EQ(infer_error(Interpolate{}, {f32({4}), f32({1})}), "the sizes is of type f32, wanted integers");
}

TEST(DetectionShapes, Priors) {
    const PriorBox op{.min_size = {10}, .max_size = {20}, .aspect_ratio = {2, 3}, .flip = true};
    EXPECT_EQ(inferred(op, {numbers({2, 3}), numbers({100, 100})}), "f32[2,144]");
    EXPECT_EQ(inferred(op, {i64({2}), i64({2})}), "f32[2,?]");
    EXPECT_EQ(infer_error(op, {numbers({2, 3, 4}), numbers({100, 100})}), "a size of shape [3], wanted [2]");
    EXPECT_EQ(infer_error(op, {f32({2}), numbers({100, 100})}),
              "the size of the feature map is of type f32, wanted integers");
    EXPECT_EQ(infer_error(PriorBox{.min_size = {1}, .variance = {1, 2}}, {numbers({2, 3}), numbers({9, 9})}),
              "2 variances, wanted 0, 1 or 4");
    EXPECT_EQ(infer_error(PriorBox{.fixed_size = {1}}, {numbers({2, 3}), numbers({9, 9})}),
              "0 densities for 1 fixed sizes");
    EXPECT_EQ(infer_error(PriorBox{.density = {0}, .fixed_size = {1}}, {numbers({2, 3}), numbers({9, 9})}),
              "a density of 0, wanted 1 or more");
    EXPECT_EQ(infer_error(PriorBox{.max_size = {1}}, {numbers({2, 3}), numbers({9, 9})}),
              "1 max sizes for 0 min sizes");
    EXPECT_EQ(infer_error(PriorBox{.min_size = {1}, .aspect_ratio = {-2}}, {numbers({2, 3}), numbers({9, 9})}),
              "an aspect ratio of -2, wanted more than 0");
    EXPECT_EQ(inferred(PriorBoxClustered{.width = {1, 2}, .height = {3, 4}}, {numbers({2, 3}), numbers({9, 9})}),
              "f32[2,48]");
    EXPECT_EQ(infer_error(PriorBoxClustered{.width = {1, 2}, .height = {3}}, {numbers({2, 3}), numbers({9, 9})}),
              "2 widths and 1 heights, wanted as many of both");
}

TEST(DetectionShapes, DetectionOutput) {
    const DetectionOutput op{.top_k = 7, .keep_top_k = {5}, .normalized = true};
    EXPECT_EQ(inferred(op, {f32({2, 40}), f32({2, 30}), f32({1, 2, 40})}), "f32[1,1,10,7]");
    EXPECT_EQ(inferred(op, {f32({kAny, 40}), f32({kAny, 30}), f32({1, 2, 40})}), "f32[1,1,?,7]");
    EXPECT_EQ(inferred(DetectionOutput{.top_k = 7, .keep_top_k = {-1}, .normalized = true},
                       {f32({2, 40}), f32({2, 30}), f32({1, 2, 40})}),
              "f32[1,1,42,7]");
    EXPECT_EQ(inferred(DetectionOutput{.keep_top_k = {-1}, .normalized = true},
                       {f32({2, 40}), f32({2, 30}), f32({1, 2, 40})}),
              "f32[1,1,60,7]");
    EXPECT_EQ(infer_error(DetectionOutput{}, {f32({2, 40}), f32({2, 30}), f32({1, 2, 40})}),
              "keep_top_k has 0 numbers, wanted 1");
    EXPECT_EQ(infer_error(op, {f32({2, 40}), f32({2, 30})}), "got 2 inputs, wanted 3 or 5");
    EXPECT_EQ(infer_error(op, {f32({2, 40}), f32({3, 30}), f32({1, 2, 40})}),
              "box logits for 2 images, class predictions for 3");
    EXPECT_EQ(infer_error(op, {f32({2, 40}), f32({2, 30}), f32({1, 1, 40})}),
              "proposals [1,1,40], wanted 2 in dimension 1");
    EXPECT_EQ(infer_error(op, {f32({2, 40}), f32({2, 30}), f32({1, 2, 41})}),
              "proposals [1,2,41] do not hold priors of 4 numbers");
    EXPECT_EQ(infer_error(op, {f32({2, 40}), f32({2, 31}), f32({1, 2, 40})}), "31 class predictions for 10 priors");
    EXPECT_EQ(infer_error(op, {f32({2, 44}), f32({2, 30}), f32({1, 2, 40})}), "44 box logits for 10 priors, wanted 40");
    EXPECT_EQ(infer_error(op, {f32({2, 40, 1}), f32({2, 30}), f32({1, 2, 40})}),
              "the box logits has shape [2,40,1], wanted a rank of 2");
    EXPECT_EQ(infer_error(op, {i64({2, 40}), f32({2, 30}), f32({1, 2, 40})}),
              "the box logits is of type i64, wanted floats");
}

TEST(DetectionShapes, SelectionAndDecoders) {
    const auto types = infer_all(NonMaxSuppression{.index_element = Element::i32},
                                 {f32({2, 10, 4}), f32({2, 3, 10}), constant(scalar(std::int64_t{4}))});
    EXPECT_EQ(to_string(types[0]), "i32[0..24,3]");
    EXPECT_EQ(to_string(types[1]), "f32[0..24,3]");
    EXPECT_EQ(to_string(types[2]), "i32[1]");
    EXPECT_EQ(inferred(NonMaxSuppression{}, {f32({2, 10, 4}), f32({2, 3, 10}), i64({})}), "i64[0..60,3]");
    EXPECT_EQ(inferred(NonMaxSuppression{}, {f32({1, 10, 4}), f32({1, 3, 10})}), "i64[0,3]");
    EXPECT_EQ(infer_error(NonMaxSuppression{}, {f32({2, 10, 4}), f32({2, 3, 9})}),
              "boxes [2,10,4] and scores [2,3,9] do not go together");
    EXPECT_EQ(infer_error(NonMaxSuppression{}, {f32({2, 10, 5}), f32({2, 3, 10})}),
              "boxes [2,10,5], wanted 4 numbers each");
    EXPECT_EQ(inferred(CtcGreedyDecoder{}, {f32({kAny, 2, 9}), f32({8, 2})}), "f32[2,8,1,1]");
    EXPECT_EQ(infer_error(CtcGreedyDecoder{}, {f32({7, 2, 9}), f32({8, 2})}),
              "logits [7,2,9] and sequence mask [8,2] do not go together");
    EXPECT_EQ(to_string(infer_all(CtcGreedyDecoderSeqLen{}, {f32({2, 8, 9}), i64({2})})[1]), "i32[2]");
    EXPECT_EQ(inferred(CtcGreedyDecoderSeqLen{}, {f32({2, 8, 9}), i64({2})}), "i32[2,8]");
    EXPECT_EQ(infer_error(CtcGreedyDecoderSeqLen{}, {f32({2, 8, 9}), i64({3})}),
              "logits [2,8,9] and lengths [3] do not go together");
}

std::vector<double> line(const Interpolate& op, std::vector<float> values, std::int64_t size) {
    const Tensor result = run(op, {tensor({1, 1, static_cast<std::int64_t>(values.size())}, values), axes({size}),
                                   axes({2})});
    std::vector<double> got;
    for (std::size_t i = 0; i < result.size(); ++i) got.push_back(result.at(i));
    return got;
}

TEST(Interpolate, NearestOfEveryMode) {
    using testing::ElementsAre;
    const auto nearest = [](CoordinateMode c, NearestMode n, std::int64_t size) {
        return line({.mode = InterpolateMode::nearest, .coordinates = c, .nearest = n}, {0, 1, 2, 3}, size);
    };
    // Coordinates of 8 over 4: -0.25 0.25 0.75 1.25 ... with half pixels, 0 0.5 1 1.5 ... without.
    EXPECT_THAT(nearest(CoordinateMode::half_pixel, NearestMode::round_prefer_floor, 8),
                ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
    EXPECT_THAT(nearest(CoordinateMode::half_pixel, NearestMode::floor, 8), ElementsAre(0, 0, 0, 1, 1, 2, 2, 3));
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::round_prefer_floor, 8),
                ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::round_prefer_ceil, 8),
                ElementsAre(0, 1, 1, 2, 2, 3, 3, 3));
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::floor, 8), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::ceil, 8), ElementsAre(0, 1, 1, 2, 2, 3, 3, 3));
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::simple, 8), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
    // 3 over 4, shrinking: 0 1.33 2.67 asymmetric, 0.67 2 3.33 for tf, 0 1.5 3 with aligned corners.
    EXPECT_THAT(nearest(CoordinateMode::asymmetric, NearestMode::simple, 3), ElementsAre(0, 2, 3));
    EXPECT_THAT(nearest(CoordinateMode::tf_half_pixel_for_nn, NearestMode::floor, 3), ElementsAre(0, 2, 3));
    EXPECT_THAT(nearest(CoordinateMode::align_corners, NearestMode::round_prefer_floor, 3), ElementsAre(0, 1, 3));
    EXPECT_THAT(nearest(CoordinateMode::align_corners, NearestMode::round_prefer_ceil, 3), ElementsAre(0, 2, 3));
    EXPECT_THAT(nearest(CoordinateMode::align_corners, NearestMode::floor, 1), ElementsAre(0));
    EXPECT_THAT(nearest(CoordinateMode::pytorch_half_pixel, NearestMode::ceil, 1), ElementsAre(0));
    EXPECT_THAT(nearest(CoordinateMode::half_pixel, NearestMode::ceil, 1), ElementsAre(2));
}

TEST(Interpolate, NearestMovesAnyElementAndGivenScales) {
    const Tensor x = tensor<std::uint8_t>({1, 1, 2, 2}, {1, 2, 3, 4});
    const Interpolate op{.calculation = InterpolateFrom::scales,
                         .coordinates = CoordinateMode::asymmetric,
                         .nearest = NearestMode::simple};
    expect_exact(run(op, {x, tensor({2}, {2.0f, 1.5f}), axes({2, 3})}), {1, 1, 4, 3},
                 {1, 1, 2, 1, 1, 2, 3, 3, 4, 3, 3, 4});
}

TEST(Interpolate, Linear) {
    using testing::ElementsAre;
    const auto near = [](double x) { return testing::DoubleNear(x, 1e-6); };
    for (const InterpolateMode mode : {InterpolateMode::linear, InterpolateMode::linear_onnx}) {
        EXPECT_THAT(line({.mode = mode}, {0, 4}, 4), ElementsAre(near(0), near(1), near(3), near(4)));
        EXPECT_THAT(line({.mode = mode, .coordinates = CoordinateMode::align_corners}, {0, 4, 0}, 5),
                    ElementsAre(near(0), near(2), near(4), near(2), near(0)));
        EXPECT_THAT(line({.mode = mode, .coordinates = CoordinateMode::asymmetric}, {0, 4, 8, 12}, 2),
                    ElementsAre(near(0), near(8)));
    }
    const Interpolate op{.mode = InterpolateMode::linear_onnx, .coordinates = CoordinateMode::align_corners};
    expect_near(run(op, {counting({1, 2, 2, 2}), axes({3, 3}), axes({2, 3})}), {1, 2, 3, 3},
                {0, .5, 1, 1, 1.5, 2, 2, 2.5, 3, 4, 4.5, 5, 5, 5.5, 6, 6, 6.5, 7});
    // Channels last: the same numbers, every channel by itself.
    expect_near(run(op, {tensor({1, 2, 2, 1}, {0.0f, 1.0f, 2.0f, 3.0f}), axes({3, 3}), axes({1, 2})}), {1, 3, 3, 1},
                {0, .5, 1, 1, 1.5, 2, 2, 2.5, 3});
    // Antialias over a halving: each result takes the triangle of width 2 around its place, 1/4 3/4 3/4 1/4 over 2.
    EXPECT_THAT(line({.mode = InterpolateMode::linear, .antialias = true}, {8, 0, 0, 0, 0, 8}, 3),
                ElementsAre(near(8 * 0.75 / 1.75), near(0), near(8 * 0.75 / 1.75)));
    expect_exact(run(Interpolate{.mode = InterpolateMode::linear_onnx},
                     {tensor<std::uint8_t>({2}, {0, 255}), axes({4})}),
                 {4}, {0, 64, 191, 255});
}

TEST(Interpolate, Cubic) {
    // At a half: weights a/8, 1/2 - a/8 twice, a/8 with a = -0.75, that is -0.09375 and 0.59375; the edge goes on.
    const Interpolate op{.mode = InterpolateMode::cubic, .coordinates = CoordinateMode::align_corners};
    const auto got = line(op, {1, 2, 4, 8}, 7);
    EXPECT_NEAR(got[1], 0.59375 * 3 - 0.09375 * (1 + 4), 1e-5);
    EXPECT_NEAR(got[3], 0.59375 * 6 - 0.09375 * (1 + 8), 1e-5);
    EXPECT_NEAR(got[4], 4, 1e-5);
    const auto catmull_rom =
        line({.mode = InterpolateMode::cubic, .coordinates = CoordinateMode::align_corners, .cube_coeff = -0.5},
             {1, 2, 3, 4}, 7);
    EXPECT_NEAR(catmull_rom[3], 2.5, 1e-5);
}

TEST(Interpolate, PadsComeFirst) {
    const Interpolate op{.mode = InterpolateMode::linear_onnx,
                         .coordinates = CoordinateMode::align_corners,
                         .pads_begin = {1},
                         .pads_end = {}};
    expect_near(run(op, {tensor({2}, {2.0f, 4.0f}), axes({5})}), {5}, {0, 1, 2, 3, 4});
}

TEST(PriorBox, OrderOfBoxes) {
    const Tensor map = axes({1, 2}), image = axes({100, 200});
    const PriorBox op{.min_size = {20},
                      .max_size = {80},
                      .aspect_ratio = {4},
                      .flip = true,
                      .step = 50,
                      .offset = 0.5,
                      .variance = {0.1, 0.2, 0.3, 0.4}};
    // Four boxes a place: min, sqrt(min * max), ratio 4, ratio 1/4; centres (25, 25) and (75, 25).
    const Tensor got = run(op, {map, image});
    ASSERT_EQ(got.dims(), (Dims{2, 32}));
    const std::vector<std::vector<double>> halves{{10, 10}, {20, 20}, {20, 5}, {5, 20}};
    for (std::size_t place = 0; place < 2; ++place)
        for (std::size_t k = 0; k < 4; ++k) {
            const double x = place == 0 ? 25 : 75, y = 25, w = halves[k][0], h = halves[k][1];
            const std::vector<double> wanted{(x - w) / 200, (y - h) / 100, (x + w) / 200, (y + h) / 100};
            for (std::size_t i = 0; i < 4; ++i) {
                EXPECT_NEAR(got.at(place * 16 + k * 4 + i), wanted[i], 1e-6);
                EXPECT_NEAR(got.at(32 + place * 16 + k * 4 + i), 0.1 * static_cast<double>(i + 1), 1e-6);
            }
        }
    PriorBox other = op;
    other.min_max_aspect_ratios_order = false;
    const Tensor reordered = run(other, {map, image});
    EXPECT_NEAR(reordered.at(4), (25.0 - 20) / 200, 1e-6);
    EXPECT_NEAR(reordered.at(13), (25.0 - 20) / 100, 1e-6);
    EXPECT_NEAR(reordered.at(12), (25.0 - 20) / 200, 1e-6);
}

TEST(PriorBox, StepsAndClip) {
    // Without a step the places share the image; what reaches beyond it is cut with clip.
    const Tensor got = run(PriorBox{.min_size = {60}, .clip = true}, {axes({1, 2}), axes({40, 80})});
    expect_near(got, {2, 8}, {0, 0, 50.0 / 80, 1, 30.0 / 80, 0, 1, 1, .1, .1, .1, .1, .1, .1, .1, .1});
    // Sizes as fractions of the height: one ratio more for the last size only.
    const PriorBox fractions{.min_size = {0.5, 1},
                             .aspect_ratio = {4},
                             .step = -1,
                             .offset = 0.5,
                             .variance = {0.2},
                             .scale_all_sizes = false};
    expect_near(run(fractions, {axes({1, 1}), axes({40, 40})}), {2, 12},
                {.25, .25, .75, .75, 0, 0, 1, 1, 0, .375, 1, .625, .2, .2, .2, .2, .2, .2, .2, .2, .2, .2, .2, .2});
}

TEST(PriorBox, DenseFixedSizes) {
    // Size 40, density 2: centres 10 before and behind the place, shifted by 20.
    const PriorBox op{.density = {2}, .fixed_size = {40}, .step = 100, .offset = 0.5};
    expect_near(run(op, {axes({1, 1}), axes({100, 100})}), {2, 16},
                {.2, .2, .6, .6, .4, .2, .8, .6, .2, .4, .6, .8, .4, .4, .8, .8,
                 .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1, .1});
    const PriorBox ratios{.density = {1}, .fixed_ratio = {4}, .fixed_size = {20}, .step = 100, .offset = 0.5};
    expect_near(run(ratios, {axes({1, 1}), axes({100, 100})}), {2, 4}, {.3, .45, .7, .55, .1, .1, .1, .1});
}

TEST(PriorBoxClustered, StepsAndVariances) {
    const PriorBoxClustered op{
        .width = {20, 40}, .height = {10, 60}, .clip = true, .step = 50, .offset = 0.5, .variance = {0.1}};
    expect_near(run(op, {axes({1, 1}), axes({100, 50})}), {2, 8},
                {.3, .2, .7, .3, .1, 0, .9, .55, .1, .1, .1, .1, .1, .1, .1, .1});
    const PriorBoxClustered own{.width = {10}, .height = {10}, .step = 50, .step_w = 20, .step_h = 40, .offset = 0.5};
    expect_near(run(own, {axes({1, 1}), axes({100, 100})}), {2, 4}, {.05, .15, .15, .25, .1, .1, .1, .1});
}

// Rows of a detection as lists, up to the one that ends them.
std::vector<std::vector<double>> rows_of(const Tensor& result) {
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i + 7 <= result.size() && result.at(i) != -1; i += 7) {
        rows.emplace_back();
        for (std::size_t k = 0; k < 7; ++k) rows.back().push_back(std::round(result.at(i + k) * 1e4) / 1e4);
    }
    return rows;
}

// Three priors: two that overlap, and one apart; boxes as the priors are.
struct Case {
    DetectionOutput op{.top_k = -1,
                       .variance_encoded_in_target = true,
                       .keep_top_k = {10},
                       .code_type = BoxCode::corner,
                       .nms_threshold = 0.5,
                       .confidence_threshold = 0.1,
                       .normalized = true};
    Tensor logits = Tensor(Element::f32, {1, 12});
    Tensor priors = tensor({1, 1, 12}, {.0f, .0f, .4f, .4f, .0f, .0f, .4f, .5f, .6f, .6f, .9f, .9f});
    // Scores of classes 0 (background), 1 and 2 for every prior.
    Tensor scores = tensor({1, 9}, {.1f, .6f, .3f, .1f, .7f, .2f, .1f, .1f, .8f});
};

TEST(DetectionOutput, ClassByClassBestFirst) {
    const Case c;
    using Rows = std::vector<std::vector<double>>;
    const Rows wanted{{0, 1, .7, 0, 0, .4, .5}, {0, 2, .8, .6, .6, .9, .9}, {0, 2, .3, 0, 0, .4, .4}};
    const Tensor got = run(c.op, {c.logits, c.scores, c.priors});
    EXPECT_EQ(got.dims(), (Dims{1, 1, 10, 7}));
    EXPECT_EQ(rows_of(got), wanted);
    EXPECT_EQ(got.at(21), -1);
    EXPECT_EQ(got.at(22), 0);

    Case few;
    few.op.keep_top_k = {2};
    EXPECT_EQ(rows_of(run(few.op, {few.logits, few.scores, few.priors})), (Rows{wanted[0], wanted[1]}));
    Case first;
    first.op.top_k = 1;
    EXPECT_EQ(rows_of(run(first.op, {first.logits, first.scores, first.priors})), (Rows{wanted[0], wanted[1]}));
    Case strict;
    strict.op.confidence_threshold = 0.3f;  // a score must be above
    EXPECT_EQ(rows_of(run(strict.op, {strict.logits, strict.scores, strict.priors})), (Rows{wanted[0], wanted[1]}));
    Case loose;
    loose.op.nms_threshold = 0.85;
    EXPECT_EQ(rows_of(run(loose.op, {loose.logits, loose.scores, loose.priors})).size(), 5u);
}

TEST(DetectionOutput, EqualScoresKeepTheOrderOfPriors) {
    Case c;
    c.scores = tensor({1, 9}, {.0f, .5f, .0f, .0f, .5f, .0f, .0f, .5f, .0f});
    c.op.nms_threshold = 0.9;
    const auto rows = rows_of(run(c.op, {c.logits, c.scores, c.priors}));
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0][6], .4);
    EXPECT_EQ(rows[1][6], .5);
    c.op.keep_top_k = {2};
    EXPECT_EQ(rows_of(run(c.op, {c.logits, c.scores, c.priors})).back()[6], .5);
}

TEST(DetectionOutput, PriorByPrior) {
    Case c;
    c.op.decrease_label_id = true;
    using Rows = std::vector<std::vector<double>>;
    EXPECT_EQ(rows_of(run(c.op, {c.logits, c.scores, c.priors})),
              (Rows{{0, 0, .7, 0, 0, .4, .5}, {0, 1, .8, .6, .6, .9, .9}}));
}

TEST(DetectionOutput, CodesVariancesAndClips) {
    Case c;
    c.scores = tensor({1, 9}, {.0f, .9f, .0f, .0f, .0f, .0f, .0f, .0f, .0f});
    c.op.code_type = BoxCode::center_size;
    c.op.variance_encoded_in_target = false;
    c.priors = tensor({1, 2, 12},
                      {.2f, .2f, .6f, .4f, 0, 0, 1, 1, 0, 0, 1, 1, .5f, .5f, .25f, .25f, 1, 1, 1, 1, 1, 1, 1, 1});
    // Centre (0.4 + 0.5 * 1 * 0.4, 0.3 - 0.5 * 0.2 * 1), size (0.4 * e^(0.25 * 4), 0.2).
    c.logits = tensor({1, 12}, {1, -1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const double w = 0.4 * std::exp(1.0);
    const auto got = rows_of(run(c.op, {c.logits, c.scores, c.priors}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_NEAR(got[0][3], 0.6 - w / 2, 1e-4);
    EXPECT_NEAR(got[0][4], 0.1, 1e-4);
    EXPECT_NEAR(got[0][5], 0.6 + w / 2, 1e-4);
    EXPECT_NEAR(got[0][6], 0.3, 1e-4);
    c.op.clip_after_nms = true;
    EXPECT_EQ(rows_of(run(c.op, {c.logits, c.scores, c.priors}))[0][5], 1);
    c.op.clip_after_nms = false;
    c.op.clip_before_nms = true;
    EXPECT_EQ(rows_of(run(c.op, {c.logits, c.scores, c.priors}))[0][5], 1);
}

TEST(DetectionOutput, PixelsOwnLocationsAndImages) {
    // Priors in pixels with a leading number, boxes per class, two images with priors of their own.
    DetectionOutput op{.variance_encoded_in_target = true,
                       .keep_top_k = {1},
                       .share_location = false,
                       .nms_threshold = 0.5,
                       .confidence_threshold = 0.1,
                       .input_height = 10,
                       .input_width = 20};
    const Tensor priors = tensor({2, 1, 5}, {7, 2, 1, 4, 3, 7, 4, 2, 8, 6});
    const Tensor logits = tensor({2, 8}, {0, 0, 0, 0, .1f, .1f, .1f, .1f, 0, 0, 0, 0, 0, 0, 0, 0});
    const Tensor scores = tensor({2, 2}, {.5f, .5f, .2f, .8f});
    using Rows = std::vector<std::vector<double>>;
    EXPECT_EQ(rows_of(run(op, {logits, scores, priors})),
              (Rows{{0, 1, .5, .2, .2, .3, .4}, {1, 1, .8, .2, .2, .4, .6}}));
}

TEST(DetectionOutput, RefinedPriors) {
    Case c;
    c.op.objectness_score = 0.5;
    const Tensor objectness = tensor({1, 6}, {.9f, .1f, .1f, .9f, .1f, .9f});
    const Tensor shifts = tensor({1, 12}, {0, 0, 0, 0, 0, 0, 0, 0, .05f, .05f, .05f, .05f});
    using Rows = std::vector<std::vector<double>>;
    // The first prior is no object; the third one moves.
    EXPECT_EQ(rows_of(run(c.op, {c.logits, c.scores, c.priors, objectness, shifts})),
              (Rows{{0, 1, .7, 0, 0, .4, .5}, {0, 2, .8, .65, .65, .95, .95}, {0, 2, .2, 0, 0, .4, .5}}));
}

TEST(NonMaxSuppression, HardThresholdAndOrder) {
    // Boxes as y, x, y, x in either order; the second covers half of the first, the third stands apart.
    const Tensor boxes = tensor({1, 3, 4}, {0, 0, 1, 1, 1, 1.5f, 0, .5f, 5, 5, 6, 6});
    const Tensor scores = tensor({1, 2, 3}, {.9f, .8f, .7f, .1f, .2f, .9f});
    const auto selected = [&](std::int64_t most, float iou, float score, bool sorted = true) {
        return run(NonMaxSuppression{.sort_result_descending = sorted},
                   {boxes, scores, scalar(most), scalar(iou), scalar(score)});
    };
    expect_exact(selected(3, 0.3f, 0.0f), {4, 3}, {0, 0, 0, 0, 1, 2, 0, 0, 2, 0, 1, 1});
    expect_exact(selected(3, 0.3f, 0.0f, false), {4, 3}, {0, 0, 0, 0, 0, 2, 0, 1, 2, 0, 1, 1});
    expect_exact(selected(3, 0.4f, 0.15f), {5, 3}, {0, 0, 0, 0, 1, 2, 0, 0, 1, 0, 0, 2, 0, 1, 1});
    expect_exact(selected(1, 0.4f, 0.0f), {2, 3}, {0, 0, 0, 0, 1, 2});
    expect_exact(selected(0, 0.4f, 0.0f), {0, 3}, {});
    expect_near(run(NonMaxSuppression{}, {boxes, scores, scalar(std::int64_t{1}), scalar(0.4f)}, 1), {2, 3},
                {0, 0, .9, 0, 1, .9});
    expect_exact(run(NonMaxSuppression{}, {boxes, scores, scalar(std::int64_t{1}), scalar(0.4f)}, 2), {1}, {2});
}

TEST(NonMaxSuppression, CentresAndSoftSuppression) {
    const Tensor boxes = tensor({1, 2, 4}, {.5f, .5f, 1, 1, 1, .5f, 1, 1});
    const Tensor scores = tensor({1, 1, 2}, {.9f, .8f});
    const NonMaxSuppression op{.box_encoding = BoxEncoding::center};
    expect_exact(run(op, {boxes, scores, scalar(std::int64_t{5}), scalar(0.3f)}), {1, 3}, {0, 0, 0});
    const Tensor soft = run(op, {boxes, scores, scalar(std::int64_t{5}), scalar(0.5f), scalar(0.0f), scalar(0.5f)}, 1);
    expect_near(soft, {2, 3}, {0, 0, .9, 0, 0, .8 * std::exp(-1.0 / 9)}, 1e-5);
}

TEST(Decoders, CtcGreedy) {
    // Time by batch by class; class 2 is the blank. Likeliest: 0 0 2 0 for the first, 1 1 1 for the second, which ends after three.
    const Tensor logits = tensor({4, 2, 3}, {9, 0, 0, 0, 9, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 9, 0, 9, 0, 0, 0, 9, 0});
    const Tensor mask = tensor({4, 2}, {1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f});
    expect_exact(run(CtcGreedyDecoder{}, {logits, mask}), {2, 4, 1, 1}, {0, 0, -1, -1, 1, -1, -1, -1});
    expect_exact(run(CtcGreedyDecoder{false}, {logits, mask}), {2, 4, 1, 1}, {0, 0, 0, -1, 1, 1, 1, -1});
}

TEST(Decoders, CtcGreedySeqLen) {
    const Tensor logits = tensor({1, 4, 3}, {9, 0, 0, 0, 9, 0, 0, 9, 0, 0, 0, 9});
    const CtcGreedyDecoderSeqLen op{.lengths_element = Element::i64};
    expect_exact(run(op, {logits, axes({4})}), {1, 4}, {0, 1, -1, -1});
    expect_exact(run(op, {logits, axes({4})}, 1), {1}, {2});
    expect_exact(run(op, {logits, axes({4}), axes({0})}), {1, 4}, {1, 2, -1, -1});
    expect_exact(run(op, {logits, axes({1})}), {1, 4}, {0, -1, -1, -1});
    EXPECT_EQ(error_of([&] { eval::evaluate(op, std::vector{logits, axes({5})}); }), "a length of 5, wanted 0 to 4");
}

}  // namespace
}  // namespace octet::ir
