// Convolutions and matrix products against plain loops.
#include "plugins/cpu/kernels/portable/convolution.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "tests/cpu_kernels/coded_support.hpp"
#include "tests/cpu_kernels/portable_support.hpp"

namespace octet::cpu::testing {
namespace {

using portable::Arguments;
using portable::Convolution;
using portable::MatMul;
using portable::PackedWeights;
using portable::ResultLayout;

Guarded<std::uint8_t> random_tensor(DataType type, std::size_t count, Guard guard, std::uint64_t seed) {
    auto memory = random_guarded<std::uint8_t>(count * size_of(type), guard, seed);
    if (type == DataType::f32) {
        fill_uniform({reinterpret_cast<float*>(memory.data()), count}, seed, -1, 1);
    }
    return memory;
}

double plain_convolution(const Convolution& op, const void* input, const void* weights, DataType weight_type,
                         std::span<const std::int32_t> zeros, std::size_t row, std::size_t channel) {
    const auto& w = op.window;
    const std::size_t stride = op.in_stride == 0 ? op.in_channels : op.in_stride;
    const std::size_t per_group = op.in_channels / op.groups;
    const std::size_t group = channel / (op.out_channels / op.groups);
    const std::array<std::size_t, 3> out = {row / (w.output[1] * w.output[2]) % w.output[0],
                                            row / w.output[2] % w.output[1], row % w.output[2]};
    const double zero = zeros.empty() ? 0 : zeros[zeros.size() == 1 ? 0 : channel];
    const auto input_zero = [&](std::size_t i) {
        return op.zero_points.empty() ? 0 : op.zero_points[op.zero_points.size() == 1 ? 0 : i];
    };
    double sum = 0;
    for (std::size_t tap = 0; tap < w.taps(); ++tap) {
        const std::array<std::size_t, 3> k = {tap / (w.kernel[1] * w.kernel[2]), tap / w.kernel[2] % w.kernel[1],
                                              tap % w.kernel[2]};
        std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(row / w.out_pixels());
        bool inside = true;
        for (std::size_t a = 0; a < 3; ++a) {
            const auto extent = static_cast<std::ptrdiff_t>(w.input[a]);
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(out[a] * w.stride[a] + k[a] * w.dilation[a]) -
                                      w.pad_begin[a];
            inside = inside && at >= 0 && at < extent;
            pixel = pixel * extent + at;
        }
        for (std::size_t i = 0; inside && i < per_group; ++i) {
            const double x = element(op.input, input,
                                     static_cast<std::size_t>(pixel) * stride + group * per_group + i) -
                             input_zero(group * per_group + i);
            sum += x * (element(weight_type, weights, (channel * per_group + i) * w.taps() + tap) - zero);
        }
    }
    return sum;
}

void check_convolution(Convolution op, DataType weight_type, Guard guard) {
    const std::size_t stride = op.in_stride == 0 ? op.in_channels : op.in_stride;
    const std::size_t rows = op.batch * op.window.out_pixels();
    const std::size_t depth = op.in_channels / op.groups * op.window.taps();
    const auto input = random_tensor(op.input, (op.batch * op.window.in_pixels() - 1) * stride + op.in_channels, guard,
                                     21);
    const auto weights = random_tensor(weight_type, op.out_channels * depth, guard, 22);
    std::vector<std::int32_t> zeros;
    if (weight_type == DataType::u8) {
        for (std::size_t i = 0; i < op.out_channels; ++i) {
            zeros.push_back(static_cast<std::int32_t>(i * 37 % 256));
        }
    }
    const PackedWeights packed = op.pack(weights.data(), weight_type, zeros);
    for (const bool codes : {false, true}) {
        const float size = (op.input == DataType::f32 ? 1.0F : 9000.0F) * std::sqrt(static_cast<float>(depth));
        op.epilogue = codes ? to_u8(op.out_channels, size, 23) : Epilogue{};
        Guarded<std::uint8_t> out(rows * op.out_channels * size_of(op.epilogue.result), guard);
        const Arguments args{input.data(), nullptr, {}, out.data()};
        run_reversed(op.units(), [&](std::size_t begin, std::size_t end) { op.run(packed, args, begin, end); });
        ASSERT_TRUE(out.intact());
        const ResultLayout layout{op.out_channels, op.window.out_pixels()};
        for (std::size_t i = 0; i < rows * op.out_channels; ++i) {
            const double sum = plain_convolution(op, input.data(), weights.data(), weight_type, zeros,
                                                 i / op.out_channels, i % op.out_channels);
            if (!codes && op.input != DataType::f32) {
                ASSERT_EQ(element(DataType::f32, out.data(), i), static_cast<double>(static_cast<float>(sum)))
                    << "at " << i;
                continue;
            }
            const double exact = reference_value(op.epilogue, layout, i / op.out_channels, i % op.out_channels, sum);
            ASSERT_NO_FATAL_FAILURE(
                expect_result(op.epilogue, out.data(), i, exact, 1e-5 * std::sqrt(static_cast<double>(depth))));
        }
    }
}

struct ConvolutionCase {
    const char* name;
    std::size_t batch, in_channels, out_channels, groups;
    portable::Window window;
    std::size_t in_stride = 0;
};

const ConvolutionCase kConvolutions[] = {
    {"pointwise", 2, 5, 7, 1, {{1, 5, 3}, {1, 5, 3}}},
    {"pointwise wide", 1, 300, 150, 1, {{1, 3, 3}, {1, 3, 3}}},
    {"first layer", 1, 3, 20, 1, {{1, 17, 19}, {1, 8, 9}, {1, 7, 7}, {1, 2, 2}, {1, 1, 1}, {0, 2, 3}}},
    {"3x3 padded", 2, 33, 17, 1, {{1, 6, 5}, {1, 6, 5}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}},
    {"asymmetric", 1, 4, 16, 1, {{1, 6, 7}, {1, 5, 9}, {1, 2, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 3}}},
    {"dilated", 1, 6, 9, 1, {{1, 9, 9}, {1, 9, 5}, {1, 3, 3}, {1, 1, 2}, {1, 2, 3}, {0, 2, 3}}},
    {"cropped", 1, 6, 9, 1, {{1, 9, 9}, {1, 5, 5}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, -1, -2}}},
    {"pads beyond the kernel", 1, 2, 3, 1, {{1, 2, 2}, {1, 8, 8}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 4, 4}}},
    {"grouped", 2, 12, 18, 3, {{1, 4, 5}, {1, 4, 5}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}},
    {"depthwise", 2, 19, 19, 19, {{1, 7, 6}, {1, 7, 6}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}},
    {"depthwise wide", 1, 2100, 2100, 2100, {{1, 3, 3}, {1, 2, 2}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}}},
    {"depthwise 17x17", 1, 8, 8, 8, {{1, 17, 17}, {1, 1, 3}, {1, 17, 17}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}},
    {"multiplier", 1, 6, 12, 6, {{1, 4, 4}, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}},
    {"one dimension", 3, 8, 5, 1, {{1, 1, 21}, {1, 1, 11}, {1, 1, 5}, {1, 1, 2}, {1, 1, 1}, {0, 0, 2}}},
    {"three dimensions", 1, 5, 6, 1, {{4, 5, 6}, {4, 3, 6}, {3, 3, 2}, {1, 2, 1}, {1, 1, 1}, {1, 1, 0}}},
    {"channel slice", 1, 10, 11, 1, {{1, 4, 4}, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, 27},
};

Convolution described(const ConvolutionCase& c, DataType input, std::vector<std::int32_t> zero_points) {
    Convolution op;
    op.input = input;
    op.zero_points = std::move(zero_points);
    op.batch = c.batch;
    op.in_channels = c.in_channels;
    op.out_channels = c.out_channels;
    op.groups = c.groups;
    op.in_stride = c.in_stride;
    op.window = c.window;
    return op;
}

TEST(PortableConvolution, IntegersAreExact) {
    for (const ConvolutionCase& c : kConvolutions) {
        for (const Guard guard : kGuards) {
            SCOPED_TRACE(c.name);
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::u8, {}), DataType::s8, guard));
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::u8, {131}), DataType::s8, guard));
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::u8, {255}), DataType::u8, guard));
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::s8, {-7}), DataType::s8, guard));
        }
    }
}

TEST(PortableConvolution, ZeroPointOfEachChannel) {
    for (const ConvolutionCase& c : kConvolutions) {
        std::vector<std::int32_t> codes;
        std::vector<std::int32_t> signed_codes;
        for (std::size_t i = 0; i < c.in_channels; ++i) {
            codes.push_back(static_cast<std::int32_t>(i * 255 / (c.in_channels - 1)));
            signed_codes.push_back(codes.back() - 128);
        }
        for (const Guard guard : kGuards) {
            SCOPED_TRACE(c.name);
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::u8, codes), DataType::s8, guard));
            ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::s8, signed_codes), DataType::u8, guard));
        }
    }
}

TEST(PortableConvolution, FloatsAreClose) {
    for (const ConvolutionCase& c : kConvolutions) {
        SCOPED_TRACE(c.name);
        ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::f32, {}), DataType::f32, Guard::after));
        ASSERT_NO_FATAL_FAILURE(check_convolution(described(c, DataType::f32, {}), DataType::f32, Guard::before));
    }
}

TEST(PortableConvolution, LargestSumsStayExact) {
    Convolution op;
    op.input = DataType::u8;
    op.in_channels = 5000;
    op.out_channels = 1;
    const std::vector<std::uint8_t> input(5000, 255);
    const std::vector<std::int8_t> weights(5000, -128);
    const PackedWeights packed = op.pack(weights.data(), DataType::s8);
    float out = 0;
    op.run(packed, {input.data(), nullptr, {}, &out}, 0, op.units());
    EXPECT_EQ(out, -5000.0F * 255 * 128);
}

struct Product {
    std::size_t batch, rows, depth, columns;
};

struct Storage {
    bool transpose_input, transpose_second, shared, padded;
};

double plain_product(const MatMul& op, const void* input, const void* second, std::size_t b, std::size_t row,
                     std::size_t column) {
    const auto value = [&](const MatMul::Side& side, const void* data, std::size_t major, std::size_t minor,
                           std::size_t majors, std::size_t minors) {
        const std::size_t base = side.offsets.empty() ? b * majors * minors : side.offsets[b];
        const std::size_t stride = side.stride != 0 ? side.stride : side.transposed ? majors : minors;
        return element(side.type, data, base + (side.transposed ? minor * stride + major : major * stride + minor)) -
               side.zero_point;
    };
    double sum = 0;
    for (std::size_t k = 0; k < op.depth; ++k) {
        sum += value(op.input, input, row, k, op.rows, op.depth) *
               value(op.second, second, k, column, op.depth, op.columns);
    }
    return sum;
}

void check_matmul(const Product& shape, const Storage& storage, DataType left, DataType right, bool constant,
                  Guard guard) {
    MatMul op;
    op.batch = shape.batch;
    op.rows = shape.rows;
    op.depth = shape.depth;
    op.columns = shape.columns;
    op.input.type = left;
    op.second.type = right;
    op.input.transposed = storage.transpose_input;
    op.second.transposed = storage.transpose_second;
    op.input.zero_point = left == DataType::u8 ? 77 : 0;
    op.second.zero_point = right == DataType::u8 ? 200 : 0;
    const std::size_t input_rows = storage.transpose_input ? shape.depth : shape.rows;
    const std::size_t input_columns = storage.transpose_input ? shape.rows : shape.depth;
    const std::size_t stride = input_columns + (storage.padded ? 5 : 0);
    op.input.stride = storage.padded ? stride : 0;
    for (std::size_t b = 0; storage.padded && b < shape.batch; ++b) {
        op.input.offsets.push_back(b * input_rows * stride);
    }
    if (storage.shared || constant) {
        op.second.offsets.assign(shape.batch, 0);
    }
    const auto input = random_tensor(left, (shape.batch * input_rows - 1) * stride + input_columns, guard, 31);
    const auto second =
        random_tensor(right, (storage.shared || constant ? 1 : shape.batch) * shape.depth * shape.columns, guard, 32);
    const bool exact_sums = left != DataType::f32 && right != DataType::f32;
    const std::int32_t zeros[] = {op.second.zero_point};
    const PackedWeights packed = constant ? op.pack(second.data(), zeros) : PackedWeights{};
    for (const bool codes : {false, true}) {
        const float size = (left == DataType::f32 ? 1.0F : 100.0F) * (right == DataType::f32 ? 1.0F : 100.0F) *
                           std::sqrt(static_cast<float>(shape.depth));
        op.epilogue = codes ? to_u8(shape.columns, size, 33) : Epilogue{};
        const std::size_t count = shape.batch * shape.rows * shape.columns;
        Guarded<std::uint8_t> out(count * size_of(op.epilogue.result), guard);
        const Arguments args{input.data(), second.data(), {}, out.data()};
        run_reversed(op.units(), [&](std::size_t begin, std::size_t end) {
            constant ? op.run(packed, args, begin, end) : op.run(args, begin, end);
        });
        ASSERT_TRUE(out.intact());
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t row = i / shape.columns;
            const double sum = plain_product(op, input.data(), second.data(), row / shape.rows, row % shape.rows,
                                             i % shape.columns);
            if (!codes && exact_sums) {
                ASSERT_EQ(element(DataType::f32, out.data(), i), static_cast<double>(static_cast<float>(sum)))
                    << "at " << i;
                continue;
            }
            const double exact = reference_value(op.epilogue, {shape.columns, shape.rows}, row, i % shape.columns, sum);
            const double tolerance = 1e-6 * std::sqrt(static_cast<double>(shape.depth)) *
                                     (codes ? 255.0 : static_cast<double>(size));
            ASSERT_NO_FATAL_FAILURE(expect_result(op.epilogue, out.data(), i, exact, tolerance));
        }
    }
}

TEST(PortableMatMul, AgreesWithPlainLoops) {
    const Product shapes[] = {{1, 1, 1, 1},     {1, 1, 300, 10},  {3, 7, 5, 9},
                              {2, 33, 64, 130}, {1, 65, 257, 31}, {4, 8, 513, 16}};
    const std::pair<DataType, DataType> types[] = {{DataType::f32, DataType::f32},
                                                   {DataType::u8, DataType::s8},
                                                   {DataType::u8, DataType::u8},
                                                   {DataType::s8, DataType::s8},
                                                   {DataType::f32, DataType::s8}};
    std::size_t turn = 0;
    for (const Product& shape : shapes) {
        for (const auto& type : types) {
            for (unsigned bits = 0; bits < 16; ++bits) {
                const Storage storage{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
                const bool constant = ++turn % 2 == 0 ? (bits & 4) != 0 : (bits & 4) == 0;
                SCOPED_TRACE(::testing::Message() << shape.batch << "x" << shape.rows << "x" << shape.depth << "x"
                                                  << shape.columns << " types " << int(type.first) << int(type.second)
                                                  << " storage " << bits << " constant " << constant);
                ASSERT_NO_FATAL_FAILURE(
                    check_matmul(shape, storage, type.first, type.second, constant, kGuards[turn / 2 % 2]));
            }
        }
    }
}

void check_coded(const CodedShape& shape, Guard guard) {
    SCOPED_TRACE(::testing::Message() << shape.rows << "x" << shape.depth << "x" << shape.columns << " groups of "
                                      << shape.group << ", " << shape.bits << " bits, signed " << shape.is_signed
                                      << ", transposed " << shape.transposed);
    const TestWeights w(shape, guard);
    MatMul op;
    op.rows = static_cast<std::size_t>(shape.rows);
    op.depth = static_cast<std::size_t>(shape.depth);
    op.columns = static_cast<std::size_t>(shape.columns);
    const auto input = random_guarded<float>(op.rows * op.depth, guard, 1);
    Guarded<float> out(op.rows * op.columns, guard);
    const Arguments args{input.data(), nullptr, {}, out.data()};
    const portable::PackedCodes packed = portable::pack_codes(w.weights);
    run_reversed(op.units(), [&](std::size_t begin, std::size_t end) { op.run(packed, args, begin, end); });
    ASSERT_TRUE(out.intact());
    for (std::size_t i = 0; i < out.size(); ++i) {
        const ExactSum sum(input.data() + i / op.columns * op.depth, w, static_cast<std::int64_t>(i % op.columns));
        ASSERT_NEAR(out[i], sum.value, sum.allowed()) << "at " << i;
    }
}

TEST(PortableMatMul, CodedWeights) {
    for (const Guard guard : kGuards) {
        for (const int bits : {4, 8}) {
            for (const bool is_signed : {false, true}) {
                check_coded({1, 7, 33, 0, bits, is_signed, true, false}, guard);
                check_coded({9, 300, 140, 0, bits, is_signed, false, true}, guard);
                check_coded({3, 12, 17, 3, bits, is_signed, true, true}, guard);
                check_coded({34, 640, 16, 160, bits, is_signed, true, true}, guard);
            }
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
