#include "tools/support/infer.hpp"

#include <cstring>
#include <octet/octet.hpp>

#include "runtime/src/model_access.hpp"

namespace octet::tools {

ir::Tensors infer_on(const std::string& device, const ir::Graph& graph, const ir::Tensors& parameters) {
    const auto model = runtime::ModelAccess::make(graph, "graph");
    const auto mode = hint::execution_mode(hint::ExecutionMode::ACCURACY);
    InferRequest request = Core().compile_model(model, device, mode).create_infer_request();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const ir::Tensor& from = parameters[i];
        Tensor to(from.element(), Shape(from.dims().begin(), from.dims().end()));
        if (from.bytes() > 0) std::memcpy(to.data(), from.data(), from.bytes());
        request.set_input_tensor(i, to);
    }
    request.infer();
    ir::Tensors results;
    for (std::size_t i = 0; i < graph.results().size(); ++i) {
        const Tensor from = request.get_output_tensor(i);
        const Shape& shape = from.get_shape();
        ir::Tensor to(from.get_element_type(), ir::Dims(shape.begin(), shape.end()));
        if (to.bytes() > 0) std::memcpy(to.write_raw().data(), from.data(), to.bytes());
        results.push_back(std::move(to));
    }
    return results;
}

}  // namespace octet::tools
