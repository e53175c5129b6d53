#pragma once
// Inputs of a model: their shapes, and numbers to fill them with.
#include <cstdint>
#include <map>
#include <octet/model.hpp>
#include <octet/tensor.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace octet::benchmark {

// Shapes of inputs from `in[1,3,224,224],other[1,4]`; a shape without a name, `[1,3,224,224]`, is for every input. Throws Error for a
// name that no input has.
std::map<std::size_t, PartialShape> parse_shapes(std::string_view text, const std::vector<Port>& inputs);

// The shapes with this first dimension. Throws Error where an input has no dimension to set.
std::map<std::size_t, PartialShape> batch_shapes(std::uint32_t batch, const std::vector<Port>& inputs);

// The first dimension of the inputs that have more than one dimension; 1 where they have none. The second: whether they agree.
struct Batch {
    std::size_t size = 1;
    bool found = false;
};
Batch batch_of(const std::vector<Port>& inputs);

// Fixed numbers that look random: floats and unsigned bytes of 0..255, all of i8, 0 or 1 for boolean.
void fill_random(Tensor& tensor);

// The name that messages and options use for an input or output.
std::string label_of(const Port& port);

// Height, width and channels of an input that a picture goes into; none of these are zero when `valid`.
struct ImageShape {
    bool valid = false;
    bool channels_first = true;
    std::size_t height = 0;
    std::size_t width = 0;
    std::size_t channels = 0;
};
ImageShape image_shape_of(const PartialShape& shape);

}  // namespace octet::benchmark
