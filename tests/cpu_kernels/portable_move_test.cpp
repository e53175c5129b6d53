// What moves or converts elements, against index arithmetic.
#include <bit>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/copy.hpp"
#include "plugins/cpu/kernels/portable/gather_windows.hpp"
#include "plugins/cpu/kernels/portable/pixel_shuffle.hpp"
#include "plugins/cpu/kernels/portable/quantize.hpp"
#include "tests/cpu_kernels/portable_support.hpp"

namespace octet::cpu::testing {
namespace {

using portable::DequantizeToChannelsFirst;
using portable::GatherWindows;
using portable::PixelShuffle;
using portable::QuantizeToChannelsLast;
using portable::StridedCopy;
using Shape = std::vector<std::size_t>;

std::size_t size_of_shape(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

// Calls visit(index of each dimension) for all elements in row-major order.
template <class Visit>
void each_index(const Shape& shape, const Visit& visit) {
    Shape index(shape.size());
    for (std::size_t i = 0; i < size_of_shape(shape); ++i) {
        std::size_t rest = i;
        for (std::size_t a = shape.size(); a-- > 0;) {
            index[a] = rest % shape[a];
            rest /= shape[a];
        }
        visit(index);
    }
}

std::size_t flat(const Shape& shape, const Shape& index) {
    std::size_t at = 0;
    for (std::size_t a = 0; a < shape.size(); ++a) {
        at = at * shape[a] + index[a];
    }
    return at;
}

void run(const StridedCopy& copy, const void* in, void* out) {
    run_reversed(copy.units(), [&](std::size_t begin, std::size_t end) { copy.run(in, out, begin, end); });
}

TEST(PixelShuffle, AgreesWithIndexArithmetic) {
    std::vector<PixelShuffle> cases = {{1, 3, 5000, 2, 1}, {1, 2100, 1, 4, 1}, {1, 1, 2049, 2, 4}, {2, 0, 3, 2, 1}};
    for (const std::size_t block : {2u, 3u, 4u})
        for (const std::size_t size : {1u, 2u, 4u, 8u})
            for (const std::size_t channels : {1u, 2u, 3u, 4u, 5u, 8u, 16u, 33u, 64u})
                for (const std::size_t pixels : {1u, 37u, 300u}) cases.push_back({2, pixels, channels, block, size});
    for (const PixelShuffle& s : cases) {
        const std::size_t places = s.block * s.block;
        const std::size_t values = s.lines * s.pixels * s.channels * places;
        const Guard guard = kGuards[s.channels % 2];
        Guarded<std::uint8_t> in(values * s.element_size, guard), out(values * s.element_size, guard);
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
        run_reversed(s.units(), [&](std::size_t begin, std::size_t end) { s.run(in.data(), out.data(), begin, end); });
        ASSERT_TRUE(out.intact());
        for (std::size_t v = 0; v < values; ++v) {
            const std::size_t k = v % places, c = v / places % s.channels;
            const std::size_t pixel = v / places / s.channels % s.pixels, line = v / places / s.channels / s.pixels;
            const std::size_t row = line * s.block + k / s.block, column = pixel * s.block + k % s.block;
            const std::size_t to = (row * s.pixels * s.block + column) * s.channels + c;
            ASSERT_EQ(std::memcmp(&in[v * s.element_size], &out[to * s.element_size], s.element_size), 0)
                << "value " << v << " of " << s.channels << " channels, block " << s.block;
        }
    }
}

TEST(GatherWindows, AgreesWithIndexArithmetic) {
    for (const GatherWindows& g :
         {GatherWindows{.window = {.input = {1, 5, 9}, .output = {1, 1, 9}, .kernel = {1, 5, 1}}, .channels = 7},
          GatherWindows{
              .window = {.input = {1, 1, 8}, .output = {1, 1, 8}, .kernel = {1, 1, 5}, .pad_begin = {0, 0, 2}},
              .batch = 2,
              .channels = 3,
              .in_stride = 5,
              .element_size = 2},
          GatherWindows{.window = {.input = {3, 4, 5},
                                  .output = {2, 2, 2},
                                  .kernel = {2, 3, 2},
                                  .stride = {1, 2, 2},
                                  .dilation = {1, 1, 3},
                                  .pad_begin = {0, 1, 1}},
          .channels = 2}}) {
        const portable::Window& w = g.window;
        const std::size_t stride = g.in_stride == 0 ? g.channels : g.in_stride;
        Guarded<std::uint8_t> in(((g.batch * w.in_pixels() - 1) * stride + g.channels) * g.element_size);
        Guarded<std::uint8_t> out(g.units() * g.row_bytes());
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint8_t>(1 + (i * 7 + i / 251) % 255);
        run_reversed(g.units(), [&](std::size_t begin, std::size_t end) { g.run(in.data(), out.data(), begin, end); });
        const Shape shape{g.batch,     w.output[0], w.output[1], w.output[2],
                          w.kernel[0], w.kernel[1], w.kernel[2], g.channels * g.element_size};
        each_index(shape, [&](const Shape& at) {
            std::size_t pixel = at[0];
            bool inside = true;
            for (std::size_t axis = 0; axis < 3; ++axis) {
                const std::ptrdiff_t x = static_cast<std::ptrdiff_t>(at[1 + axis] * w.stride[axis] +
                                                                     at[4 + axis] * w.dilation[axis]) -
                                         w.pad_begin[axis];
                inside = inside && x >= 0 && x < static_cast<std::ptrdiff_t>(w.input[axis]);
                pixel = pixel * w.input[axis] + static_cast<std::size_t>(x);
            }
            const std::uint8_t wanted = inside ? in[pixel * stride * g.element_size + at[7]] : 0;
            ASSERT_EQ(out[flat(shape, at)], wanted) << "at " << flat(shape, at);
        });
    }
}

TEST(PortableTranspose, AgreesWithIndexArithmetic) {
    const std::pair<Shape, Shape> cases[] = {
        {{2, 3, 5, 7}, {0, 2, 3, 1}},
        {{2, 35, 33}, {0, 2, 1}},
        {{1, 64, 129}, {0, 2, 1}},
        {{2, 5, 7, 3}, {0, 3, 1, 2}},
        {{3, 4, 5, 6, 7}, {4, 2, 0, 3, 1}},
        {{130, 100}, {1, 0}},
        {{4, 6}, {0, 1}},
        {{1, 1, 1}, {2, 1, 0}},
        {{2, 8, 12, 4}, {0, 2, 1, 3}},
        {{2, 3, 4, 16}, {1, 2, 0, 3}},
        {{7}, {0}},
        {{16, 2, 16}, {2, 0, 1}},
        {{9001, 3}, {1, 0}},  // few long rows are cut
        {{3, 9001}, {1, 0}},  // images of a few channels, both ways
        {{2, 2, 70}, {0, 2, 1}},
        {{2, 70, 2}, {0, 2, 1}},
        {{2, 4, 70}, {0, 2, 1}},
        {{2, 70, 4}, {0, 2, 1}},
        {{30, 70}, {1, 0}},         // groups of 16, 8 and 4, and a rest
        {{700, 2, 85}, {1, 0, 2}},  // whole blocks
        {{2, 3, 8200}, {1, 0, 2}},  // each longer than a unit
    };
    for (const auto& [shape, order] : cases) {
        for (const std::size_t element_size : {1u, 2u, 4u, 8u, 3u}) {
            for (const Guard guard : kGuards) {
                const std::size_t count = size_of_shape(shape);
                const auto in = random_guarded<std::uint8_t>(count * element_size, guard, 81);
                Guarded<std::uint8_t> out(count * element_size, guard);
                run(portable::transpose(shape, order, element_size), in.data(), out.data());
                ASSERT_TRUE(out.intact());
                Shape result(order.size());
                for (std::size_t a = 0; a < order.size(); ++a) {
                    result[a] = shape[order[a]];
                }
                const Shape& from_shape = shape;
                const Shape& axes = order;
                each_index(result, [&](const Shape& index) {
                    Shape from(index.size());
                    for (std::size_t a = 0; a < index.size(); ++a) {
                        from[axes[a]] = index[a];
                    }
                    const std::uint8_t* expected = in.data() + flat(from_shape, from) * element_size;
                    ASSERT_EQ(std::memcmp(out.data() + flat(result, index) * element_size, expected, element_size), 0);
                });
            }
        }
    }
}

struct BlockCase {
    Shape extents, in_shape, from;
    std::vector<std::ptrdiff_t> step;
    Shape out_shape, to;
};

TEST(PortableCopyBlock, SlicesAndPlaces) {
    const BlockCase cases[] = {
        {{2, 3, 4}, {2, 3, 4}, {0, 0, 0}, {1, 1, 1}, {2, 3, 9}, {0, 0, 5}},  // a part of a concatenation along channels
        {{2, 3, 4}, {2, 3, 9}, {0, 0, 3}, {1, 1, 1}, {2, 3, 4}, {0, 0, 0}},  // a part of a split
        {{2, 3, 4}, {2, 3, 4}, {0, 0, 0}, {1, 1, 1}, {2, 8, 4}, {0, 2, 0}},
        {{3, 3, 4}, {6, 7, 8}, {1, 0, 7}, {2, 3, -2}, {3, 3, 4}, {0, 0, 0}},  // strides, also backwards
        {{1, 5, 6, 3},
         {1, 5, 6, 3},
         {0, 0, 0, 0},
         {1, 1, 1, 1},
         {1, 8, 9, 3},
         {0, 1, 2, 0}},  // inside of a padded tensor
        {{70, 65}, {70, 130}, {0, 1}, {1, 2}, {70, 65}, {0, 0}},
        {{1}, {9}, {4}, {1}, {3}, {2}},
    };
    for (const BlockCase& c : cases) {
        for (const std::size_t element_size : {1u, 2u, 4u, 8u}) {
            for (const Guard guard : kGuards) {
                const auto in = random_guarded<std::uint8_t>(size_of_shape(c.in_shape) * element_size, guard, 82);
                Guarded<std::uint8_t> out(size_of_shape(c.out_shape) * element_size, guard);
                std::vector<std::uint8_t> expected(out.size(), 0x5A);
                std::copy(expected.begin(), expected.end(), out.begin());
                run(portable::copy_block(c.extents, c.in_shape, c.from, c.step, c.out_shape, c.to, element_size),
                    in.data(), out.data());
                ASSERT_TRUE(out.intact());
                each_index(c.extents, [&](const Shape& index) {
                    Shape from(index.size());
                    Shape to(index.size());
                    for (std::size_t a = 0; a < index.size(); ++a) {
                        from[a] = c.from[a] + index[a] * static_cast<std::size_t>(c.step[a]);
                        to[a] = c.to[a] + index[a];
                    }
                    std::memcpy(expected.data() + flat(c.out_shape, to) * element_size,
                                in.data() + flat(c.in_shape, from) * element_size, element_size);
                });
                ASSERT_TRUE(std::equal(expected.begin(), expected.end(), out.begin()));
            }
        }
    }
}

TEST(PortableBroadcast, RepeatsExtentsOfOne) {
    const std::pair<Shape, Shape> cases[] = {
        {{1, 3, 1}, {2, 3, 5}}, {{4}, {3, 4}}, {{1}, {65}}, {{2, 1, 64}, {2, 33, 64}}, {{5, 1}, {5, 100}}};
    for (const auto& [shape, result] : cases) {
        for (const std::size_t element_size : {1u, 4u}) {
            const auto in = random_guarded<std::uint8_t>(size_of_shape(shape) * element_size, Guard::after, 83);
            Guarded<std::uint8_t> out(size_of_shape(result) * element_size, Guard::after);
            run(portable::broadcast(shape, result, element_size), in.data(), out.data());
            ASSERT_TRUE(out.intact());
            const Shape& from_shape = shape;
            const Shape& to_shape = result;
            each_index(result, [&](const Shape& index) {
                Shape from(from_shape.size());
                for (std::size_t a = 0; a < from.size(); ++a) {
                    from[a] = from_shape[a] == 1 ? 0 : index[a + to_shape.size() - from.size()];
                }
                ASSERT_EQ(std::memcmp(out.data() + flat(to_shape, index) * element_size,
                                      in.data() + flat(from_shape, from) * element_size, element_size),
                          0);
            });
        }
    }
}

TEST(PortableCopy, ThreadsShareFewLongRows) {
    EXPECT_EQ(portable::transpose(Shape{32768, 3}, Shape{1, 0}, 1).units(), 4u);
    EXPECT_EQ(portable::transpose(Shape{6400, 3, 85}, Shape{1, 0, 2}, 4).units(), 200u);
}

TEST(PortableCopy, EmptyTensorsHaveNoUnits) {
    EXPECT_EQ(portable::transpose(Shape{0, 3}, Shape{1, 0}, 4).units(), 0u);
    EXPECT_EQ(portable::transpose(Shape{3, 0}, Shape{0, 1}, 4).units(), 0u);
    EXPECT_EQ(portable::transpose(Shape{}, Shape{}, 4).units(), 1u);
}

TEST(PortableFill, RepeatsAValueOfAnySize) {
    const std::uint64_t value = 0x1122334455667788;
    for (const std::size_t element_size : {1u, 2u, 4u, 8u}) {
        Guarded<std::uint8_t> out(33 * element_size, Guard::after);
        portable::fill(out.data(), 33, &value, element_size);
        ASSERT_TRUE(out.intact());
        for (std::size_t i = 0; i < 33; ++i) {
            ASSERT_EQ(std::memcmp(out.data() + i * element_size, &value, element_size), 0);
        }
    }
    Guarded<std::uint8_t> out(3);
    EXPECT_THROW(portable::fill(out.data(), 1, &value, 3), std::invalid_argument);
}

struct QuantizeCase {
    std::size_t batch, channels, pixels;
};

const QuantizeCase kQuantizeCases[] = {{1, 3, 50176}, {2, 3, 17},  {1, 1, 300},  {3, 2, 5}, {1, 4, 257},
                                       {2, 16, 65},   {1, 17, 49}, {1, 64, 300}, {1, 33, 1}};

TEST(PortableQuantize, IsBitExact) {
    for (const QuantizeCase& c : kQuantizeCases) {
        for (const DataType type : {DataType::u8, DataType::s8}) {
            for (const Guard guard : kGuards) {
                const std::size_t count = c.batch * c.channels * c.pixels;
                Guarded<float> in(count, guard);
                fill_uniform(in.span(), 91, -3, 3);
                QuantizeToChannelsLast op;
                op.batch = c.batch;
                op.channels = c.channels;
                op.pixels = c.pixels;
                op.result = type;
                op.out_stride = guard == Guard::before ? c.channels + 2 : 0;
                op.scale = random_vector(c.pixels % 2 == 0 ? 1 : c.channels, 92, 40, 60);
                op.shift = random_vector(c.channels, 93, -5, 130);
                op.low = type == DataType::u8 ? 0.0F : -127.0F;
                op.high = type == DataType::u8 ? 255.0F : 127.0F;
                const std::size_t stride = op.out_stride == 0 ? c.channels : op.out_stride;
                Guarded<std::uint8_t> out((c.batch * c.pixels - 1) * stride + c.channels, guard);
                run_reversed(op.units(),
                             [&](std::size_t begin, std::size_t end) { op.run(in.data(), out.data(), begin, end); });
                ASSERT_TRUE(out.intact());
                for (std::size_t i = 0; i < count; ++i) {
                    const std::size_t channel = i / c.pixels % c.channels;
                    const float x = std::fma(in[i], op.scale[op.scale.size() == 1 ? 0 : channel],
                                             op.shift[op.shift.size() == 1 ? 0 : channel]);
                    const float code = std::nearbyint(std::clamp(x, op.low, op.high));
                    const std::size_t pixel = i / c.pixels / c.channels * c.pixels + i % c.pixels;
                    ASSERT_EQ(element(type, out.data(), pixel * stride + channel), static_cast<double>(code))
                        << "at " << i;
                }
            }
        }
    }
}

TEST(PortableQuantize, TiesGoToEven) {
    const std::vector<float> in = {0.5F, 1.5F, 2.5F, -0.5F, 254.5F, 255.5F, 3e9F};
    std::vector<std::uint8_t> out(in.size());
    QuantizeToChannelsLast op;
    op.pixels = in.size();
    op.run(in.data(), out.data(), 0, op.units());
    EXPECT_EQ(out, (std::vector<std::uint8_t>{0, 2, 2, 0, 254, 255, 255}));
}

TEST(PortableDequantize, IsBitExact) {
    for (const QuantizeCase& c : kQuantizeCases) {
        for (const DataType type : {DataType::u8, DataType::s8}) {
            for (const Guard guard : kGuards) {
                DequantizeToChannelsFirst op;
                op.batch = c.batch;
                op.channels = c.channels;
                op.pixels = c.pixels;
                op.input = type;
                op.in_stride = guard == Guard::before ? c.channels + 2 : 0;
                op.scale = random_vector(c.channels, 94, 0.1F, 2);
                op.shift = random_vector(1, 95, -5, 5);
                const std::size_t stride = op.in_stride == 0 ? c.channels : op.in_stride;
                const auto in = random_guarded<std::uint8_t>((c.batch * c.pixels - 1) * stride + c.channels, guard, 96);
                Guarded<float> out(c.batch * c.channels * c.pixels, guard);
                run_reversed(op.units(),
                             [&](std::size_t begin, std::size_t end) { op.run(in.data(), out.data(), begin, end); });
                ASSERT_TRUE(out.intact());
                for (std::size_t i = 0; i < out.size(); ++i) {
                    const std::size_t channel = i / c.pixels % c.channels;
                    const std::size_t pixel = i / c.pixels / c.channels * c.pixels + i % c.pixels;
                    const auto code = static_cast<float>(element(type, in.data(), pixel * stride + channel));
                    ASSERT_EQ(out[i], std::fma(code, op.scale[channel], op.shift[0])) << "at " << i;
                }
            }
        }
    }
}

TEST(PortableBfloat, RoundsHalfToEvenAndKeepsNaN) {
    const std::uint32_t cases[][2] = {{0x3F800000U, 0x3F80U}, {0x3F808000U, 0x3F80U}, {0x3F818000U, 0x3F82U},
                                      {0x3F808001U, 0x3F81U}, {0x80000000U, 0x8000U}, {0x7F800000U, 0x7F80U},
                                      {0x7F7FFFFFU, 0x7F80U}, {0xFF800001U, 0xFFC0U}, {0x7FC00000U, 0x7FC0U},
                                      {0x00000001U, 0x0000U}, {0x0001FFFFU, 0x0002U}};
    constexpr std::size_t kCount = 11 * 7;  // more than a vector, and a rest
    Guarded<float> in(kCount, Guard::after);
    Guarded<std::uint16_t> out(kCount, Guard::after);
    Guarded<float> back(kCount, Guard::before);
    for (std::size_t i = 0; i < kCount; ++i) in[i] = std::bit_cast<float>(cases[i % 11][0]);
    portable::to_bfloat(in.data(), kCount, out.data());
    portable::from_bfloat(out.data(), kCount, back.data());
    ASSERT_TRUE(out.intact() && back.intact());
    for (std::size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(out[i], cases[i % 11][1]) << std::hex << cases[i % 11][0];
        EXPECT_EQ(std::bit_cast<std::uint32_t>(back[i]), cases[i % 11][1] << 16);
    }
}

}  // namespace
}  // namespace octet::cpu::testing
