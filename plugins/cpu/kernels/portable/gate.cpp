#include "plugins/cpu/kernels/portable/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

constexpr std::size_t kGroup = 16;

// What the positions of a group have; those that there are not have zeros.
struct Group {
    std::array<float, kGroup> stored, scale, shift, gain, moved, rest;
};

void apply(const Group& g, float* to) {
    for (std::size_t i = 0; i < kGroup; ++i) {
        const float gate = std::fma(g.stored[i], g.scale[i], g.shift[i]);
        to[i] = gate * g.gain[i];
        to[kGroup + i] = std::fma(gate, g.moved[i], g.rest[i]);
    }
}

template <class T>
void run_group(const Gate& gate, const T* stored, std::size_t first, float* to) {
    const std::size_t count = std::min(kGroup, gate.positions - first);
    Group g{};
    const auto fill = [&](std::array<float, kGroup>& entries, const std::vector<float>& values) {
        if (values.size() == 1) {
            std::fill_n(entries.begin(), count, values[0]);
            return;
        }
        for (std::size_t i = 0; i < count; ++i) entries[i] = values[(first + i) % gate.channels];
    };
    for (std::size_t i = 0; i < count; ++i) g.stored[i] = static_cast<float>(stored[(first + i) % gate.channels]);
    fill(g.scale, gate.scale);
    fill(g.shift, gate.shift);
    fill(g.gain, gate.gain);
    fill(g.moved, gate.moved);
    fill(g.rest, gate.rest);
    apply(g, to);
}

// A whole group without repetition, of a gate whose vectors have one entry each: nearly all of them.
template <class T>
void run_uniform(const Gate& gate, const T* stored, std::size_t groups, float* to) {
    const float scale = gate.scale[0], shift = gate.shift[0], gain = gate.gain[0], moved = gate.moved[0],
                rest = gate.rest[0];
    for (std::size_t group = 0; group < groups; ++group, stored += kGroup, to += 2 * kGroup)
        for (std::size_t i = 0; i < kGroup; ++i) {
            const float value = std::fma(static_cast<float>(stored[i]), scale, shift);
            to[i] = value * gain;
            to[kGroup + i] = std::fma(value, moved, rest);
        }
}

bool is_uniform(const Gate& gate) {
    return gate.channels == gate.positions && gate.scale.size() == 1 && gate.shift.size() == 1 &&
           gate.gain.size() == 1 && gate.moved.size() == 1 && gate.rest.size() == 1;
}

template <class T>
void run_all(const Gate& gate, const T* stored, float* to) {
    std::size_t group = 0;
    if (is_uniform(gate)) {
        group = gate.positions / kGroup;
        run_uniform(gate, stored, group, to);
    }
    for (; group < gate.groups(); ++group) run_group(gate, stored, group * kGroup, to + group * 2 * kGroup);
}

}  // namespace

void Gate::run(const void* stored, float* constants) const {
    vectorized([&] {
        switch (type) {
            case DataType::u8: return run_all(*this, static_cast<const std::uint8_t*>(stored), constants);
            case DataType::s8: return run_all(*this, static_cast<const std::int8_t*>(stored), constants);
            default: return run_all(*this, static_cast<const float*>(stored), constants);
        }
    });
}

}  // namespace octet::cpu::portable
