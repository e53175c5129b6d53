#pragma once
// Memory for packed weights and constants: one after the other in the order in which they are asked for, which is the order in which
// they are read, in huge pages where the system has them.
#include <cstddef>
#include <memory>

namespace octet::cpu {

// `bytes` zeroed bytes at a cache line. They live as long as the pointer; the memory goes back to the system together with what was asked
// for before and after, up to a few megabytes.
std::shared_ptr<std::byte> packed_memory(std::size_t bytes);

}  // namespace octet::cpu
