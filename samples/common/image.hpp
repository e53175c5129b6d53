#pragma once
/// Pictures as tensors' worth of bytes.
#include <cstdint>
#include <filesystem>
#include <vector>

namespace octet::samples {

struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;
    std::vector<std::uint8_t> pixels =
        {};  ///< row by row, the channels of a pixel together; three channels are blue, green, red
};

bool is_image_name(const std::filesystem::path& file);  ///< by its suffix: jpg, jpeg, png, bmp, ppm, pgm
/// `channels`: 1, 3 or 4, converted to if the file has others. Throws Error that begins with the file's name.
Image read_image(const std::filesystem::path& file, int channels);
Image resized(const Image& image, int width, int height);

}  // namespace octet::samples
