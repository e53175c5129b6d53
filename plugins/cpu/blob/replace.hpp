#pragma once
// Files that readers see whole or not at all.
#include <cstddef>
#include <filesystem>
#include <functional>

namespace octet::cpu::blob {

// Writes beside `path` and renames. False where that is not possible, or `write`, which gets the descriptor, says so.
bool replace_file(const std::filesystem::path& path, const std::function<bool(int)>& write);

// False where the system takes no more.
bool write_all(int descriptor, const void* data, std::size_t count);

}  // namespace octet::cpu::blob
