#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>

namespace octet::ir {

// Bytes that someone else owns; `owner` keeps them alive.
struct Bytes {
    const std::byte* data = nullptr;
    std::size_t size = 0;
    std::shared_ptr<const void> owner = nullptr;
};

// The contents of a regular file, mapped read-only. Throws Error that begins with the file's name.
Bytes map_file(const std::filesystem::path& file);

}  // namespace octet::ir
