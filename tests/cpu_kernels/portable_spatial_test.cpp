// Pooling, resampling, means and the operations along one axis against plain loops.
#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/interpolate.hpp"
#include "plugins/cpu/kernels/portable/normalize.hpp"
#include "plugins/cpu/kernels/portable/pool.hpp"
#include "plugins/cpu/kernels/portable/reduce.hpp"
#include "plugins/cpu/kernels/portable/softmax.hpp"
#include "plugins/cpu/kernels/portable/window_sum.hpp"
#include "tests/cpu_kernels/portable_support.hpp"

namespace octet::cpu::testing {
namespace {

using portable::Arguments;
using portable::AxisShape;
using portable::Interpolate;
using portable::LocalResponse;
using portable::Normalize;
using portable::Pool;
using portable::ReduceMean;
using portable::ResultLayout;
using portable::SoftMax;
using portable::Window;
using portable::WindowSum;

Guarded<std::uint8_t> random_tensor(DataType type, std::size_t count, Guard guard, std::uint64_t seed) {
    auto memory = random_guarded<std::uint8_t>(count * size_of(type), guard, seed);
    if (type == DataType::f32) {
        fill_uniform({reinterpret_cast<float*>(memory.data()), count}, seed, -4, 4);
    } else if (type == DataType::bf16) {
        const std::vector<float> floats = random_vector(count, seed, -4, 4);
        portable::to_bfloat(floats.data(), count, reinterpret_cast<std::uint16_t*>(memory.data()));
    }
    return memory;
}

// Runs the kernel on guarded memory and compares each value of the result [rows, channels] with plain(row, channel).
template <class Kernel, class Plain>
void check_kernel(const Kernel& kernel, const void* input, const ResultLayout& layout, std::size_t rows, Guard guard,
                  double tolerance, const Plain& plain) {
    const std::size_t stride = layout.stride == 0 ? layout.channels : layout.stride;
    const std::size_t count = (rows - 1) * stride + layout.channels;
    Guarded<std::uint8_t> out(count * size_of(kernel.epilogue.result), guard);
    const Arguments args{input, nullptr, {}, out.data()};
    run_reversed(kernel.units(), [&](std::size_t begin, std::size_t end) { kernel.run(args, begin, end); });
    ASSERT_TRUE(out.intact());
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t c = 0; c < layout.channels; ++c) {
            const double exact = reference_value(kernel.epilogue, layout, row, c, plain(row, c));
            ASSERT_NO_FATAL_FAILURE(expect_result(kernel.epilogue, out.data(), row * stride + c, exact, tolerance));
        }
    }
}

std::array<std::size_t, 3> position(const std::array<std::size_t, 3>& extents, std::size_t pixel) {
    return {pixel / (extents[1] * extents[2]) % extents[0], pixel / extents[2] % extents[1], pixel % extents[2]};
}

bool is_extremum(const Pool& op) { return op.kind == Pool::Kind::max || op.kind == Pool::Kind::min; }

double plain_pool(const Pool& op, const void* input, std::size_t row, std::size_t channel) {
    const Window& w = op.window;
    const auto out = position(w.output, row);
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    double best = op.kind == Pool::Kind::min ? INFINITY : -INFINITY;
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t tap = 0; tap < w.taps(); ++tap) {
        const auto k = position(w.kernel, tap);
        auto pixel = static_cast<std::ptrdiff_t>(row / w.out_pixels());
        bool inside = true;
        bool padded = true;
        for (std::size_t a = 0; a < 3; ++a) {
            const auto extent = static_cast<std::ptrdiff_t>(w.input[a]);
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(out[a] * w.stride[a] + k[a] * w.dilation[a]) -
                                      w.pad_begin[a];
            inside = inside && at >= 0 && at < extent;
            padded = padded && at < extent + w.pad_end[a];
            pixel = pixel * extent + at;
        }
        if (inside) {
            const double x = element(op.input, input, static_cast<std::size_t>(pixel) * stride + channel);
            best = op.kind == Pool::Kind::min ? std::min(best, x) : std::max(best, x);
            sum += x;
            ++count;
        } else if (padded && op.kind == Pool::Kind::average_with_padding) {
            sum += static_cast<double>(op.padding);
            ++count;
        }
    }
    return is_extremum(op) ? best : sum / static_cast<double>(count);
}

TEST(PortablePool, AgreesWithPlainLoops) {
    const Window windows[] = {
        {{1, 6, 7}, {1, 3, 4}, {1, 2, 2}, {1, 2, 2}, {1, 1, 1}, {0, 0, 0}, {0, 0, 1}},
        {{1, 7, 5}, {1, 4, 3}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}},
        {{1, 8, 8},
         {1, 4, 4},
         {1, 3, 3},
         {1, 2, 2},
         {1, 1, 1},
         {0, 0, 0},
         {0, 0, 0}},  // the last window reaches beyond the padding
        {{1, 7, 7}, {1, 1, 1}, {1, 7, 7}},
        {{1, 9, 9}, {1, 5, 5}, {1, 3, 3}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}},
        {{4, 5, 6}, {3, 3, 3}, {2, 2, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {0, 0, 0}},
    };
    for (const Window& window : windows) {
        for (const std::size_t channels : {1u, 3u, 16u, 33u, 64u, 1001u, 2100u}) {
            for (const Pool::Kind kind :
                 {Pool::Kind::max, Pool::Kind::min, Pool::Kind::average, Pool::Kind::average_with_padding}) {
                for (const DataType type : {DataType::u8, DataType::s8, DataType::f32}) {
                    const Guard guard = kGuards[channels % 2];
                    Pool op;
                    op.kind = kind;
                    op.input = type;
                    op.batch = 2;
                    op.channels = channels;
                    op.in_stride = channels % 2 == 0 ? channels + 7 : 0;
                    op.out_stride = channels == 33 ? 40 : 0;
                    op.window = window;
                    op.padding = type == DataType::u8 ? 128.0F : 0.0F;
                    const std::size_t stride = op.in_stride == 0 ? channels : op.in_stride;
                    const auto input = random_tensor(type, (2 * window.in_pixels() - 1) * stride + channels, guard, 41);
                    const ResultLayout layout{channels, window.out_pixels(), op.out_stride};
                    const auto plain = [&](std::size_t row, std::size_t c) {
                        return plain_pool(op, input.data(), row, c);
                    };
                    SCOPED_TRACE(::testing::Message()
                                 << "channels " << channels << " kind " << int(kind) << " type " << int(type));
                    op.epilogue.result = is_extremum(op) ? type : DataType::f32;
                    op.epilogue.low = type == DataType::s8 ? -128.0F : 0.0F;
                    op.epilogue.high = type == DataType::s8 ? 127.0F : 255.0F;
                    ASSERT_NO_FATAL_FAILURE(
                        check_kernel(op, input.data(), layout, 2 * window.out_pixels(), guard, 1e-6, plain));
                    op.epilogue = to_u8(channels, type == DataType::f32 ? 3 : 200, 42);
                    ASSERT_NO_FATAL_FAILURE(
                        check_kernel(op, input.data(), layout, 2 * window.out_pixels(), guard, 1e-6, plain));
                }
            }
        }
    }
}

double plain_window_sum(const WindowSum& op, const void* input, std::size_t row) {
    const Window& w = op.window;
    const auto out = position(w.output, row);
    double sum = 0;
    for (std::size_t tap = 0; tap < w.taps(); ++tap) {
        const auto k = position(w.kernel, tap);
        auto pixel = static_cast<std::ptrdiff_t>(row / w.out_pixels());
        bool inside = true;
        for (std::size_t a = 0; a < 3; ++a) {
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(out[a] * w.stride[a] + k[a] * w.dilation[a]) -
                                      w.pad_begin[a];
            inside = inside && at >= 0 && at < static_cast<std::ptrdiff_t>(w.input[a]);
            pixel = pixel * static_cast<std::ptrdiff_t>(w.input[a]) + at;
        }
        for (std::size_t c = 0; inside && c < op.channels; ++c)
            sum += element(op.input, input, static_cast<std::size_t>(pixel) * op.channels + c) - op.zero_point;
    }
    return sum;
}

TEST(PortableWindowSum, AgreesWithPlainLoops) {
    const Window windows[] = {
        {{1, 6, 7}, {1, 6, 7}},
        {{1, 7, 5}, {1, 4, 3}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}},
        {{1, 9, 9}, {1, 9, 9}, {1, 3, 3}, {1, 1, 1}, {1, 2, 2}, {0, 2, 2}, {0, 2, 2}},
        {{4, 5, 6}, {3, 3, 3}, {2, 2, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {0, 0, 0}},
        {{1, 1, 3000}, {1, 1, 3000}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}, {0, 0, 1}},
    };
    for (const Window& window : windows) {
        for (const std::size_t channels : {1u, 3u, 63u, 64u, 65u, 200u, 17000u}) {
            if (channels * window.in_pixels() > 2'000'000) continue;
            for (const DataType type : {DataType::u8, DataType::s8}) {
                const Guard guard = kGuards[channels % 2];
                WindowSum op{.input = type,
                             .zero_point = type == DataType::u8 ? 131 : -3,
                             .batch = 2,
                             .channels = channels,
                             .window = window};
                op.epilogue.ops = {{.kind = EpilogueOp::Kind::scale_shift, .scale = {0.5F}, .shift = {3}}};
                const auto input = random_tensor(type, 2 * window.in_pixels() * channels, guard, 43);
                Guarded<std::int32_t> pixels(op.scratch_bytes() / 4, guard);
                Guarded<float> out(2 * window.out_pixels(), guard);
                const Arguments args{input.data(), nullptr, {}, out.data()};
                run_reversed(op.row_units(), [&](std::size_t begin, std::size_t end) {
                    op.sum_channels(input.data(), pixels.data(), begin, end);
                });
                run_reversed(op.units(),
                             [&](std::size_t begin, std::size_t end) { op.run(pixels.data(), args, begin, end); });
                ASSERT_TRUE(pixels.intact() && out.intact());
                for (std::size_t row = 0; row < out.size(); ++row)
                    ASSERT_EQ(out[row], 0.5 * plain_window_sum(op, input.data(), row) + 3)
                        << "channels " << channels << " type " << int(type) << " row " << row;
            }
        }
    }
}

// Places anywhere, or each near where it belongs.
Interpolate::Axis axis_of(std::size_t in, std::size_t out, std::size_t taps, bool near, Random& random) {
    Interpolate::Axis axis{taps, {}, {}};
    for (std::size_t i = 0; i < out * taps; ++i) {
        const std::size_t place = near ? std::min(i / taps * in / out + i % taps, in - 1) : random.below(in);
        axis.index.push_back(static_cast<std::uint32_t>(place));
        if (taps > 1) {
            axis.weight.push_back(random.uniform(-0.2F, 1.2F));
        }
    }
    return axis;
}

double plain_interpolate(const Interpolate& op, const void* input, std::size_t row, std::size_t channel) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const auto out = position(op.output, row);
    const std::size_t batch = row / (op.output[0] * op.output[1] * op.output[2]);
    const auto weight = [&](std::size_t a, std::size_t tap) {
        return op.axes[a].taps == 1 ? 1.0 : static_cast<double>(op.axes[a].weight[out[a] * op.axes[a].taps + tap]);
    };
    const auto index = [&](std::size_t a, std::size_t tap) { return op.axes[a].index[out[a] * op.axes[a].taps + tap]; };
    double sum = 0;
    for (std::size_t i = 0; i < op.axes[0].taps; ++i) {
        for (std::size_t j = 0; j < op.axes[1].taps; ++j) {
            for (std::size_t k = 0; k < op.axes[2].taps; ++k) {
                const std::size_t pixel =
                    ((batch * op.input[0] + index(0, i)) * op.input[1] + index(1, j)) * op.input[2] + index(2, k);
                sum += weight(0, i) * weight(1, j) * weight(2, k) * element(op.type, input, pixel * stride + channel);
            }
        }
    }
    return sum;
}

// With and without an epilogue, to each type that the kernel stores.
void check_interpolate(Interpolate op, Guard guard) {
    const std::size_t stride = op.in_stride == 0 ? op.channels : op.in_stride;
    const std::size_t in_pixels = op.batch * op.input[0] * op.input[1] * op.input[2];
    const auto input = random_tensor(op.type, (in_pixels - 1) * stride + op.channels, guard, 52);
    const std::size_t pixels = op.output[0] * op.output[1] * op.output[2];
    const ResultLayout layout{op.channels, pixels, op.out_stride};
    const auto plain = [&](std::size_t row, std::size_t c) { return plain_interpolate(op, input.data(), row, c); };
    const bool codes = op.type == DataType::u8 || op.type == DataType::s8;
    const auto results = codes ? std::vector{op.type} : std::vector{DataType::f32, DataType::bf16};
    for (const DataType result : results) {
        op.epilogue = {.result = result};
        op.epilogue.low = result == DataType::s8 ? -128.0F : 0.0F;
        op.epilogue.high = result == DataType::s8 ? 127.0F : 255.0F;
        ASSERT_NO_FATAL_FAILURE(check_kernel(op, input.data(), layout, op.batch * pixels, guard, 1e-5, plain));
    }
    op.epilogue = to_u8(op.channels, codes ? 200 : 3, 53);
    ASSERT_NO_FATAL_FAILURE(check_kernel(op, input.data(), layout, op.batch * pixels, guard, 1e-5, plain));
}

struct InterpolateShape {
    std::array<std::size_t, 3> taps, input, output;
    bool near = false;
};

TEST(PortableInterpolate, AgreesWithPlainLoops) {
    const InterpolateShape shapes[] = {
        {{1, 1, 1}, {1, 3, 4}, {1, 5, 7}},
        {{1, 2, 2}, {1, 3, 4}, {1, 5, 7}},
        {{2, 2, 2}, {2, 3, 4}, {3, 5, 7}},
        {{1, 4, 4}, {1, 3, 4}, {1, 5, 7}},
        {{1, 1, 2}, {1, 3, 4}, {1, 5, 7}},
        {{1, 2, 1}, {1, 3, 4}, {1, 5, 7}},
        {{1, 2, 2}, {1, 2, 300}, {1, 3, 601}, true},   // several tiles of a row, whose places lie close together
        {{1, 2, 2}, {1, 2, 300}, {1, 3, 601}, false},  // or apart
        {{1, 1, 3}, {1, 2, 601}, {1, 1, 300}, true},
    };
    Random random(51);
    for (const InterpolateShape& shape : shapes) {
        for (const std::size_t channels : {1u, 2u, 3u, 4u, 8u, 16u, 17u, 64u, 2050u}) {
            if (channels * shape.output[2] > 15'000) continue;
            for (const DataType type : {DataType::u8, DataType::s8, DataType::f32, DataType::bf16}) {
                Interpolate op;
                op.type = type;
                op.batch = 2;
                op.channels = channels;
                op.in_stride = channels == 17 ? 20 : 0;
                op.out_stride = channels == 3 ? 5 : 0;
                op.input = shape.input;
                op.output = shape.output;
                for (std::size_t a = 0; a < 3; ++a)
                    op.axes[a] = axis_of(op.input[a], op.output[a], shape.taps[a], shape.near, random);
                SCOPED_TRACE(::testing::Message() << "channels " << channels << " type " << int(type) << " width "
                                                  << shape.output[2] << " taps " << shape.taps[2]);
                ASSERT_NO_FATAL_FAILURE(check_interpolate(op, kGuards[channels / 4 % 2]));
            }
        }
    }
}

// Copies of a pixel have a length of their own.
TEST(PortableInterpolate, CopiesAnyPixel) {
    Random random(54);
    for (std::size_t channels = 1; channels <= 130; ++channels) {
        for (const DataType type : {DataType::u8, DataType::bf16, DataType::f32}) {
            Interpolate op;
            op.type = op.epilogue.result = type;
            op.channels = channels;
            op.input = {1, 1, 3};
            op.output = {1, 2, 5};
            for (std::size_t a = 0; a < 3; ++a) op.axes[a] = axis_of(op.input[a], op.output[a], 1, false, random);
            ASSERT_NO_FATAL_FAILURE(check_interpolate(op, kGuards[channels % 2])) << channels;
        }
    }
}

TEST(PortableReduceMean, AgreesWithPlainLoops) {
    for (const auto& [outer, axis, inner] :
         {std::array<std::size_t, 3>{1, 49, 2048}, {3, 1, 5}, {70, 33, 1}, {2, 130, 17}, {5, 7, 300}, {1, 9, 2100}}) {
        for (const DataType type : {DataType::u8, DataType::s8, DataType::f32}) {
            for (const Guard guard : kGuards) {
                ReduceMean op;
                op.input = type;
                op.outer = outer;
                op.axis = axis;
                op.inner = inner;
                const std::array<std::size_t, 2> extent = {axis, inner};
                const auto input = random_tensor(type, outer * axis * inner, guard, 61);
                const auto plain = [&](std::size_t row, std::size_t c) {
                    double sum = 0;
                    for (std::size_t i = 0; i < extent[0]; ++i) {
                        sum += element(type, input.data(), (row * extent[0] + i) * extent[1] + c);
                    }
                    return sum / static_cast<double>(extent[0]);
                };
                const ResultLayout layout{inner};
                ASSERT_NO_FATAL_FAILURE(check_kernel(op, input.data(), layout, outer, guard, 1e-7, plain));
                op.epilogue = to_u8(inner, type == DataType::f32 ? 1 : 128, 62);
                ASSERT_NO_FATAL_FAILURE(check_kernel(op, input.data(), layout, outer, guard, 1e-6, plain));
            }
        }
    }
}

const AxisShape kAxisShapes[] = {{5, 1, 1},   {3, 2, 1},    {4, 21, 1},       {2, 1000, 1},       {1, 5000, 1},
                                 {2, 7, 3},   {1, 19, 130}, {3, 64, 64},      {2, 100, 1, 20, 5}, {1, 6000, 1, 3000, 1},
                                 {700, 4, 1}, {1030, 2, 1}, {690, 3, 1},      {33, 5, 1},         {341, 6, 1},
                                 {90, 7, 1},  {257, 8, 1},  {50, 8, 1, 2, 7}, {2, 32, 65},        {1, 33, 64}};

ResultLayout layout_of(const AxisShape& shape) {
    return {shape.inner != 1 ? shape.inner : shape.channels == 0 ? shape.axis : shape.channels, shape.rows_per_batch};
}

// plain(column values, position along the axis) -> double; the epilogue sees the same values with and without codes.
template <class T = float, class Kernel, class Plain>
void check_axis(Kernel kernel, float size, double tolerance, float spread, const Plain& plain) {
    for (const AxisShape& shape : kAxisShapes) {
        for (const Guard guard : kGuards) {
            SCOPED_TRACE(::testing::Message() << shape.outer << "x" << shape.axis << "x" << shape.inner);
            const std::size_t count = shape.outer * shape.axis * shape.inner;
            Guarded<T> input(count, guard);
            std::vector<float> numbers(count);
            fill_uniform(std::span(numbers), 71, -spread, spread);
            if constexpr (std::is_unsigned_v<T>) {
                for (float& x : numbers) {
                    x += spread;
                }
            }
            for (std::size_t i = 0; i < count; ++i) {
                input[i] = static_cast<T>(numbers[i]);
            }
            std::vector<double> exact(count);
            for (std::size_t column = 0; column < shape.outer * shape.inner; ++column) {
                const std::size_t base = column / shape.inner * shape.axis * shape.inner + column % shape.inner;
                std::vector<double> values(shape.axis);
                for (std::size_t i = 0; i < shape.axis; ++i) {
                    values[i] = static_cast<double>(input[base + i * shape.inner]);
                }
                const std::vector<double> results = plain(values);
                for (std::size_t i = 0; i < shape.axis; ++i) {
                    exact[base + i * shape.inner] = results[i];
                }
            }
            kernel.shape = shape;
            const ResultLayout layout = layout_of(shape);
            const auto value = [&](std::size_t row, std::size_t c) { return exact[row * layout.channels + c]; };
            kernel.epilogue = Epilogue{};
            ASSERT_NO_FATAL_FAILURE(
                check_kernel(kernel, input.data(), layout, count / layout.channels, guard, tolerance, value));
            kernel.epilogue = to_u8(layout.channels, size, 72);
            ASSERT_NO_FATAL_FAILURE(
                check_kernel(kernel, input.data(), layout, count / layout.channels, guard, 1e-5, value));
        }
    }
}

TEST(PortableSoftMax, AgreesWithPlainArithmetic) {
    check_axis(SoftMax{}, 1, 1e-6, 30, [](const std::vector<double>& x) {
        const double highest = *std::max_element(x.begin(), x.end());
        double sum = 0;
        for (const double v : x) {
            sum += std::exp(v - highest);
        }
        std::vector<double> y;
        for (const double v : x) {
            y.push_back(std::exp(v - highest) / sum);
        }
        return y;
    });
}

TEST(PortableSoftMax, PixelsBecomePlanes) {
    for (std::size_t axis = 2; axis <= 8; ++axis) {
        for (const std::size_t pixels : {1u, 17u, 255u, 1024u, 1100u}) {
            const Guard guard = kGuards[axis % 2];
            SoftMax op;
            op.shape = {3 * pixels, axis, 1};
            op.plane = pixels;
            ASSERT_TRUE(SoftMax::takes_planes(op.shape));
            Guarded<float> input(3 * pixels * axis, guard), rows(input.size(), guard), planes(input.size(), guard);
            fill_uniform(input.span(), 74, -8, 8);
            run_reversed(op.units(), [&](std::size_t begin, std::size_t end) {
                op.run({input.data(), nullptr, {}, planes.data()}, begin, end);
            });
            op.plane = 0;
            op.run({input.data(), nullptr, {}, rows.data()}, 0, op.units());
            ASSERT_TRUE(planes.intact() && rows.intact());
            for (std::size_t i = 0; i < input.size(); ++i) {
                const std::size_t row = i / axis, to = (row / pixels * axis + i % axis) * pixels + row % pixels;
                ASSERT_EQ(planes[to], rows[i]) << axis << " channels, " << pixels << " pixels, value " << i;
            }
        }
    }
    EXPECT_FALSE(SoftMax::takes_planes({1, 9, 1}));
    EXPECT_FALSE(SoftMax::takes_planes({1, 4, 2}));
}

TEST(PortableSoftMax, RelativeErrorIsSmall) {
    SoftMax op;
    op.shape = {1, 1000, 1};
    const std::vector<float> input = random_vector(1000, 73, -40, 40);
    std::vector<float> out(1000);
    op.run({input.data(), nullptr, {}, out.data()}, 0, op.units());
    double sum = 0;
    for (const float v : input) {
        sum += std::exp(static_cast<double>(v));
    }
    for (std::size_t i = 0; i < 1000; ++i) {
        const double exact = std::exp(static_cast<double>(input[i])) / sum;
        ASSERT_NEAR(static_cast<double>(out[i]) / exact, 1.0, 4e-6)
            << "the difference of the logits is rounded to float first";
    }
}

TEST(PortableNormalize, AgreesWithPlainArithmetic) {
    using Kind = Normalize::Kind;
    for (const Kind kind :
         {Kind::mean, Kind::mean_variance_inside, Kind::mean_variance_outside, Kind::l2_add, Kind::l2_max}) {
        SCOPED_TRACE(int(kind));
        const double epsilon = kind == Kind::l2_max ? 30.0 : 0.125;
        Normalize op;
        op.kind = kind;
        op.epsilon = static_cast<float>(epsilon);
        double zero = 0;
        const auto plain = [&](const std::vector<double>& x) {
            const auto count = static_cast<double>(x.size());
            const bool l2 = kind == Kind::l2_add || kind == Kind::l2_max;
            double mean = l2 ? zero : 0;
            for (const double v : x) {
                mean += l2 ? 0 : v / count;
            }
            double squares = 0;
            for (const double v : x) {
                squares += (v - mean) * (v - mean);
            }
            const double factor = kind == Kind::mean                    ? 1
                                  : kind == Kind::mean_variance_inside  ? 1 / std::sqrt(squares / count + epsilon)
                                  : kind == Kind::mean_variance_outside ? 1 / (std::sqrt(squares / count) + epsilon)
                                  : kind == Kind::l2_add                ? 1 / std::sqrt(squares + epsilon)
                                                                        : 1 / std::sqrt(std::max(squares, epsilon));
            std::vector<double> y;
            for (const double v : x) {
                y.push_back((v - mean) * factor);
            }
            return y;
        };
        check_axis(op, 1, 2e-6, 3, plain);
        zero = 120.5;
        op.zero_point = 120.5F;
        op.input = DataType::u8;
        check_axis<std::uint8_t>(op, 100, 1e-5, 127, plain);
        op.input = DataType::s8;
        check_axis<std::int8_t>(op, 100, 1e-5, 127, plain);
    }
}

TEST(PortableLocalResponse, AgreesWithPlainArithmetic) {
    for (const std::size_t size : {1u, 4u, 5u, 9u}) {
        for (const float beta : {0.75F, 0.5F, 0.6F}) {
            LocalResponse op;
            op.size = size;
            op.alpha = 0.25F;
            op.beta = beta;
            op.bias = 2;
            check_axis(op, 1, 2e-6, 3, [=](const std::vector<double>& x) {
                std::vector<double> y;
                for (std::size_t i = 0; i < x.size(); ++i) {
                    double sum = 0;
                    for (std::size_t j = 0; j < x.size(); ++j) {
                        const bool near = j + (size - 1) / 2 >= i && j + (size - 1) / 2 < i + size;
                        sum += near ? x[j] * x[j] : 0;
                    }
                    y.push_back(x[i] * std::pow(2 + 0.25 * sum, -static_cast<double>(beta)));
                }
                return y;
            });
        }
    }
}

}  // namespace
}  // namespace octet::cpu::testing
