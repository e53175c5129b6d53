#pragma once
/// One inference at a time, with its input and output tensors.
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <octet/model.hpp>
#include <octet/tensor.hpp>
#include <string>
#include <vector>

namespace octet {

/// One layer of the last inference.
struct ProfilingInfo {
    enum class Status : std::uint8_t { NOT_RUN, OPTIMIZED_OUT, EXECUTED };
    Status status = Status::NOT_RUN;  ///< OPTIMIZED_OUT: computed inside another layer's step, folded, or nothing to do
    std::chrono::microseconds real_time{0};
    std::chrono::microseconds cpu_time{0};
    double real_us = 0;  ///< the same, not rounded
    double cpu_us = 0;
    std::string node_name;
    std::string
        exec_type;  ///< "<kernel>_<type of the data read>": "jit_depthwise_avx512_vnni_u8"; "undef" when nothing runs
    std::string node_type;  ///< the operator's name in the file
};

namespace runtime {
class Request;
class Compiled;
}  // namespace runtime

/// A handle, made by CompiledModel::create_infer_request; copies share the request. Requests of one compiled model may run at the
/// same time, in order of their start, as many as there are streams. One request is used from one thread at a time; while it runs every
/// method but wait and wait_for throws Busy. The last handle's end waits for the running inference.
class InferRequest {
public:
    InferRequest() = default;  ///< empty: every method throws Error

    /// The tensor to read from or write to, until another is set: memory of the caller is used directly, without a copy.
    /// Throws Error for an unknown name or index, another element type, or a shape the port does not allow.
    void set_tensor(const std::string& name, const Tensor& tensor);
    void set_tensor(const Port& port, const Tensor& tensor);
    void set_input_tensor(std::size_t index, const Tensor& tensor);
    void set_input_tensor(const Tensor& tensor);  ///< of the only input
    void set_output_tensor(std::size_t index, const Tensor& tensor);
    void set_output_tensor(const Tensor& tensor);  ///< of the only output

    /// The tensor of an input or output: the caller's if one was set, else the request's own. Of a dynamic output it has its shape
    /// after the inference; of a dynamic input, set_shape gives it one (extents are 0 where they are not known).
    Tensor get_tensor(const std::string& name) const;
    Tensor get_tensor(const Port& port) const;
    Tensor get_input_tensor(std::size_t index) const;
    Tensor get_input_tensor() const;
    Tensor get_output_tensor(std::size_t index) const;
    Tensor get_output_tensor() const;

    /// Runs on the calling thread when a stream is free, else waits for one. Throws what went wrong. The callback is not called.
    void infer();
    /// Starts and returns. Outputs may be read after wait, wait_for (true) or in the callback.
    void start_async();
    /// Waits for the end of the inference and of its callback (and of what the callback started again); throws what went wrong.
    void wait();
    /// The same for so long; false when it still runs.
    bool wait_for(std::chrono::milliseconds timeout);
    /// Called on a thread of the runtime after each asynchronous inference, with what it threw or null. It may use this request and
    /// start it again; what it throws reaches wait. It must not hold a copy of this request (which would then never end); a
    /// reference is fine.
    void set_callback(std::function<void(std::exception_ptr)> callback);

    /// One row per layer of the last inference, in order of execution. Throws Error unless the model was compiled with PERF_COUNT.
    std::vector<ProfilingInfo> get_profiling_info() const;
    /// Variables of a model with state take their initial values again.
    void reset_state();

    explicit operator bool() const { return static_cast<bool>(request_); }
    bool operator==(const InferRequest&) const = default;

private:
    friend class CompiledModel;
    explicit InferRequest(std::shared_ptr<runtime::Request> request);
    runtime::Request& get() const;
    std::shared_ptr<runtime::Request> request_;
};

}  // namespace octet
