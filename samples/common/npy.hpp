#pragma once
/// NumPy array files (.npy, format versions 1 to 3), C order, little endian.
#include <cstddef>
#include <filesystem>
#include <octet/element_type.hpp>
#include <vector>

namespace octet::samples {

struct NpyArray {
    ElementType element = ElementType::undefined;
    std::vector<std::size_t> shape = {};
    std::vector<std::byte> data = {};
};

/// Throws Error, beginning with the file's name, for what is not such a file or does not have the bytes its header promises.
NpyArray read_npy(const std::filesystem::path& file);

}  // namespace octet::samples
