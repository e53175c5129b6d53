#pragma once
// The private memory of one execution of a plan.
#include <cstddef>
#include <vector>

#include "plugins/cpu/plan.hpp"

namespace octet::cpu {

// Bytes at a cache line that grow and are not kept when they do; many of them in huge pages, where the system has such.
class GrowingMemory {
public:
    GrowingMemory() = default;
    GrowingMemory(const GrowingMemory&) = delete;
    GrowingMemory& operator=(const GrowingMemory&) = delete;
    ~GrowingMemory() { release(); }
    void grow(std::size_t wanted);
    std::byte* get() const { return data_; }

private:
    void release();

    std::byte* data_ = nullptr;
    std::size_t bytes_ = 0;
};

class PlanMemory {
public:
    // Makes room for a plan, which lives as long as frames are asked for; what the inputs, outputs and states held is forgotten.
    void fit(const Plan& plan);
    // Of inputs and of outputs that are direct: the caller's memory.
    void set(BufferId id, void* data) { buffers_[id] = static_cast<std::byte*>(data); }
    std::byte* at(BufferId id) const { return buffers_[id]; }
    const ir::Tensor& dynamic(ir::Value v) const { return dynamic_[v.node].at(v.port); }
    // What a step sees, once everything is set.
    Frame frame(ThreadPool& pool, ir::eval::State& state);

private:
    const Plan* plan_ = nullptr;
    GrowingMemory arena_, scratch_;
    std::vector<std::byte*> buffers_;
    std::vector<ir::Tensors> dynamic_;
};

}  // namespace octet::cpu
