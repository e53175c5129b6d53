#pragma once
// Models as the runtime takes them.
#include <cstddef>
#include <memory>
#include <octet/core.hpp>
#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace octet::tools {

// From a model (.xml) or a graph in text form (.txt).
std::shared_ptr<Model> read_model(const Core& core, const std::string& file);
// The value that an output stands for: the layer of the file that makes it, and which of its outputs it is.
struct Origin {
    std::string layer;
    std::int64_t port = 0;
};
std::vector<Origin> outputs_of(const Model& model);
// The same model with further outputs. Throws Error for a layer that there is not.
std::shared_ptr<Model> with_taps(const Model& model, const std::vector<Origin>& taps);
// Index of the input with this layer's or tensor's name. Throws Error that lists the names there are.
std::size_t input_named(const Model& model, const std::string& name);
// Random contents for an input; the least extent (1 at least) where the shape is not known.
Tensor random_input(const Port& port, std::uint64_t seed);

}  // namespace octet::tools
