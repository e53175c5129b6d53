#include "plugins/cpu/kernels/onednn/weighted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace octet::cpu::onednn {
namespace {

using data_type = dnnl::memory::data_type;
using format_tag = dnnl::memory::format_tag;

// Below this many multiply-adds a part is not worth waking a thread for: some 2 us.
constexpr std::int64_t kLeastWork = 500'000;

}  // namespace

std::vector<Range> split(std::int64_t units, std::int64_t parts) {
    std::vector<Range> ranges;
    const std::int64_t count = std::clamp<std::int64_t>(parts, 1, std::max<std::int64_t>(units, 1));
    for (std::int64_t i = 0; i < count; ++i) {
        ranges.push_back({units * i / count, units * (i + 1) / count});
    }
    return ranges;
}

std::int64_t parts_worth(std::int64_t work, int threads) {
    return std::clamp<std::int64_t>(work / kLeastWork, 1, std::max(threads, 1));
}

Acceptance Weighted::check_types(const char* op, DataType source, const Epilogue& epilogue,
                                 std::int32_t source_zero) const {
    if (source != DataType::u8 && source != DataType::f32 && source != DataType::bf16) {
        return declined(fmt::format("onednn {}: the source is neither u8, f32 nor bf16", op));
    }
    const DataType result = epilogue.result;
    if (quantized_ && result != DataType::u8 && result != DataType::s8 && result != DataType::s32 &&
        result != DataType::f32) {
        return declined(fmt::format("onednn {}: the result is neither 8-bit, s32 nor f32", op));
    }
    if (!quantized_ && result != DataType::f32 && result != source) {
        return declined(fmt::format("onednn {}: floats in, but the result is neither f32 nor like the source", op));
    }
    if (result == DataType::s32 && !epilogue.ops.empty()) {
        return declined(fmt::format("onednn {}: an s32 result takes no epilogue", op));
    }
    if (!quantized_ && source_zero != 0) {
        return declined(fmt::format("onednn {}: a zero point of a float source", op));
    }
    return accepted();
}

void Weighted::fold_zero_point(std::int32_t zero, const std::vector<std::int64_t>& sums) {
    std::vector<double> shift(sums.size());
    for (std::size_t c = 0; c < sums.size(); ++c) {
        const double scale = mapped.scale.empty() ? 1 : mapped.scale[mapped.scale.size() == 1 ? 0 : c];
        shift[c] = (mapped.shift.empty() ? 0 : mapped.shift[c]) - static_cast<double>(sums[c] * zero) * scale;
    }
    mapped.shift = shift;
}

const void* Weighted::scaled_weights(const void* weights, std::int64_t count, std::int64_t stride,
                                     std::int64_t channels) {
    if (quantized_ || mapped.scale.empty()) {
        return weights;
    }
    const auto* values = static_cast<const float*>(weights);
    scaled_ = std::make_shared_for_overwrite<float[]>(static_cast<std::size_t>(count));
    scale_later_ = [values, count, stride, channels, to = scaled_, scale = std::exchange(mapped.scale, {})] {
        for (std::int64_t begin = 0; begin < count; begin += stride) {
            const double factor = scale[scale.size() == 1 ? 0 : static_cast<std::size_t>(begin / stride % channels)];
            for (std::int64_t i = begin; i < std::min(begin + stride, count); ++i) {
                to[i] = static_cast<float>(static_cast<double>(values[i]) * factor);
            }
        }
    };
    return scaled_.get();
}

void Weighted::scale_at_run_time() {
    std::vector<PostOp> steps;
    const auto constant = [&](dnnl::algorithm what, const std::vector<double>& values) {
        PostOp step;
        step.kind = PostOp::Kind::binary_constant;
        step.algorithm = what;
        step.values = channel_values(values, 0, static_cast<std::int64_t>(values.size()));
        steps.push_back(step);
    };
    if (mapped.scale.size() == 1) {
        steps.push_back(
            {PostOp::Kind::eltwise, dnnl::algorithm::eltwise_linear, static_cast<float>(mapped.scale[0]), 0});
    } else if (!mapped.scale.empty()) {
        constant(dnnl::algorithm::binary_mul, mapped.scale);
    }
    if (!mapped.shift.empty()) {
        constant(dnnl::algorithm::binary_add, mapped.shift);
    }
    mapped.post_ops.insert(mapped.post_ops.begin(), steps.begin(), steps.end());
    mapped.scale.clear();
    mapped.shift.clear();
}

dnnl::primitive_attr Weighted::attributes(const Window& window, int channel_mask) const {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (!mapped.scale.empty()) {
        attr.set_scales_mask(DNNL_ARG_WEIGHTS, mapped.scale.size() == 1 ? 0 : channel_mask);
    }
    if (zero_ != 0) {
        attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
    }
    add_post_ops(mapped, window, attr);
    return attr;
}

dnnl::memory::desc Weighted::bias_desc(const Window& window, std::size_t rank) const {
    if (mapped.shift.empty()) {
        return {};
    }
    dnnl::memory::dims extents(rank, 1);
    extents.back() = window.extents[window.channel];
    dnnl::memory::dims strides(rank, extents.back());
    strides.back() = 1;
    return {extents, data_type::f32, strides};
}

void Weighted::bind(Part& part, const Window& window, const dnnl::memory::desc& bias) const {
    const std::int64_t begin = window.begin[window.channel];
    const std::int64_t count = window.extents[window.channel];
    if (!mapped.shift.empty()) {
        part.constant(DNNL_ARG_BIAS, bias, packed_copy(channel_values(mapped.shift, begin, count)));
    }
    if (!mapped.scale.empty()) {
        const std::int64_t scales = mapped.scale.size() == 1 ? 1 : count;
        part.constant(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, {{scales}, data_type::f32, format_tag::a},
                      packed_copy(channel_values(mapped.scale, begin, scales)));
    }
    if (zero_ != 0) {
        part.constant(DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, {{1}, data_type::s32, format_tag::a},
                      packed_copy(std::vector<std::int32_t>{zero_}));
    }
    bind_post_ops(mapped, window, part);
}

std::shared_ptr<const Packed> Weighted::packed(const dnnl::memory::desc& plain, const void* data,
                                               const dnnl::memory::desc& wanted) {
    if (packed_ == nullptr || data != packed_from_ || packed_desc_ != wanted) {
        auto target = std::make_shared<Packed>(wanted.get_size());
        if (!target->filled()) {
            // Those of one kernel are done in this order.
            const auto task = [plain, data, wanted, target, owner = owner_, scaled = scaled_,
                               scale = std::exchange(scale_later_, nullptr)] {
                if (scale) {
                    scale();
                }
                pack(plain, data, wanted, *target);
            };
            if (later_) {
                impl_.tasks.push_back(task);
            } else {
                task();
            }
        }
        packed_ = std::move(target);
        packed_desc_ = wanted;
        packed_from_ = data;
    }
    return packed_;
}

void Weighted::add(Part part, const std::string& implementation, std::function<dnnl::primitive()> make) {
    if (impl_.implementation.empty() || implementation.find("ref") != std::string::npos) {
        impl_.implementation = implementation;
    }
    if (!later_) {
        part.set(make());
    } else {
        impl_.tasks.push_back(
            [impl = &impl_, index = impl_.parts.size(), make = std::move(make)] { impl->parts[index].set(make()); });
    }
    impl_.parts.push_back(std::move(part));
}

}  // namespace octet::cpu::onednn
