#pragma once
// Inside this folder only: what convolutions, deconvolutions and matrix products have in common.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugins/cpu/kernels/onednn/part.hpp"
#include "plugins/cpu/kernels/onednn/post_ops.hpp"

namespace octet::cpu::onednn {

struct Range {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t size() const { return end - begin; }
};

// At most `parts` consecutive ranges of sizes that differ by one at most.
std::vector<Range> split(std::int64_t units, std::int64_t parts);

// How many parts of this many multiply-adds are worth their threads.
std::int64_t parts_worth(std::int64_t work, int threads);

class Weighted {
public:
    // `later`: code is generated, and weights are packed, by Kernel::prepare; `owner` keeps the weights until then.
    Weighted(Kernel::Impl& impl, DataType source, bool later = false, std::shared_ptr<const void> owner = nullptr)
        : impl_(impl), source_(source), quantized_(source == DataType::u8), later_(later), owner_(std::move(owner)) {}

    bool quantized() const { return quantized_; }
    // As they are given, and as they are packed.
    dnnl::memory::data_type weights_type() const {
        return quantized_ ? dnnl::memory::data_type::s8 : dnnl::memory::data_type::f32;
    }
    dnnl::memory::data_type packed_type() const {
        return source_ == DataType::bf16 ? dnnl::memory::data_type::bf16 : weights_type();
    }

    // Types this folder computes; `op` begins the reason.
    Acceptance check_types(const char* op, DataType source, const Epilogue& epilogue, std::int32_t source_zero) const;

    // sum(w) of each channel, exact; the zero point then costs nothing at run time. Only where no product is left out (no padding).
    void fold_zero_point(std::int32_t zero, const std::vector<std::int64_t>& sums);
    void use_zero_point(std::int32_t zero) { zero_ = zero; }

    // For f32, whose primitives take no scales: where weights times scale, channel = i / stride % channels, lie once they are packed.
    const void* scaled_weights(const void* weights, std::int64_t count, std::int64_t stride, std::int64_t channels);
    // For f32 with weights of run time: scale and shift become steps after the primitive's own.
    void scale_at_run_time();

    // `channel_mask`: the axes of the weights that make up the channels.
    dnnl::primitive_attr attributes(const Window& window, int channel_mask) const;
    // A bias of `rank` axes of which the last, or only, one is the channels; empty where there is none.
    dnnl::memory::desc bias_desc(const Window& window, std::size_t rank) const;
    // All arguments but source, weights and destination.
    void bind(Part& part, const Window& window, const dnnl::memory::desc& bias) const;

    std::shared_ptr<const Packed> packed(const dnnl::memory::desc& plain, const void* data,
                                         const dnnl::memory::desc& wanted);
    // The part with the primitive that `pd` describes.
    template <class Primitive>
    void add(Part part, const typename Primitive::primitive_desc& pd) {
        part.finish(pd.scratchpad_desc());
        add(std::move(part), pd.impl_info_str(), [pd] { return Primitive(pd); });
    }

    MappedEpilogue mapped;

private:
    void add(Part part, const std::string& implementation, std::function<dnnl::primitive()> make);

    Kernel::Impl& impl_;
    DataType source_;
    bool quantized_;
    bool later_;
    std::shared_ptr<const void> owner_;
    std::int32_t zero_ = 0;
    std::shared_ptr<float[]> scaled_;
    std::function<void()> scale_later_;  // fills it
    std::shared_ptr<const Packed> packed_;
    dnnl::memory::desc packed_desc_;
    const void* packed_from_ = nullptr;
};

}  // namespace octet::cpu::onednn
