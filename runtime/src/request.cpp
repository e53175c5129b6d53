#include "runtime/src/request.hpp"

#include <algorithm>

#include "ir/support/check.hpp"
#include "runtime/src/memory.hpp"

namespace octet::runtime {

using ir::fail;

namespace {

ir::Dims dims_of(const Shape& shape) { return {shape.begin(), shape.end()}; }
Shape shape_of_dims(const ir::Dims& dims) { return Shape(dims.begin(), dims.end()); }

std::string port_text(const Port& port, std::string_view kind) {
    return fmt::format("{} '{}'", kind, port.get_names().empty() ? port.get_node_name() : port.get_any_name());
}

// Texts are made only where something is wrong: an inference allocates nothing.
void check_type(const Port& port, std::string_view kind, const Tensor& tensor) {
    if (!tensor) fail("{} was given an empty tensor", port_text(port, kind));
    if (tensor.get_element_type() != port.get_element_type())
        fail("{} was given a tensor of {}, wanted {}", port_text(port, kind), name_of(tensor.get_element_type()),
             name_of(port.get_element_type()));
}

void check_shape(const Port& port, std::string_view kind, const Tensor& tensor) {
    if (!port.get_partial_shape().allows(tensor.get_shape()))
        fail("{} was given a tensor of shape {}, wanted {}", port_text(port, kind), tensor.get_shape().to_string(),
             port.get_partial_shape().to_string());
}

}  // namespace

// Hands the memory of the request's output tensors to the device.
class Request::Outputs final : public OutputSink {
public:
    explicit Outputs(Request& request) : request_(request) {}
    void* output(std::size_t index, ir::Element element, const ir::Dims& dims) override {
        const Port& port = request_.ports().outputs[index];
        if (element != port.get_element_type())
            ir::check(false, "the device gives {} for {}, compiled as {}", name_of(element), port_text(port, "output"),
                      name_of(port.get_element_type()));
        Tensor& tensor = request_.outputs_[index];
        if (const Shape& shape = tensor.get_shape();
            !std::ranges::equal(shape, dims, [](auto a, auto b) { return a == static_cast<std::size_t>(b); }))
            resize(port, tensor, shape_of_dims(dims));
        return tensor.data();
    }

private:
    static void resize(const Port& port, Tensor& tensor, const Shape& shape) {
        try {
            tensor.set_shape(shape);
        } catch (const Error& e) {
            throw Error(fmt::format("{}: {}", port_text(port, "output"), e.what()));
        }
    }
    Request& request_;
};

Request::Request(std::shared_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)),
      execution_(with_memory_for("make an infer request", [&] { return compiled_->executable().create_execution(); })) {
    for (const Port& port : ports().inputs) {
        inputs_.emplace_back(port.get_element_type(), port.get_partial_shape().get_min_shape());
        input_given_.push_back(port.get_partial_shape().is_static());
    }
    for (const Port& port : ports().outputs)
        outputs_.emplace_back(port.get_element_type(), port.get_partial_shape().get_min_shape());
    host_inputs_.resize(inputs_.size());
}

bool Request::Progress::in_callback() const {
    return std::ranges::find(callbacks, std::this_thread::get_id()) != callbacks.end();
}

void Request::check_usable() const {
    const std::scoped_lock lock(progress_->mutex);
    if (!progress_->usable()) throw Busy("the request is running, wait for it first");
}

void Request::set_input(std::size_t index, const Tensor& tensor) {
    const Port& port = port_at(ports().inputs, index, "input");
    check_type(port, "input", tensor);
    check_shape(port, "input", tensor);
    check_usable();
    inputs_[index] = tensor;
    input_given_[index] = true;
}

void Request::set_output(std::size_t index, const Tensor& tensor) {
    const Port& port = port_at(ports().outputs, index, "output");
    check_type(port, "output", tensor);
    if (port.get_partial_shape().is_static()) check_shape(port, "output", tensor);
    check_usable();
    outputs_[index] = tensor;
}

Tensor Request::input(std::size_t index) const {
    port_at(ports().inputs, index, "input");
    check_usable();
    return inputs_[index];
}

Tensor Request::output(std::size_t index) const {
    port_at(ports().outputs, index, "output");
    check_usable();
    return outputs_[index];
}

bool Request::find(std::string_view name, bool& is_input, std::size_t& index) const {
    for (const auto* list : {&ports().inputs, &ports().outputs})
        for (const Port& port : *list)
            if (port.is_named(name)) {
                is_input = list == &ports().inputs;
                index = port.get_index();
                return true;
            }
    return false;
}

namespace {

[[noreturn]] void fail_unknown(const Ports& ports, std::string_view name) {
    std::vector<std::string> known;
    for (const auto* list : {&ports.inputs, &ports.outputs})
        for (const Port& port : *list)
            known.push_back(port.get_names().empty() ? port.get_node_name() : port.get_any_name());
    fail("the model has no input or output '{}'; it has {}{}", name, quoted_list(known), nearest_hint(name, known));
}

}  // namespace

void Request::set(std::string_view name, const Tensor& tensor) {
    bool is_input = false;
    std::size_t index = 0;
    if (!find(name, is_input, index)) fail_unknown(ports(), name);
    if (is_input) set_input(index, tensor);
    else set_output(index, tensor);
}

Tensor Request::get(std::string_view name) const {
    bool is_input = false;
    std::size_t index = 0;
    if (!find(name, is_input, index)) fail_unknown(ports(), name);
    return is_input ? input(index) : output(index);
}

void Request::check_inputs() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        const Port& port = ports().inputs[i];
        const Tensor& tensor = inputs_[i];
        // The caller may have given the request's own tensor a shape.
        if (!input_given_[i] && tensor.get_shape() != port.get_partial_shape().get_min_shape()) input_given_[i] = true;
        if (!input_given_[i])
            fail("{} has the dynamic shape {} and was given no tensor", port_text(port, "input"),
                 port.get_partial_shape().to_string());
        check_shape(port, "input", tensor);
        HostTensor& host = host_inputs_[i];
        host.element = tensor.get_element_type();
        host.data = tensor.data();
        if (!std::ranges::equal(host.dims, tensor.get_shape(),
                                [](auto a, auto b) { return static_cast<std::size_t>(a) == b; }))
            host.dims = dims_of(tensor.get_shape());
    }
}

void Request::begin() {
    {
        const std::scoped_lock lock(progress_->mutex);
        if (!progress_->usable()) throw Busy("the request is running, wait for it first");
        progress_->running = true;
        error_ = nullptr;
    }
    try {
        check_inputs();
    } catch (...) {
        end();
        throw;
    }
}

void Request::end() {
    const std::scoped_lock lock(progress_->mutex);
    progress_->running = false;
    progress_->changed.notify_all();
}

void Request::execute(int stream) {
    last_stream_ = stream;
    Outputs outputs(*this);
    with_memory_for("run the model", [&] { execution_->infer(host_inputs_, outputs, stream); });
    if (compiled_->profiling()) compiled_->count(execution_->times());
}

void Request::infer() {
    begin();
    const int stream = compiled_->streams().acquire(last_stream_);
    std::exception_ptr error;
    try {
        execute(stream);
    } catch (...) {
        error = std::current_exception();
    }
    compiled_->streams().release(stream);
    end();
    if (error) std::rethrow_exception(error);
}

void Request::start_async() {
    begin();
    compiled_->streams().start(shared_from_this());
}

void Request::run(int stream) noexcept {
    std::exception_ptr error;
    try {
        execute(stream);
    } catch (...) {
        error = std::current_exception();
    }
    const std::scoped_lock lock(progress_->mutex);
    error_ = error;
}

void Request::finish(std::shared_ptr<Job> self) noexcept {
    const auto me = std::this_thread::get_id();
    const std::shared_ptr<Progress> progress = progress_;
    std::unique_lock lock(progress->mutex);
    auto callback = callback_;
    if (callback) {
        progress->running = false;  // the callback may start the request again
        progress->callbacks.push_back(me);
        const std::exception_ptr error = error_;
        lock.unlock();
        std::exception_ptr thrown;
        try {
            (*callback)(error);
        } catch (...) {
            thrown = std::current_exception();
        }
        callback.reset();  // with the mutex free: what it holds may end here
        lock.lock();
        if (thrown) error_ = thrown;
    }
    lock.unlock();
    // Before those who wait go on: who ends the last handle then ends the model too, on a thread that is not one of its own.
    self.reset();
    lock.lock();
    if (const auto it = std::ranges::find(progress->callbacks, me); it != progress->callbacks.end())
        progress->callbacks.erase(it);
    else progress->running = false;
    progress->changed.notify_all();
}

void Request::wait() {
    std::unique_lock lock(progress_->mutex);
    if (!progress_->in_callback()) progress_->changed.wait(lock, [&] { return progress_->settled(); });
    if (error_) std::rethrow_exception(error_);
}

bool Request::wait_for(std::chrono::milliseconds timeout) {
    std::unique_lock lock(progress_->mutex);
    if (!progress_->in_callback() && !progress_->changed.wait_for(lock, timeout, [&] { return progress_->settled(); }))
        return false;
    if (error_) std::rethrow_exception(error_);
    return true;
}

void Request::wait_without_throwing() {
    std::unique_lock lock(progress_->mutex);
    if (!progress_->in_callback()) progress_->changed.wait(lock, [&] { return progress_->settled(); });
}

void Request::set_callback(std::function<void(std::exception_ptr)> callback) {
    check_usable();
    auto shared = callback ? std::make_shared<const Callback>(std::move(callback)) : nullptr;
    const std::scoped_lock lock(progress_->mutex);
    callback_.swap(shared);
}

void Request::reset_state() {
    check_usable();
    execution_->reset_state();
}

}  // namespace octet::runtime
