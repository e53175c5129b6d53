#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace octet::cpu {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Those huge pages that lie in the memory as a whole, so that it takes no more; where the system has such.
inline void use_huge_pages([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
    const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(data) % kHugePage) % kHugePage;
    if (bytes >= before + kHugePage) ::madvise(data + before, (bytes - before) / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

}  // namespace octet::cpu
