#pragma once
// Numbers that tell contents apart: every change of a single word changes them. No defence against who wants two contents alike.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace octet::cpu::blob {

std::uint64_t digest(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t digest(std::string_view text, std::uint64_t seed = 0);

}  // namespace octet::cpu::blob
