#include "plugins/cpu/blob/digest.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace octet::cpu::blob {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio
constexpr std::size_t kLanes = 8;                   // as many multiplications as are under way at once
constexpr std::size_t kBlock = kLanes * sizeof(std::uint64_t);
using Lanes = std::array<std::uint64_t, kLanes>;

// For a given word a bijection of the lane, and for a given lane one of the word.
void mix(Lanes& lanes, const std::byte* from) {
    Lanes words;
    std::memcpy(words.data(), from, kBlock);
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = std::rotl((lanes[i] ^ words[i]) * kOdd, 29);
}

}  // namespace

std::uint64_t digest(std::span<const std::byte> bytes, std::uint64_t seed) {
    Lanes lanes;
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = (seed + i + 1) * kOdd;
    const std::size_t whole = bytes.size() / kBlock * kBlock;
    for (std::size_t at = 0; at < whole; at += kBlock) mix(lanes, bytes.data() + at);
    if (whole < bytes.size()) {
        std::array<std::byte, kBlock> rest{};
        std::memcpy(rest.data(), bytes.data() + whole, bytes.size() - whole);
        mix(lanes, rest.data());
    }
    std::uint64_t result = bytes.size() * kOdd;
    for (const std::uint64_t lane : lanes) {
        result = (result ^ lane ^ (lane >> 32)) * kOdd;
        result ^= result >> 29;
    }
    return result;
}

std::uint64_t digest(std::string_view text, std::uint64_t seed) {
    return digest(std::as_bytes(std::span(text.data(), text.size())), seed);
}

}  // namespace octet::cpu::blob
