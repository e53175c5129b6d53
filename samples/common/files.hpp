#pragma once
/// Whole files, read and written at once.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace octet::samples {

/// Throws Error that begins with the file's name.
std::vector<std::byte> read_file(const std::filesystem::path& file);
/// Creates the folder where it is missing, writes beside and renames: the file has its old contents or all of the new.
void write_file(const std::filesystem::path& file, std::span<const std::byte> data);
void write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace octet::samples
