#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace octet::ir {

// Bytes that someone else owns; `owner` keeps them alive.
struct Bytes {
    const std::byte* data = nullptr;
    std::size_t size = 0;
    std::shared_ptr<const void> owner = nullptr;
};

// The contents of a regular file, mapped read-only. Throws Error that begins with the file's name.
Bytes map_file(const std::filesystem::path& file);

// Takes the pages that lie wholly within these bytes out of this process's memory, where they belong to a mapped file; read again, they
// come back from the file. Of any other memory nothing happens.
void give_back(std::span<const std::byte> bytes);
// The same for all of the mapped file that these bytes belong to; returns its bytes, none for other memory.
std::span<const std::byte> give_back_file(std::span<const std::byte> bytes);

// Tells a file from others and from itself before it was written to: device, number, size, and the times of the last change of contents
// and attributes. Empty where there is none.
std::string file_identity(const std::filesystem::path& file);

// Where bytes lie in a file that map_file has mapped: its identity then, and the offset. Nothing for other memory.
struct MappedPlace {
    std::string file;
    std::size_t offset = 0;
};
std::optional<MappedPlace> mapped_place(std::span<const std::byte> bytes);

}  // namespace octet::ir
