#pragma once
// What stands behind the handles InferRequest and CompiledModel.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <octet/infer_request.hpp>
#include <octet/properties.hpp>
#include <thread>
#include <vector>

#include "runtime/plugin.hpp"
#include "runtime/src/model.hpp"
#include "runtime/src/streams.hpp"

namespace octet::runtime {

class Compiled {
public:
    Compiled(std::shared_ptr<Executable> executable, Ports ports, std::string model_name, std::string device);

    const Ports& ports() const { return ports_; }
    Executable& executable() const { return *executable_; }
    Streams& streams() { return streams_; }
    bool profiling() const { return profiling_; }
    Any property(const std::string& name) const;
    void count(const std::vector<StepTime>& times);  // into the means of report()
    Report report() const;

private:
    std::shared_ptr<Executable> executable_;
    Ports ports_;
    std::string model_name_, device_;
    bool profiling_ = false;
    mutable std::mutex mutex_;  // of the sums
    std::vector<StepTime> sums_;
    std::size_t inferences_ = 0;
    Streams streams_;
};

class Request final : public Job, public std::enable_shared_from_this<Request> {
public:
    explicit Request(std::shared_ptr<Compiled> compiled);

    void set_input(std::size_t index, const Tensor& tensor);
    void set_output(std::size_t index, const Tensor& tensor);
    Tensor input(std::size_t index) const;
    Tensor output(std::size_t index) const;
    void set(std::string_view name, const Tensor& tensor);
    Tensor get(std::string_view name) const;
    const Ports& ports() const { return compiled_->ports(); }

    void infer();
    void start_async();
    void wait();
    bool wait_for(std::chrono::milliseconds timeout);
    void wait_without_throwing();
    void set_callback(std::function<void(std::exception_ptr)> callback);
    std::vector<ProfilingInfo> profile() const;
    void reset_state();

    void run(int stream) noexcept override;
    void finish(std::shared_ptr<Job> self) noexcept override;

private:
    class Outputs;
    using Callback = std::function<void(std::exception_ptr)>;

    // How far an inference is; outlives the request where its last handle goes when the inference ends.
    struct Progress {
        std::mutex mutex;
        std::condition_variable changed;
        bool running = false;
        std::vector<std::thread::id> callbacks;  // threads in the callback; two when it started the request again

        // With the mutex held.
        bool in_callback() const;  // on this thread
        bool settled() const { return !running && callbacks.empty(); }
        bool usable() const { return !running && (callbacks.empty() || in_callback()); }
    };

    void check_usable() const;
    void end();
    void begin();
    void execute(int stream);
    void check_inputs();
    bool find(std::string_view name, bool& is_input, std::size_t& index) const;

    std::shared_ptr<Compiled> compiled_;
    std::unique_ptr<Execution> execution_;
    std::vector<Tensor> inputs_, outputs_;
    std::vector<bool> input_given_;
    std::vector<HostTensor> host_inputs_;
    int last_stream_ = 0;

    const std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
    std::exception_ptr error_;  // with the mutex of progress_, as callback_
    std::shared_ptr<const Callback> callback_;
};

}  // namespace octet::runtime
