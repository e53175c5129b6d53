#include "samples/benchmark_app/input_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <octet/error.hpp>
#include <span>

#include "samples/benchmark_app/console.hpp"
#include "samples/benchmark_app/inputs.hpp"
#include "samples/common/files.hpp"
#include "samples/common/image.hpp"
#include "samples/common/npy.hpp"

namespace octet::benchmark {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostFiles = 20;

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (comma > 0) parts.push_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

void add_files(std::vector<fs::path>& files, const fs::path& path) {
    if (!fs::is_directory(path)) {
        if (!fs::exists(path)) throw Error(fmt::format("option '-i': file '{}' does not exist", path.string()));
        files.push_back(path);
        return;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(path))
        if (entry.is_regular_file()) inside.push_back(entry.path());
    if (inside.empty()) throw Error(fmt::format("option '-i': folder '{}' has no files", path.string()));
    std::ranges::sort(inside);
    files.insert(files.end(), inside.begin(), inside.end());
}

// A part of a tensor that one file fills: an item of its batch, or all of it.
struct Part {
    std::span<std::byte> bytes;
    ElementType element;
    Shape shape;
    const Port& port;
};

[[noreturn]] void does_not_fit(const fs::path& file, const Port& port, std::string_view got, std::string_view wanted) {
    throw Error(fmt::format("file '{}' for input '{}': got {}, wanted {}", file.string(), label_of(port), got, wanted));
}

void copy_array(const fs::path& file, const Part& part) {
    const auto array = samples::read_npy(file);
    const auto text = [](ElementType element, const std::vector<std::size_t>& shape) {
        return fmt::format("{} [{}]", name_of(element), fmt::join(shape, ","));
    };
    // A leading dimension of 1 may be there or not.
    const auto core = [](std::span<const std::size_t> shape) {
        return !shape.empty() && shape[0] == 1 ? shape.subspan(1) : shape;
    };
    if (array.element != part.element || !std::ranges::equal(core(array.shape), core(part.shape)))
        does_not_fit(file, part.port, text(array.element, array.shape), text(part.element, part.shape));
    std::ranges::copy(array.data, part.bytes.begin());
}

void copy_image(const fs::path& file, const Part& part) {
    const ImageShape wanted = image_shape_of(PartialShape(part.shape));
    if (!wanted.valid || (part.element != ElementType::f32 && part.element != ElementType::u8))
        does_not_fit(file, part.port, "an image", fmt::format("{} {}", name_of(part.element), part.shape.to_string()));
    samples::Image image = samples::read_image(file, static_cast<int>(wanted.channels));
    const int width = static_cast<int>(wanted.width);
    const int height = static_cast<int>(wanted.height);
    if (image.width != width || image.height != height) {
        print_warning(
            fmt::format("Image is resized from ({}, {}) to ({}, {})", image.width, image.height, width, height));
        image = samples::resized(image, width, height);
    }
    const std::size_t plane = wanted.width * wanted.height;
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
        const std::size_t at = wanted.channels_first ? i % wanted.channels * plane + i / wanted.channels : i;
        if (part.element == ElementType::u8) part.bytes[at] = static_cast<std::byte>(image.pixels[i]);
        const auto value = static_cast<float>(image.pixels[i]);
        if (part.element == ElementType::f32)
            std::memcpy(part.bytes.data() + at * sizeof(float), &value, sizeof(float));
    }
}

void copy_bytes(const fs::path& file, const Part& part) {
    const auto data = samples::read_file(file);
    if (data.size() != part.bytes.size())
        throw Error(fmt::format("File {} contains {} bytes, but the model expects {} for input '{}'", file.string(),
                                data.size(), part.bytes.size(), label_of(part.port)));
    std::ranges::copy(data, part.bytes.begin());
}

void copy_file(const fs::path& file, const Part& part) {
    if (file.extension() == ".npy") return copy_array(file, part);
    if (samples::is_image_name(file)) return copy_image(file, part);
    copy_bytes(file, part);
}

// Whether one file holds the whole batch: raw bytes by their number, arrays by their first dimension.
bool holds_all(const fs::path& file, const Tensor& tensor) {
    if (samples::is_image_name(file)) return false;
    if (file.extension() == ".npy") return samples::read_npy(file).data.size() == tensor.get_byte_size();
    std::error_code status;
    return fs::file_size(file, status) == tensor.get_byte_size();
}

}  // namespace

InputFiles::InputFiles(std::string_view text, const std::vector<Port>& inputs) {
    std::vector<fs::path> for_all;
    auto* target = &for_all;
    for (std::string_view part : split(text)) {
        const auto colon = part.find(':');
        if (colon != std::string_view::npos && !fs::exists(part)) {
            const auto name = part.substr(0, colon);
            const auto port = std::ranges::find_if(inputs, [&](const Port& p) {
                return p.is_named(name) || p.get_node_name() == name;
            });
            if (port == inputs.end())
                throw Error(
                    fmt::format("Input name \"{}\" used in -i parameter doesn't match any model's input", name));
            target = &files_[port->get_index()];
            part.remove_prefix(colon + 1);
        }
        if (part != "random") add_files(*target, part);
    }
    if (!for_all.empty())
        for (const Port& port : inputs) files_.try_emplace(port.get_index(), for_all);
    std::erase_if(files_, [](const auto& entry) { return entry.second.empty(); });
    for (auto& [index, files] : files_) {
        if (files.size() <= kMostFiles) continue;
        print_warning(
            fmt::format("Input '{}' uses the first {} of {} files", label_of(inputs[index]), kMostFiles, files.size()));
        files.resize(kMostFiles);
    }
}

const std::vector<fs::path>* InputFiles::files_of(const Port& input) const {
    const auto found = files_.find(input.get_index());
    return found == files_.end() ? nullptr : &found->second;
}

Tensor InputFiles::tensor(const Port& input, std::size_t request) const {
    const auto* files = files_of(input);
    if (input.get_partial_shape().is_dynamic())
        throw Error(fmt::format("input '{}' has the dynamic shape {}: give it a static one with -shape",
                                label_of(input), input.get_partial_shape().to_string()));
    Tensor result(input.get_element_type(), input.get_shape());
    if (files == nullptr) {
        fill_random(result);
        return result;
    }
    const std::span<std::byte> bytes(static_cast<std::byte*>(result.data()), result.get_byte_size());
    const Shape& shape = result.get_shape();
    const auto& first = (*files)[request % files->size()];
    if (shape.size() < 2 || shape[0] <= 1 || holds_all(first, result)) {
        copy_file(first, {bytes, result.get_element_type(), shape, input});
        return result;
    }
    Shape item = shape;
    item[0] = 1;
    const std::size_t item_bytes = bytes.size() / shape[0];
    for (std::size_t i = 0; i < shape[0]; ++i)
        copy_file((*files)[(request * shape[0] + i) % files->size()],
                  {bytes.subspan(i * item_bytes, item_bytes), result.get_element_type(), item, input});
    return result;
}

std::string InputFiles::describe(const Port& input, std::size_t request) const {
    const auto* files = files_of(input);
    if (files == nullptr)
        return fmt::format("random ({} is expected)",
                           image_shape_of(input.get_partial_shape()).valid ? "image" : "numpy array or binary data");
    return (*files)[request % files->size()].string() +
           (files->size() > 1 ? fmt::format(" and further ones of {} files", files->size()) : "");
}

}  // namespace octet::benchmark
