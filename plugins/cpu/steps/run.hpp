#pragma once
// How kernels of the three kinds become the work of a step.
#include <array>
#include <memory>
#include <vector>

#include "ir/ops/convolution.hpp"
#include "plugins/cpu/kernels/portable/epilogue.hpp"
#include "plugins/cpu/kernels/portable/window.hpp"
#include "plugins/cpu/planner.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#endif
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/emit_epilogue.hpp"
#include "plugins/cpu/kernels/x64/few_rows.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#endif

namespace octet::cpu {

// The buffers of a step that is about one data operand and one result.
struct StepBuffers {
    BufferId in = 0;
    BufferId second = 0;  // of a product of two activations
    bool has_second = false;
    BufferId out = 0;
    std::vector<BufferId> operands = {};

    void note(Step& step) const {
        step.reads = operands;
        step.reads.push_back(in);
        if (has_second) step.reads.push_back(second);
        step.writes = {out};
    }
};

// The step of a group. `better`: why a kernel of higher priority did not take it; accepted when there was none. `source`: bf16 where
// that is what it computes in.
inline void add_step(Planner& planner, const Group& group, const StepBuffers& buffers, std::string kernel,
                     std::shared_ptr<const Work> work, std::size_t scratch, std::size_t packed,
                     const Acceptance& better, DataType source = DataType::f32) {
    Step step = planner.step_for(group, std::move(kernel));
    buffers.note(step);
    if (source == DataType::bf16) {
        step.data = ir::Element::bf16;
        if (planner.stores_bfloat(group.output)) step.result = ir::Element::bf16;
    }
    step.work = std::move(work);
    step.scratch_bytes = scratch;
    step.packed_bytes = packed;
    step.note = better.reason;
    step.code = better.code;
    planner.add(std::move(step));
}

// A window of up to three spatial axes as the portable kernels want it: absent axes come first.
inline portable::Window portable_window(const ir::Window& w) {
    portable::Window result;
    const std::size_t first = 3 - w.kernel.size();
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
        result.input[first + i] = static_cast<std::size_t>(w.data[i]);
        result.output[first + i] = static_cast<std::size_t>(w.output[i]);
        result.kernel[first + i] = static_cast<std::size_t>(w.kernel[i]);
        result.stride[first + i] = static_cast<std::size_t>(w.strides[i]);
        result.dilation[first + i] = static_cast<std::size_t>(w.dilations[i]);
        result.pad_begin[first + i] = w.pads_begin[i];
        result.pad_end[first + i] = w.pads_end[i];
    }
    return result;
}

// A portable kernel with run(Arguments, begin, end) and units().
template <class Kernel>
std::shared_ptr<const Work> portable_work(Kernel kernel, StepBuffers b) {
    return work([kernel = std::move(kernel), b = std::move(b)](const Frame& f) {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b.operands[i]);
        const portable::Arguments args{f.at(b.in), b.has_second ? f.at(b.second) : nullptr,
                                       std::span(pointers.data(), b.operands.size()), f.at(b.out)};
        f.pool->parallel(kernel.units(),
                         [&](std::size_t begin, std::size_t end, int) { kernel.run(args, begin, end); });
    });
}

#if defined(__x86_64__)
// The name of a kernel that takes codes or floats.
inline std::string x64_name(Planner& planner, const char* what, DataType source) {
    const bool floats = source == DataType::f32 || source == DataType::bf16;
    const std::string bare = x64::kernel_name(what, planner.code().isa(), floats ? x64::Dots::none : x64::Dots::tiles);
    return source == DataType::bf16 ? bare + "_bf16" : bare;
}

template <class Args>
Args x64_args(const Frame& f, const StepBuffers& b) {
    Args args{};
    if constexpr (requires { args.operands; })
        for (std::size_t i = 0; i < b.operands.size(); ++i) args.operands[i] = f.at(b.operands[i]);
    if constexpr (requires { args.in; }) args.in = reinterpret_cast<decltype(args.in)>(f.at(b.in));
    else args.a = reinterpret_cast<decltype(args.a)>(f.at(b.in));
    args.out = f.at(b.out);
    return args;
}

// Work of less than this is done before another thread has begun to help. In nanoseconds, as estimated below.
inline constexpr double kWorthThreads = 2000;
// What a core with AVX-512 VNNI takes, about.
inline double ns_of_products(std::int64_t multiply_adds) { return static_cast<double>(multiply_adds) / 200; }
inline double ns_of_values(std::int64_t values) { return static_cast<double>(values) / 10; }

// A generated kernel; shared by all streams. ns: of one thread.
template <class Kernel>
std::shared_ptr<const Work> x64_work(std::shared_ptr<const Kernel> kernel, StepBuffers b, double ns = kWorthThreads) {
    return work([kernel = std::move(kernel), b = std::move(b), alone = ns < kWorthThreads](const Frame& f) {
        const auto args = x64_args<typename Kernel::Args>(f, b);
        if (alone) return kernel->run(args, 0, kernel->units());
        f.pool->parallel(static_cast<std::size_t>(kernel->units()), [&](std::size_t begin, std::size_t end, int) {
            kernel->run(args, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
        });
    });
}

// The product of weights; meanwhile the next one's weights come nearer. ns: of one thread.
inline std::shared_ptr<const Work> matmul_work(Planner& planner, std::shared_ptr<const x64::MatMul> kernel,
                                               StepBuffers b, double ns = kWorthThreads) {
    auto next = planner.product_after(*kernel);
    return work([kernel = std::move(kernel), next = std::move(next), b = std::move(b),
                 alone = ns < kWorthThreads](const Frame& f) {
        auto args = x64_args<x64::MatMul::Args>(f, b);
        if (alone) {
            if (*next) args.next_weights = (*next)->first_panel(0, 1);
            return kernel->run(args, 0, kernel->units());
        }
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             if (*next) mine.next_weights = (*next)->first_panel(thread, f.pool->threads());
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
}

// The step of a product of few rows of floats: what it takes is the reading of its weights.
inline void add_few_rows(Planner& planner, const Group& group, const StepBuffers& b,
                         const std::shared_ptr<const x64::FewRows>& kernel, const x64::FewRowsDesc& desc) {
    add_step(planner, group, b, x64::kernel_name("few_rows", planner.code().isa(), x64::Dots::none),
             x64_work<x64::FewRows>(kernel, b, ns_of_values(desc.rows * desc.k * desc.columns)), 0,
             kernel->packed_bytes(), {}, desc.narrow ? DataType::bf16 : DataType::f32);
}
#endif

#if OCTET_ONEDNN
// oneDNN's arguments belong to one stream; code and packed weights do not.
class OneDnnWork final : public Work {
public:
    OneDnnWork(std::unique_ptr<onednn::Kernel> kernel, StepBuffers b) : kernel_(std::move(kernel)), b_(std::move(b)) {}
    void prepare() const override { kernel_->prepare(); }
    void run(const Frame& f) const override {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b_.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b_.operands[i]);
        const onednn::Args args{f.at(b_.in), b_.has_second ? f.at(b_.second) : nullptr, f.at(b_.out), pointers.data(),
                                f.scratch};
        f.pool->parallel(static_cast<std::size_t>(kernel_->parts()), [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t part = begin; part < end; ++part) kernel_->run(args, static_cast<int>(part));
        });
    }
    std::shared_ptr<const Work> for_stream() const override {
        return std::make_shared<OneDnnWork>(kernel_->clone(), b_);
    }

private:
    std::unique_ptr<onednn::Kernel> kernel_;
    StepBuffers b_;
};
#endif

}  // namespace octet::cpu
