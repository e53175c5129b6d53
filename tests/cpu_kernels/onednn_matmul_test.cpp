#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/cpu/kernels/onednn/matmul.hpp"
#include "tests/cpu_kernels/onednn_harness.hpp"

namespace octet::cpu {
namespace {

using onednn::MatMul;
using onednn::MatrixStrides;
using testing::Guard;
using testing::Guarded;

MatMul product(std::int64_t rows, std::int64_t depth, std::int64_t columns) {
    MatMul p;
    p.rows = rows;
    p.depth = depth;
    p.columns = columns;
    p.threads = 2;
    return p;
}

std::string describe(const MatMul& p) {
    std::string text;
    for (const std::int64_t extent : p.outer) {
        text += std::to_string(extent) + "x";
    }
    return text + std::to_string(p.rows) + "x" + std::to_string(p.depth) + "x" + std::to_string(p.columns) +
           " threads" + std::to_string(p.threads) + " zp" + std::to_string(p.source_zero);
}

std::int64_t matrices(const MatMul& p) {
    std::int64_t count = 1;
    for (const std::int64_t extent : p.outer) {
        count *= extent;
    }
    return count;
}

// Element of a matrix with the given strides; matrices are numbered in row-major order of the outer extents.
std::int64_t place(const MatMul& p, const MatrixStrides& strides, std::int64_t matrix, std::int64_t row,
                   std::int64_t column, std::int64_t rows, std::int64_t columns) {
    if (strides.dense()) {
        return (matrix * rows + row) * columns + column;
    }
    std::int64_t element = row * strides.row + column * strides.column;
    for (std::size_t i = p.outer.size(); i-- > 0;) {
        element += matrix % p.outer[i] * strides.outer[i];
        matrix /= p.outer[i];
    }
    return element;
}

template <class Source, class Weight, class Sum>
std::vector<double> sums_of(const MatMul& p, const Source* src, const Weight* weights) {
    std::vector<double> sums;
    const std::int64_t step = p.weights_strides.dense() ? p.columns : p.weights_strides.row;
    for (std::int64_t m = 0; m < matrices(p); ++m) {
        for (std::int64_t r = 0; r < p.rows; ++r) {
            const Source* row = src + place(p, p.source_strides, m, r, 0, p.rows, p.depth);
            for (std::int64_t c = 0; c < p.columns; ++c) {
                const Weight* column = weights + place(p, p.weights_strides, m, 0, c, p.depth, p.columns);
                Sum sum = 0;
                for (std::int64_t k = 0; k < p.depth; ++k) {
                    sum += (static_cast<Sum>(row[k]) - static_cast<Sum>(p.source_zero)) *
                           static_cast<Sum>(column[k * step]);
                }
                sums.push_back(static_cast<double>(sum));
            }
        }
    }
    return sums;
}

// Extents of the memory behind an operand.
std::size_t span_of(const MatMul& p, const MatrixStrides& strides, std::int64_t rows, std::int64_t columns) {
    return static_cast<std::size_t>(place(p, strides, matrices(p) - 1, rows - 1, columns - 1, rows, columns) + 1);
}

template <class Source, class Weight>
std::string check(MatMul p, bool constant) {
    SCOPED_TRACE(describe(p) + (constant ? " constant" : ""));
    using Sum = std::conditional_t<std::is_floating_point_v<Source>, double, std::int64_t>;
    std::string answer;
    std::vector<double> sums;
    for (const Guard guard : testing::kGuards) {
        Guarded<Source> src = testing::random_guarded<Source>(span_of(p, p.source_strides, p.rows, p.depth), guard, 1);
        Guarded<Weight> weights = testing::random_guarded<Weight>(span_of(p, p.weights_strides, p.depth, p.columns),
                                                                  guard, 2);
        const std::size_t results = static_cast<std::size_t>(matrices(p) * p.rows * p.columns);
        Guarded<std::uint8_t> full = testing::random_guarded<std::uint8_t>(results, guard, 3);
        Guarded<std::byte> dst(results * size_of(p.epilogue.result), guard);
        if (p.in_place >= 0) {
            std::memcpy(dst.data(), full.data(), dst.size());
        }
        p.weights = constant ? weights.data() : nullptr;
        const onednn::Creation creation = onednn::create(p);
        answer = testing::answer_of(creation);
        if (!creation.acceptance) {
            return answer;
        }
        const void* operands[] = {full.data()};
        onednn::Args args;
        args.src = src.data();
        args.weights = constant ? nullptr : weights.data();
        args.dst = dst.data();
        args.operands = operands;
        testing::run_all(*creation.kernel, args);
        EXPECT_TRUE(src.intact() && weights.intact() && dst.intact() && full.intact());
        if (sums.empty()) {
            sums = sums_of<Source, Weight, Sum>(p, src.data(), weights.data());
        }
        testing::compare(p.epilogue, sums, p.columns, p.rows, dst.data(), operands,
                         std::sqrt(static_cast<double>(p.depth)));
    }
    ::testing::Test::RecordProperty(describe(p), answer);
    return answer;
}

const std::vector<MatMul>& products() {
    static const std::vector<MatMul> all = {product(1, 1030, 1000), product(49, 256, 96), product(64, 512, 48),
                                            product(5, 7, 3),       product(1, 2, 1),     product(33, 65, 17),
                                            product(16, 64, 31),    product(2, 1023, 67), product(7, 130, 256)};
    return all;
}

TEST(OneDnnMatMul, ConstantWeightsAreExact) {
    for (MatMul p : products()) {
        for (const int threads : {1, 2, 3}) {
            p.threads = threads;
            p.epilogue.result = DataType::s32;
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, true));
            p.weights_strides = {{}, 1, p.depth};
            p.epilogue.result = DataType::f32;
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, true));
            p.weights_strides = {};
        }
    }
}

TEST(OneDnnMatMul, ConstantWeightsToCodesWithZeroPoint) {
    for (MatMul p : products()) {
        for (const DataType result : {DataType::u8, DataType::s8, DataType::f32}) {
            p.source_zero = 119;
            p.epilogue = testing::requantize(p.columns, p.depth, result);
            p.epilogue.ops.push_back(testing::function_op(Function::gelu_erf));
            p.epilogue.ops.push_back(testing::scalar_op(0.9F, 3));
            p.weights_strides = {{}, 1, p.depth};
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, true));
        }
    }
}

TEST(OneDnnMatMul, ResidualInPlaceAndBeside) {
    for (MatMul p : products()) {
        for (const int in_place : {-1, 0}) {
            p.in_place = in_place;
            p.epilogue = testing::requantize(p.columns, p.depth, DataType::u8);
            EpilogueOp add = testing::combine_op(Combine::add, DataType::u8, Spread::full);
            add.scale = {0.5F};
            add.shift = {-7};
            p.epilogue.ops.push_back(add);
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, true));
        }
    }
}

TEST(OneDnnMatMul, BothOperandsOfRunTime) {
    for (const MatMul& shape : {product(17, 64, 40), product(128, 64, 128), product(1, 32, 9)}) {
        for (const std::vector<std::int64_t>& outer : {std::vector<std::int64_t>{}, {4}, {2, 3}}) {
            MatMul p = shape;
            p.outer = outer;
            p.epilogue.result = DataType::f32;
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, false));
            p.epilogue.ops = {testing::scalar_op(0.0001F, 0)};
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, false));
            // Transposed second operand.
            p.weights_strides.row = 1;
            p.weights_strides.column = p.depth;
            std::int64_t step = p.depth * p.columns;
            p.weights_strides.outer.assign(outer.size(), 0);
            for (std::size_t i = outer.size(); i-- > 0;) {
                p.weights_strides.outer[i] = step;
                step *= outer[i];
            }
            testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, false));
        }
    }
}

// Queries, keys and values lie side by side in one tensor [batch, rows, 3 * heads * depth].
TEST(OneDnnMatMul, OperandsInsideAWiderTensor) {
    MatMul p = product(24, 16, 24);
    p.outer = {2, 3};
    p.source_strides = {{24 * 144, 16}, 144, 1};
    p.weights_strides = {{24 * 144, 16}, 1, 144};
    p.epilogue.result = DataType::f32;
    testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, false));
    check<float, float>(
        [&] {
            MatMul q = p;
            q.source = DataType::f32;
            return q;
        }(),
        false);
}

TEST(OneDnnMatMul, OneMatrixForAllOuterIndices) {
    MatMul p = product(12, 32, 20);
    p.outer = {4};
    p.weights_strides = {{0}, 20, 1};
    p.epilogue.result = DataType::f32;
    testing::expect_exact_or_refused(check<std::uint8_t, std::int8_t>(p, false));
    p.source = DataType::f32;
    EXPECT_EQ((check<float, float>(p, false)).find("onednn"), std::string::npos);
}

TEST(OneDnnMatMul, FloatAgainstDouble) {
    for (MatMul p : products()) {
        p.source = DataType::f32;
        for (const bool constant : {true, false}) {
            for (const std::vector<std::int64_t>& outer : {std::vector<std::int64_t>{}, {3}}) {
                p.outer = outer;
                p.epilogue = {};
                if (constant && !outer.empty()) {
                    continue;
                }
                EXPECT_EQ((check<float, float>(p, constant)).find("onednn"), std::string::npos);
                EpilogueOp op;
                op.scale = testing::spread_values(p.columns, 0.5F, 2, 8);
                op.shift = testing::spread_values(p.columns, -1, 1, 9);
                p.epilogue.ops = {op, testing::function_op(Function::tanh)};
                EXPECT_EQ((check<float, float>(p, constant)).find("onednn"), std::string::npos);
            }
        }
    }
}

TEST(OneDnnMatMul, ReasonsOfDeclines) {
    const auto reason = [](const MatMul& p) { return onednn::create(p).acceptance.reason; };
    const std::vector<std::int8_t> weights(64, 1);
    MatMul p = product(4, 8, 8);
    p.weights = weights.data();
    ASSERT_EQ(reason(p), "");
    MatMul bad = p;
    bad.rows = 0;
    EXPECT_EQ(reason(bad), "onednn matmul: empty operand");
    bad = p;
    bad.outer = {2};
    EXPECT_EQ(reason(bad), "onednn matmul: constant weights with outer extents, which belong to the rows");
    bad = p;
    bad.source_strides = {{5}, 8, 1};
    EXPECT_EQ(reason(bad), "onednn matmul: 1 outer strides for 0 outer extents");
    bad = p;
    bad.epilogue.ops = {testing::combine_op(Combine::add, DataType::f32, Spread::per_batch_channel)};
    EXPECT_EQ(reason(bad), "onednn matmul: an operand of the epilogue has one value per batch and channel");
}

}  // namespace
}  // namespace octet::cpu
