#include <gtest/gtest.h>

#include <cmath>

#include "plugins/cpu/kernels/portable/gate.hpp"
#include "tests/cpu_kernels/guarded.hpp"

namespace octet::cpu::testing {
namespace {

using portable::Gate;

std::vector<float> entries(std::size_t count, std::uint64_t seed) {
    std::vector<float> values(count);
    Random random(seed);
    for (float& value : values) value = random.uniform(-2, 2);
    return values;
}

float entry(const std::vector<float>& values, std::size_t channel) { return values[values.size() == 1 ? 0 : channel]; }

template <class T>
void check(DataType type, std::size_t channels, std::size_t positions, bool by_channel, Guard guard) {
    SCOPED_TRACE(::testing::Message() << "type " << static_cast<int>(type) << ", " << channels << " channels, "
                                      << positions << " positions, by channel " << by_channel);
    const std::size_t count = by_channel ? channels : 1;
    const Gate gate{type,          channels,         positions, entries(1, 1), entries(count, 2), entries(count, 3),
                    entries(1, 4), entries(count, 5)};
    const auto stored = random_guarded<T>(channels, guard, 6);
    Guarded<float> constants(gate.constants(), guard);
    gate.run(stored.data(), constants.data());
    ASSERT_TRUE(constants.intact());
    for (std::size_t p = 0; p < gate.groups() * 16; ++p) {
        const std::size_t c = p % channels;
        const float value = std::fma(static_cast<float>(stored[c]), entry(gate.scale, c), entry(gate.shift, c));
        const bool there = p < positions;
        const float *factors = constants.data() + p / 16 * 32 + p % 16, *summands = factors + 16;
        ASSERT_EQ(*factors, there ? value * entry(gate.gain, c) : 0) << "position " << p;
        ASSERT_EQ(*summands, there ? std::fma(value, entry(gate.moved, c), entry(gate.rest, c)) : 0)
            << "position " << p;
    }
}

TEST(PortableGate, EveryChannelAndPosition) {
    for (const Guard guard : kGuards)
        for (const bool by_channel : {false, true})
            for (std::size_t channels = 1; channels <= 70; ++channels) {
                check<std::uint8_t>(DataType::u8, channels, channels, by_channel, guard);
                check<std::int8_t>(DataType::s8, channels, channels, by_channel, guard);
                check<float>(DataType::f32, channels, channels, by_channel, guard);
                check<std::uint8_t>(DataType::u8, channels, channels * 3, by_channel, guard);
            }
}

}  // namespace
}  // namespace octet::cpu::testing
