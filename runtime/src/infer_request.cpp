#include <octet/infer_request.hpp>

#include "ir/support/check.hpp"
#include "runtime/src/request.hpp"

namespace octet {

InferRequest::InferRequest(std::shared_ptr<runtime::Request> request) {
    // The last handle waits, also where a waiting job still holds the request.
    runtime::Request* raw = request.get();
    request_ = std::shared_ptr<runtime::Request>(raw, [keep = std::move(request)](runtime::Request* r) {
        r->wait_without_throwing();
    });
}

runtime::Request& InferRequest::get() const {
    ir::require(request_ != nullptr, "the request is empty; CompiledModel::create_infer_request makes one");
    return *request_;
}

void InferRequest::set_tensor(const std::string& name, const Tensor& tensor) { get().set(name, tensor); }
void InferRequest::set_tensor(const Port& port, const Tensor& tensor) {
    port.is_input() ? set_input_tensor(port.get_index(), tensor) : set_output_tensor(port.get_index(), tensor);
}
void InferRequest::set_input_tensor(std::size_t index, const Tensor& tensor) { get().set_input(index, tensor); }
void InferRequest::set_output_tensor(std::size_t index, const Tensor& tensor) { get().set_output(index, tensor); }

void InferRequest::set_input_tensor(const Tensor& tensor) {
    get().set_input(runtime::only_port(get().ports().inputs, "input").get_index(), tensor);
}

void InferRequest::set_output_tensor(const Tensor& tensor) {
    get().set_output(runtime::only_port(get().ports().outputs, "output").get_index(), tensor);
}

Tensor InferRequest::get_tensor(const std::string& name) const { return get().get(name); }
Tensor InferRequest::get_tensor(const Port& port) const {
    return port.is_input() ? get_input_tensor(port.get_index()) : get_output_tensor(port.get_index());
}
Tensor InferRequest::get_input_tensor(std::size_t index) const { return get().input(index); }
Tensor InferRequest::get_output_tensor(std::size_t index) const { return get().output(index); }
Tensor InferRequest::get_input_tensor() const {
    return get().input(runtime::only_port(get().ports().inputs, "input").get_index());
}
Tensor InferRequest::get_output_tensor() const {
    return get().output(runtime::only_port(get().ports().outputs, "output").get_index());
}

void InferRequest::infer() { get().infer(); }
void InferRequest::start_async() { get().start_async(); }
void InferRequest::wait() { get().wait(); }
bool InferRequest::wait_for(std::chrono::milliseconds timeout) { return get().wait_for(timeout); }
void InferRequest::set_callback(std::function<void(std::exception_ptr)> callback) {
    get().set_callback(std::move(callback));
}
std::vector<ProfilingInfo> InferRequest::get_profiling_info() const { return get().profile(); }
void InferRequest::reset_state() { get().reset_state(); }

}  // namespace octet
