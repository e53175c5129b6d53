#include "samples/common/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <octet/error.hpp>
#include <string>
#include <utility>

// Warnings in the text of stb are not ours.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#include <stb/stb_image.h>
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
#include <stb/stb_image_resize.h>
#pragma GCC diagnostic pop

namespace octet::samples {

bool is_image_name(const std::filesystem::path& file) {
    constexpr std::array kSuffixes{".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm"};
    std::string suffix = file.extension().string();
    std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::ranges::find(kSuffixes, suffix) != kSuffixes.end();
}

Image read_image(const std::filesystem::path& file, int channels) {
    Image image;
    int found = 0;
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> data(stbi_load(file.c_str(), &image.width, &image.height,
                                                                              &found, channels),
                                                                    &stbi_image_free);
    if (!data) throw Error(fmt::format("'{}': not a readable image: {}", file.string(), stbi_failure_reason()));
    image.channels = channels;
    image.pixels.assign(data.get(), data.get() + static_cast<std::ptrdiff_t>(image.width) * image.height * channels);
    if (channels >= 3)
        for (std::size_t i = 0; i < image.pixels.size(); i += static_cast<std::size_t>(channels))
            std::swap(image.pixels[i], image.pixels[i + 2]);
    return image;
}

Image resized(const Image& image, int width, int height) {
    Image result{width, height, image.channels, {}};
    result.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                         static_cast<std::size_t>(image.channels));
    if (stbir_resize_uint8(image.pixels.data(), image.width, image.height, 0, result.pixels.data(), width, height, 0,
                           image.channels) == 0)
        throw Error(fmt::format("image of {}x{} cannot be resized to {}x{}", image.width, image.height, width, height));
    return result;
}

}  // namespace octet::samples
