#pragma once
// How often this process has asked for memory.
#include <cstddef>
#include <optional>

namespace octet::guard {

// Nothing where the C library is another one, or a sanitizer has its own.
std::optional<std::size_t> allocations();

}  // namespace octet::guard
