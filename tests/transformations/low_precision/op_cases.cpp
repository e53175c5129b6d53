#include "tests/transformations/low_precision/op_cases.hpp"

#include <optional>

#include "ir/ops/all.hpp"

namespace octet {

using ir::Dims;
using ir::Element;
using ir::Tensor;
using ir::Value;

namespace {

using Case = OpCase;

Value weights(GraphBuilder& b, Dims dims, int zero_point = 0) {
    Tensor codes(Element::i8, dims);
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes.write<std::int8_t>()[i] = static_cast<std::int8_t>(static_cast<int>(i * 37 % 201) - 100);
    const Dims ones(dims.size(), 1);
    return b.edit.add(ir::Dequantize{Tensor::filled(Element::f32, ones, 0.5),
                                     Tensor::filled(Element::f32, ones, zero_point), Element::f32},
                      {b.edit.constant(codes)});
}

template <class T>
std::function<Value(GraphBuilder&, Value)> plain(T op) {
    return [op](GraphBuilder& b, Value x) { return b.edit.add(op, {x}); };
}
template <class T>
std::function<Value(GraphBuilder&, Value)> with(T op, std::vector<std::vector<std::int64_t>> operands) {
    return [op, operands](GraphBuilder& b, Value x) {
        std::vector<Value> all{x};
        for (const auto& o : operands) all.push_back(b.integers(o));
        return b.edit.add(op, std::move(all));
    };
}
template <class T>
std::function<Value(GraphBuilder&, Value)> by_weights(T op, Dims dims, int zero_point = 0) {
    return [op, dims, zero_point](GraphBuilder& b, Value x) {
        return b.edit.add(op, {x, weights(b, dims, zero_point)});
    };
}
std::function<Value(GraphBuilder&, Value)> pad(ir::PadMode mode, std::optional<float> value = {}) {
    return [mode, value](GraphBuilder& b, Value x) {
        std::vector<Value> operands{x, b.integers({0, 0, 1, 0}), b.integers({0, 0, 0, 2})};
        if (value) operands.push_back(b.numbers({}, {*value}));
        return b.edit.add(ir::Pad{mode}, std::move(operands));
    };
}

// Sixteen steps of one sequence. The layer that is asked is the product of its inputs; the weights of its state are floats.
template <class T>
Case sequence(const char* name, T op) {
    op.hidden_size = 2;
    return {name,
            [op](GraphBuilder& b, Value x) {
                const std::int64_t hidden = op.hidden_size, rows = ir::gates_of(T::kind) * hidden;
                const Value state = b.numbers({1, 1, hidden}, {0.5F, -0.25F});
                std::vector<Value> operands{b.edit.add(ir::Reshape{}, {x, b.integers({1, 16, 4})}), state};
                if constexpr (T::kind == ir::RecurrentKind::lstm) operands.push_back(state);
                operands.push_back(b.integers({16}));
                operands.push_back(weights(b, {1, rows, 4}));
                operands.push_back(
                    b.numbers({1, rows, hidden}, std::vector<float>(static_cast<std::size_t>(rows * hidden), 0.25F)));
                operands.push_back(b.numbers({1, rows}, std::vector<float>(static_cast<std::size_t>(rows), 0.125F)));
                return b.edit.add(op, operands);
            },
            true, 1e-5, "op.matmul"};
}

std::vector<Case> moving_cases() {
    const auto scalar = [](std::int64_t v) { return Tensor::scalar(v); };
    return {
        {"max_pool", plain(ir::MaxPool{.strides = {1, 1}, .pads_begin = {1, 0}, .pads_end = {0, 1}, .kernel = {2, 2}}),
         true},
        {"avg_pool", plain(ir::AvgPool{.strides = {2, 2}, .pads_begin = {0, 0}, .pads_end = {0, 0}, .kernel = {2, 2}}),
         false},
        {"relu", plain(ir::Relu{}), false},
        {"clamp", plain(ir::Clamp{-1, 6}), false},
        {"prelu",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::PRelu{}, {x, b.numbers({1}, {0.25F})});
         },
         false},
        {"reshape", with(ir::Reshape{}, {{0, 4, -1}}), true},
        {"reshape_channels", with(ir::Reshape{}, {{0, 2, 2, -1}}), true},
        {"unsqueeze", with(ir::Unsqueeze{}, {{1}}), true},
        {"transpose", with(ir::Transpose{}, {{0, 2, 3, 1}}), true},
        {"split",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Split{2}, {x, b.edit.constant(scalar(1))});
         },
         true},
        {"variadic_split",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::VariadicSplit{}, {x, b.edit.constant(scalar(1)), b.integers({1, 3})});
         },
         true},
        {"concat",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Concat{1}, {x, x});
         },
         true},
        {"concat_rows",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Concat{2}, {x, x});
         },
         true},
    };
}

std::vector<Case> selecting_cases() {
    const auto scalar = [](std::int64_t v) { return Tensor::scalar(v); };
    return {
        {"slice", with(ir::Slice{}, {{1}, {3}, {1}, {2}}), true},
        {"slice_channels", with(ir::Slice{}, {{1}, {3}, {1}, {1}}), true},
        {"strided_slice",
         with(ir::StridedSlice{.begin_mask = {1, 1, 0, 1}, .end_mask = {1, 1, 0, 1}},
              {{0, 0, 1, 0}, {0, 0, 3, 0}, {1, 1, 1, 1}}),
         true},
        {"gather",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Gather{}, {x, b.integers({2, 0}), b.edit.constant(scalar(2))});
         },
         true},
        {"tile", with(ir::Tile{}, {{1, 1, 2, 1}}), true},
        {"depth_to_space", plain(ir::DepthToSpace{2}), true},
        {"space_to_depth", plain(ir::SpaceToDepth{2}), true},
        {"shuffle_channels", plain(ir::ShuffleChannels{1, 2}), true},
        {"space_to_batch", with(ir::SpaceToBatch{}, {{1, 1, 2, 1}, {0, 0, 1, 0}, {0, 0, 1, 0}}), true},
        {"reverse_sequence",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::ReverseSequence{0, 2}, {x, b.integers({3})});
         },
         true},
        {"interpolate", with(ir::Interpolate{}, {{8, 8}, {2, 3}}), true},
        {"squeeze", with(ir::Squeeze{}, {{0}}), true},
        {"broadcast", with(ir::Broadcast{}, {{2, 4, 4, 4}}), true},
        {"batch_to_space",
         [](GraphBuilder& b, Value x) {
             const Value four = b.edit.add(ir::Reshape{}, {x, b.integers({4, 1, 4, 4})});
             return b.edit.add(ir::BatchToSpace{},
                               {four, b.integers({1, 1, 2, 2}), b.integers({0, 0, 1, 0}), b.integers({0, 0, 0, 1})});
         },
         true},
        {"gather_channels",
         [scalar](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Gather{}, {x, b.integers({2, 0}), b.edit.constant(scalar(1))});
         },
         true},
        {"tile_channels", with(ir::Tile{}, {{1, 2, 1, 1}}), true},
        {"gather_nd",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::GatherNd{},
                               {x, b.edit.constant(Tensor::of<std::int64_t>({1, 2}, std::vector<std::int64_t>{0, 3}))});
         },
         true},
        {"pad", pad(ir::PadMode::constant), true},
        {"pad_value", pad(ir::PadMode::constant, 1.5F), true},
        {"pad_edge", pad(ir::PadMode::edge), true},
        {"pad_reflect", pad(ir::PadMode::reflect), true},
        {"pad_symmetric", pad(ir::PadMode::symmetric), true},
    };
}

std::vector<Case> computing_cases() {
    return {
        {"reduce_max", with(ir::ReduceMax{false}, {{2, 3}}), true},
        {"reduce_min", with(ir::ReduceMin{true}, {{3}}), true},
        {"reduce_mean", with(ir::ReduceMean{true}, {{2, 3}}), false},
        {"reduce_sum", with(ir::ReduceSum{true}, {{2, 3}}), false},
        {"convolution", by_weights(ir::Convolution{.pads_begin = {1, 1}, .pads_end = {1, 1}}, {3, 4, 3, 3}), true},
        {"convolution_zero_point",
         by_weights(ir::Convolution{.pads_begin = {1, 1}, .pads_end = {1, 1}}, {3, 4, 3, 3}, 5), true},
        {"group_convolution", by_weights(ir::GroupConvolution{}, {2, 3, 2, 3, 3}), true},
        {"depthwise", by_weights(ir::GroupConvolution{}, {4, 1, 1, 3, 3}, -7), true},
        {"convolution_backprop_data", by_weights(ir::ConvolutionBackpropData{.strides = {2, 2}}, {4, 3, 2, 2}), true},
        {"group_convolution_backprop_data",
         by_weights(ir::GroupConvolutionBackpropData{.strides = {2, 2}}, {2, 2, 3, 2, 2}, 3), true},
        {"matmul", by_weights(ir::MatMul{}, {4, 5}, 9), true},
        {"matmul_transposed", by_weights(ir::MatMul{false, true, {}, {}}, {5, 4}), true},
        {"mvn", with(ir::Mvn{}, {{2, 3}}), false, 1e-5},
        {"mvn_of_all", with(ir::Mvn{}, {{1, 2, 3}}), false, 1e-5},
        {"mean_subtraction", with(ir::Mvn{.normalize_variance = false}, {{2, 3}}), false},
        {"normalize_l2", with(ir::NormalizeL2{}, {{1}}), false, 1e-5},
        {"matmul_of_activations",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::MatMul{false, true, {}, {}}, {x, x});
         },
         true},
        sequence("lstm_sequence", ir::LstmSequence{}),
        sequence("gru_sequence", ir::GruSequence{}),
        sequence("rnn_sequence", ir::RnnSequence{}),
    };
}

template <class T>
std::function<Value(GraphBuilder&, Value)> with_constant(T op) {
    return [op](GraphBuilder& b, Value x) { return b.edit.add(op, {x, b.numbers({1, 4, 1, 1}, {0.5F, 2, 4, 1})}); };
}
template <class T>
std::function<Value(GraphBuilder&, Value)> with_itself(T op) {
    return [op](GraphBuilder& b, Value x) {
        return b.edit.add(op, {x, b.edit.add(ir::Transpose{}, {x, b.integers({0, 1, 3, 2})})});
    };
}

std::vector<Case> elementwise_cases() {
    return {
        {"add_constant", with_constant(ir::Add{}), false},
        {"subtract_constant", with_constant(ir::Subtract{}), false},
        {"multiply_constant", with_constant(ir::Multiply{}), false},
        {"divide_constant", with_constant(ir::Divide{}), false},
        {"add", with_itself(ir::Add{}), false},
        {"subtract", with_itself(ir::Subtract{}), false},
        {"multiply", with_itself(ir::Multiply{}), false},
        {"maximum", with_itself(ir::Maximum{}), false},
        {"minimum", with_itself(ir::Minimum{}), false},
        {"abs", plain(ir::Abs{}), false},
        {"add_float",
         [](GraphBuilder& b, Value x) {
             return b.edit.add(ir::Add{}, {x, b.edit.add(ir::Negative{}, {x})});
         },
         false},
    };
}

}  // namespace

std::vector<OpCase> op_cases() {
    std::vector<OpCase> all = moving_cases();
    for (auto& family : {selecting_cases(), computing_cases(), elementwise_cases()})
        all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace octet
