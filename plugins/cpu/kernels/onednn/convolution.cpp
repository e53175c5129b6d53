#include "plugins/cpu/kernels/onednn/convolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "plugins/cpu/kernels/onednn/part.hpp"
#include "plugins/cpu/kernels/onednn/post_ops.hpp"
#include "plugins/cpu/kernels/onednn/saturation.hpp"

namespace octet::cpu::onednn {
namespace {

using dims = dnnl::memory::dims;
using data_type = dnnl::memory::data_type;

// Below this many multiply-adds a part is not worth waking a thread for: some 2 us.
constexpr std::int64_t kLeastWork = 500'000;

// Up to this many pixels a 1x1 convolution is split by output channels, so that each thread reads only its own weights.
constexpr std::int64_t kFewPixels = 256;

struct Range {
    std::int64_t begin;
    std::int64_t end;
};

std::vector<Range> split(std::int64_t units, std::int64_t parts, std::int64_t multiple = 1) {
    std::vector<Range> ranges;
    const std::int64_t blocks = (units + multiple - 1) / multiple;
    const std::int64_t count = std::clamp<std::int64_t>(parts, 1, blocks);
    for (std::int64_t i = 0; i < count; ++i) {
        ranges.push_back({blocks * i / count * multiple, std::min(blocks * (i + 1) / count * multiple, units)});
    }
    return ranges;
}

class Builder {
public:
    Builder(const Convolution& problem, Kernel::Impl& impl) : p_(problem), impl_(impl) {}

    Acceptance build() {
        if (Acceptance answer = check(); !answer) {
            return answer;
        }
        if (Acceptance answer = map_epilogue(p_.epilogue, channels(), p_.in_place, mapped_); !answer) {
            return answer;
        }
        prepare_weights();
        const std::int64_t work = p_.batch * p_.out_height() * p_.out_width() * channels() * p_.ic * p_.kernel_h * p_.kernel_w;
        const std::int64_t parts = std::clamp<std::int64_t>(work / kLeastWork, 1, p_.threads);
        const std::int64_t pixels = p_.batch * p_.out_height() * p_.out_width();
        if (parts > 1 && p_.batch < parts && pixels <= kFewPixels && is_product() && channels() >= 32 * parts) {
            for (const Range& range : split(channels(), parts, 16)) {
                product_part(range);
            }
            if (impl_.implementation.find("ref") == std::string::npos) {
                return accepted();
            }
            impl_.parts.clear();
            impl_.implementation.clear();
        }
        for (const Range& images : split(p_.batch, parts)) {
            const std::int64_t left = p_.batch >= parts ? 1 : (parts + p_.batch - 1) / p_.batch;
            std::vector<Range> parts_of_rows = split(p_.out_height(), left);
            if (!std::all_of(parts_of_rows.begin(), parts_of_rows.end(), [this](const Range& rows) { return touches_source(rows); })) {
                parts_of_rows = split(p_.out_height(), 1);
            }
            for (const Range& rows : parts_of_rows) {
                convolution_part(images, rows);
            }
        }
        return accepted();
    }

private:
    std::int64_t channels() const { return p_.groups * p_.oc; }
    bool quantized() const { return p_.source == DataType::u8; }
    bool padded() const { return p_.pad_top > 0 || p_.pad_bottom > 0 || p_.pad_left > 0 || p_.pad_right > 0; }

    // Whether these rows of the result see more than padding.
    bool touches_source(const Range& rows) const {
        const std::int64_t reach = (p_.kernel_h - 1) * p_.dilation_h + 1;
        return rows.begin * p_.stride_h - p_.pad_top < p_.height && (rows.end - 1) * p_.stride_h - p_.pad_top + reach > 0;
    }

    // A matrix product of pixels and channels.
    bool is_product() const {
        return p_.groups == 1 && p_.kernel_h == 1 && p_.kernel_w == 1 && p_.stride_h == 1 && p_.stride_w == 1 && !padded() && !zero_point_attribute_;
    }

    Acceptance check() const {
        if (p_.source != DataType::u8 && p_.source != DataType::f32) {
            return declined("onednn convolution: the source is neither u8 nor f32");
        }
        if (p_.out_height() < 1 || p_.out_width() < 1 || p_.batch < 1 || p_.pad_top < 0 || p_.pad_bottom < 0 || p_.pad_left < 0 || p_.pad_right < 0) {
            return declined("onednn convolution: empty result or negative padding");
        }
        const DataType result = p_.epilogue.result;
        if (quantized() ? result != DataType::u8 && result != DataType::s8 && result != DataType::s32 && result != DataType::f32
                        : result != DataType::f32) {
            return declined(quantized() ? "onednn convolution: the result is neither 8-bit, s32 nor f32" : "onednn convolution: f32 in, but the result is not f32");
        }
        if (result == DataType::s32 && !p_.epilogue.ops.empty()) {
            return declined("onednn convolution: an s32 result takes no epilogue");
        }
        if (!quantized()) {
            return p_.source_zero == 0 ? accepted() : declined("onednn convolution: a zero point of an f32 source");
        }
        if (p_.allow_saturation) {
            return accepted();
        }
        const std::int64_t length = p_.ic * p_.kernel_h * p_.kernel_w;
        return check_saturation(static_cast<const std::int8_t*>(p_.weights), channels(), length, length, 1);
    }

    // Folds what the kernels need not do at run time: the zero point of an unpadded source into the shift (its sum over the weights is
    // an exact integer), the scale of f32 weights into the weights.
    void prepare_weights() {
        const std::int64_t length = p_.ic * p_.kernel_h * p_.kernel_w;
        zero_point_attribute_ = p_.source_zero != 0 && (padded() || p_.epilogue.result == DataType::s32);
        if (p_.source_zero != 0 && !zero_point_attribute_) {
            const auto* weights = static_cast<const std::int8_t*>(p_.weights);
            std::vector<double> shift(static_cast<std::size_t>(channels()));
            for (std::int64_t c = 0; c < channels(); ++c) {
                std::int64_t sum = 0;
                for (std::int64_t i = 0; i < length; ++i) {
                    sum += weights[c * length + i];
                }
                const auto at = static_cast<std::size_t>(c);
                const double scale = mapped_.scale.empty() ? 1 : mapped_.scale[mapped_.scale.size() == 1 ? 0 : at];
                shift[at] = (mapped_.shift.empty() ? 0 : mapped_.shift[at]) - static_cast<double>(sum * p_.source_zero) * scale;
            }
            mapped_.shift = shift;
        }
        if (!quantized() && !mapped_.scale.empty()) {
            const auto* weights = static_cast<const float*>(p_.weights);
            scaled_.resize(static_cast<std::size_t>(channels() * length));
            for (std::size_t i = 0; i < scaled_.size(); ++i) {
                const std::size_t c = i / static_cast<std::size_t>(length);
                scaled_[i] = static_cast<float>(static_cast<double>(weights[i]) * mapped_.scale[mapped_.scale.size() == 1 ? 0 : c]);
            }
            mapped_.scale.clear();
        }
        weights_ = scaled_.empty() ? p_.weights : scaled_.data();
        if (mapped_.scale.size() == 1 && mapped_.scale[0] == 1) {
            mapped_.scale.clear();
        }
    }

    // `channel_mask`: how the weights' axis of channels is spelled.
    dnnl::primitive_attr attributes(const Window& window, int channel_mask) const {
        dnnl::primitive_attr attr;
        attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        if (!mapped_.scale.empty()) {
            attr.set_scales_mask(DNNL_ARG_WEIGHTS, mapped_.scale.size() == 1 ? 0 : channel_mask);
        }
        if (zero_point_attribute_) {
            attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
        }
        add_post_ops(mapped_, window, attr);
        return attr;
    }

    // The arguments that do not depend on the kind of primitive.
    void bind_common(Part& part, const Window& window, const dnnl::memory::desc& bias) const {
        const std::int64_t begin = window.begin[window.channel];
        const std::int64_t count = window.extents[window.channel];
        if (!mapped_.shift.empty()) {
            part.constant(DNNL_ARG_BIAS, bias, packed_copy(channel_values(mapped_.shift, begin, count)));
        }
        if (!mapped_.scale.empty()) {
            const std::int64_t scales = mapped_.scale.size() == 1 ? 1 : count;
            part.constant(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, {{scales}, data_type::f32, dnnl::memory::format_tag::a},
                          packed_copy(channel_values(mapped_.scale, begin, scales)));
        }
        if (zero_point_attribute_) {
            part.constant(DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, {{1}, data_type::s32, dnnl::memory::format_tag::a},
                          packed_copy(std::vector<std::int32_t>{p_.source_zero}));
        }
        bind_post_ops(mapped_, window, part);
    }

    std::shared_ptr<const Packed> packed(const dnnl::memory::desc& plain, const void* data, const dnnl::memory::desc& wanted) {
        if (data == packed_from_ && packed_desc_ && packed_desc_ == wanted) {
            return packed_;
        }
        packed_ = pack(plain, data, wanted);
        packed_desc_ = wanted;
        packed_from_ = data;
        return packed_;
    }

    void note_implementation(const std::string& name) {
        if (impl_.implementation.empty() || name.find("ref") != std::string::npos) {
            impl_.implementation = name;
        }
    }

    // Rows [rows.begin, rows.end) of some images: an image of its own, whose padding is what the rows need beyond the source.
    void convolution_part(const Range& images, const Range& rows) {
        const std::int64_t reach = (p_.kernel_h - 1) * p_.dilation_h + 1;
        const std::int64_t first = rows.begin * p_.stride_h - p_.pad_top;
        const std::int64_t last = (rows.end - 1) * p_.stride_h - p_.pad_top + reach;
        const std::int64_t from = std::clamp<std::int64_t>(first, 0, p_.height - 1);
        const std::int64_t to = std::clamp<std::int64_t>(last, from + 1, p_.height);
        const std::int64_t in = p_.groups * p_.ic;
        const std::int64_t oh = p_.out_height();
        const std::int64_t ow = p_.out_width();
        const std::int64_t out = channels();

        Window window;
        window.extents = {images.end - images.begin, out, rows.end - rows.begin, ow};
        window.strides = {oh * ow * out, 1, ow * out, out};
        window.begin = {images.begin, 0, rows.begin, 0};
        window.channels = out;
        const dnnl::memory::desc src({images.end - images.begin, in, to - from, p_.width}, type_of(p_.source), dims{(to - from) * p_.width * in, 1, p_.width * in, in});
        const dnnl::memory::desc dst = desc_of(window, p_.epilogue.result);
        const dims shape = p_.groups == 1 ? dims{p_.oc, p_.ic, p_.kernel_h, p_.kernel_w} : dims{p_.groups, p_.oc, p_.ic, p_.kernel_h, p_.kernel_w};
        const data_type type = quantized() ? data_type::s8 : data_type::f32;
        const dnnl::memory::desc any(shape, type, dnnl::memory::format_tag::any);
        const dnnl::memory::desc plain(shape, type, p_.groups == 1 ? dnnl::memory::format_tag::oihw : dnnl::memory::format_tag::goihw);
        const dnnl::memory::desc bias = mapped_.shift.empty() ? dnnl::memory::desc() : dnnl::memory::desc({out}, data_type::f32, dnnl::memory::format_tag::a);
        const dnnl::primitive_attr attr = attributes(window, p_.groups == 1 ? 1 : 3);
        const dnnl::convolution_forward::primitive_desc pd(engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, any, bias, dst,
                                                           {p_.stride_h, p_.stride_w}, {p_.dilation_h - 1, p_.dilation_w - 1}, {from - first, p_.pad_left},
                                                           {last - to, p_.pad_right}, attr);
        note_implementation(pd.impl_info_str());
        Part part;
        part.bind(DNNL_ARG_SRC, src, Source::src, static_cast<std::size_t>((images.begin * p_.height + from) * p_.width * in) * size_of(p_.source));
        part.constant(DNNL_ARG_WEIGHTS, pd.weights_desc(), packed(plain, weights_, pd.weights_desc()));
        part.bind(DNNL_ARG_DST, dst, Source::dst, first_element(window) * size_of(p_.epilogue.result));
        bind_common(part, window, bias);
        part.finish(dnnl::convolution_forward(pd), pd.scratchpad_desc());
        impl_.parts.push_back(std::move(part));
    }

    // Some output channels of a 1x1 convolution; a product may write a slice of wider rows, which oneDNN's convolutions cannot.
    void product_part(const Range& range) {
        const std::int64_t pixels = p_.batch * p_.out_height() * p_.out_width();
        Window window;
        window.extents = {pixels, range.end - range.begin};
        window.strides = {channels(), 1};
        window.begin = {0, range.begin};
        window.channels = channels();
        const dnnl::memory::desc src({pixels, p_.ic}, type_of(p_.source), dims{p_.ic, 1});
        const dnnl::memory::desc dst = desc_of(window, p_.epilogue.result);
        const data_type type = quantized() ? data_type::s8 : data_type::f32;
        const dims shape = {p_.ic, range.end - range.begin};
        const dnnl::memory::desc any(shape, type, dnnl::memory::format_tag::any);
        const dnnl::memory::desc plain(shape, type, dims{1, p_.ic});
        const dnnl::memory::desc bias =
            mapped_.shift.empty() ? dnnl::memory::desc() : dnnl::memory::desc({1, range.end - range.begin}, data_type::f32, dnnl::memory::format_tag::ab);
        const dnnl::primitive_attr attr = attributes(window, 2);
        const dnnl::matmul::primitive_desc pd(engine(), src, any, bias, dst, attr);
        note_implementation(pd.impl_info_str());
        Part part;
        part.bind(DNNL_ARG_SRC, src, Source::src, 0);
        const auto* weights = static_cast<const std::byte*>(weights_) + range.begin * p_.ic * (quantized() ? 1 : 4);
        part.constant(DNNL_ARG_WEIGHTS, pd.weights_desc(), packed(plain, weights, pd.weights_desc()));
        part.bind(DNNL_ARG_DST, dst, Source::dst, first_element(window) * size_of(p_.epilogue.result));
        bind_common(part, window, bias);
        part.finish(dnnl::matmul(pd), pd.scratchpad_desc());
        impl_.parts.push_back(std::move(part));
    }

    const Convolution& p_;
    Kernel::Impl& impl_;
    MappedEpilogue mapped_;
    bool zero_point_attribute_ = false;
    std::vector<float> scaled_;
    const void* weights_ = nullptr;
    std::shared_ptr<const Packed> packed_;
    dnnl::memory::desc packed_desc_;
    const void* packed_from_ = nullptr;
};

}  // namespace

Creation create(const Convolution& convolution) {
    return create_kernel(convolution.allow_reference, [&](Kernel::Impl& impl) { return Builder(convolution, impl).build(); });
}

}  // namespace octet::cpu::onednn
