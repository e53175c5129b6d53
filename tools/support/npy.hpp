#pragma once
// Arrays in files of the .npy format: f16, f32, f64, i8..i64, u8..u64 and bool, little-endian, row-major order.
#include <filesystem>

#include "ir/tensor.hpp"

namespace octet::tools {

// Throws Error that begins with the file's name.
ir::Tensor read_npy(const std::filesystem::path& file);
// Written beside and renamed.
void write_npy(const std::filesystem::path& file, ir::Element element, const ir::Dims& dims, const void* data);

}  // namespace octet::tools
