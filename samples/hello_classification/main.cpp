// Says what is on a picture: hello_classification MODEL IMAGE DEVICE prints the ten classes with the highest scores.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <octet/core.hpp>
#include <string>
#include <vector>

#include "samples/common/image.hpp"

namespace {

using namespace octet;

constexpr std::size_t kBest = 10;

// The picture as the model wants it: one item of NCHW floats, blue first, 0 to 255.
Tensor picture_for(const Port& input, const std::string& file) {
    const Shape shape = input.get_shape();
    if (input.get_element_type() != element::f32 || shape.size() != 4 || shape[0] != 1 || shape[1] != 3)
        throw Error(fmt::format("model input is {} {}, wanted f32 [1,3,H,W]", name_of(input.get_element_type()),
                                shape.to_string()));
    const auto image = samples::resized(samples::read_image(file, 3), static_cast<int>(shape[3]),
                                        static_cast<int>(shape[2]));
    Tensor tensor(input.get_element_type(), shape);
    const std::size_t plane = shape[2] * shape[3];
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
        tensor.data<float>()[i % 3 * plane + i / 3] = static_cast<float>(image.pixels[i]);
    return tensor;
}

void classify(const std::string& model_file, const std::string& image_file, const std::string& device) {
    const Core core;
    CompiledModel compiled = core.compile_model(core.read_model(model_file), device);
    InferRequest request = compiled.create_infer_request();
    request.set_input_tensor(picture_for(compiled.input(), image_file));
    request.infer();

    const Tensor output = request.get_output_tensor();
    const float* scores = output.data<float>();
    std::vector<std::size_t> classes(output.get_size());
    std::iota(classes.begin(), classes.end(), std::size_t{0});
    const std::size_t best = std::min(kBest, classes.size());
    std::ranges::partial_sort(classes, classes.begin() + static_cast<std::ptrdiff_t>(best), {},
                              [&](std::size_t i) { return -scores[i]; });
    fmt::print("Image {}\n\nclassid probability\n------- -----------\n", image_file);
    for (std::size_t i = 0; i < best; ++i) fmt::print("{:<7} {:.7f}\n", classes[i], scores[classes[i]]);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 4) throw Error(fmt::format("usage: {} MODEL IMAGE DEVICE", argv[0]));
        classify(argv[1], argv[2], argv[3]);
        return 0;
    } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        return 1;
    }
}
