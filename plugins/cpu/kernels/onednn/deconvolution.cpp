#include "plugins/cpu/kernels/onednn/deconvolution.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "plugins/cpu/kernels/onednn/saturation.hpp"
#include "plugins/cpu/kernels/onednn/weighted.hpp"

namespace octet::cpu::onednn {
namespace {

using dims = dnnl::memory::dims;
using format_tag = dnnl::memory::format_tag;

// The source rows [from, to) that reach some rows of the result, and the paddings with which these alone give just those.
struct Band {
    Range rows;
    std::int64_t from;
    std::int64_t to;
    std::int64_t pad_top;
    std::int64_t pad_bottom;
};

class Builder {
public:
    Builder(const Deconvolution& problem, Kernel::Impl& impl) : p_(problem), w_(impl, problem.source) {}

    Acceptance build() {
        if (Acceptance answer = check(); !answer) {
            return answer;
        }
        if (Acceptance answer = map_epilogue(p_.epilogue, channels(), p_.in_place, w_.mapped); !answer) {
            return answer;
        }
        // How many products a result takes depends on its place, so that a zero point cannot become a constant.
        w_.use_zero_point(p_.source_zero);
        if (!w_.quantized() && p_.groups > 1) {
            w_.scale_at_run_time();
        }
        weights_ = w_.scaled_weights(p_.weights, channels() * length(), p_.kernel_h * p_.kernel_w, p_.oc);
        const std::int64_t parts = parts_worth(p_.batch * p_.height * p_.width * channels() * length(), p_.threads);
        for (const Range& images : split(p_.batch, parts)) {
            for (const Band& band : bands_of(p_.batch >= parts ? 1 : (parts + p_.batch - 1) / p_.batch)) {
                add_part(images, band);
            }
        }
        return accepted();
    }

private:
    std::int64_t channels() const { return p_.groups * p_.oc; }
    std::int64_t length() const { return p_.ic * p_.kernel_h * p_.kernel_w; }
    std::int64_t reach() const { return (p_.kernel_h - 1) * p_.dilation_h + 1; }
    std::int64_t pad_right() const {
        return (p_.width - 1) * p_.stride_w + (p_.kernel_w - 1) * p_.dilation_w + 1 - p_.pad_left - p_.out_width;
    }

    Acceptance check() const {
        if (p_.batch < 1 || p_.out_height < 1 || p_.out_width < 1 || p_.pad_top < 0 || p_.pad_left < 0 ||
            pad_right() < 0 || !band_of({0, p_.out_height})) {
            return declined("onednn deconvolution: empty result, or one larger than the kernel reaches");
        }
        if (Acceptance answer = w_.check_types("deconvolution", p_.source, p_.epilogue, p_.source_zero); !answer) {
            return answer;
        }
        if (!w_.quantized() || p_.allow_saturation) {
            return accepted();
        }
        return check_saturation(weights_by_channel().data(), channels(), length(), length(), 1);
    }

    // [groups, oc, ic, taps]
    std::vector<std::int8_t> weights_by_channel() const {
        const auto* values = static_cast<const std::int8_t*>(p_.weights);
        const std::int64_t taps = p_.kernel_h * p_.kernel_w;
        std::vector<std::int8_t> turned;
        turned.reserve(static_cast<std::size_t>(channels() * length()));
        for (std::int64_t c = 0; c < channels(); ++c) {
            for (std::int64_t i = 0; i < p_.ic; ++i) {
                const std::int8_t* from = values + ((c / p_.oc * p_.ic + i) * p_.oc + c % p_.oc) * taps;
                turned.insert(turned.end(), from, from + taps);
            }
        }
        return turned;
    }

    std::optional<Band> band_of(const Range& rows) const {
        const std::int64_t lowest = rows.begin + p_.pad_top - reach() + 1;
        std::int64_t from = lowest <= 0 ? 0 : (lowest + p_.stride_h - 1) / p_.stride_h;
        from = std::clamp<std::int64_t>(std::min(from, (rows.begin + p_.pad_top) / p_.stride_h), 0, p_.height - 1);
        const std::int64_t to = std::clamp<std::int64_t>((rows.end - 1 + p_.pad_top) / p_.stride_h + 1, from + 1,
                                                         p_.height);
        Band band{rows, from, to, p_.pad_top + rows.begin - from * p_.stride_h, 0};
        band.pad_bottom = (to - from - 1) * p_.stride_h + reach() - band.pad_top - rows.size();
        return band.pad_top < 0 || band.pad_bottom < 0 ? std::nullopt : std::optional(band);
    }

    std::vector<Band> bands_of(std::int64_t parts) const {
        std::vector<Band> bands;
        for (const Range& rows : split(p_.out_height, parts)) {
            const std::optional<Band> band = band_of(rows);
            if (!band) {
                return {*band_of({0, p_.out_height})};
            }
            bands.push_back(*band);
        }
        return bands;
    }

    void add_part(const Range& images, const Band& band) {
        const std::int64_t in = p_.groups * p_.ic;
        const std::int64_t out = channels();
        const std::int64_t height = band.to - band.from;
        const std::int64_t taps = p_.kernel_h * p_.kernel_w;
        Window window;
        window.extents = {images.size(), out, band.rows.size(), p_.out_width};
        window.strides = {p_.out_height * p_.out_width * out, 1, p_.out_width * out, out};
        window.begin = {images.begin, 0, band.rows.begin, 0};
        window.channels = out;
        const dnnl::memory::desc src({images.size(), in, height, p_.width}, type_of(p_.source),
                                     dims{height * p_.width * in, 1, p_.width * in, in});
        const dnnl::memory::desc dst = desc_of(window, p_.epilogue.result);
        const bool grouped = p_.groups != 1;
        const dims shape = grouped ? dims{p_.groups, p_.oc, p_.ic, p_.kernel_h, p_.kernel_w}
                                   : dims{p_.oc, p_.ic, p_.kernel_h, p_.kernel_w};
        const dims strides = grouped ? dims{p_.ic * p_.oc * taps, taps, p_.oc * taps, p_.kernel_w, 1}
                                     : dims{taps, p_.oc * taps, p_.kernel_w, 1};
        const dnnl::memory::desc any(shape, w_.packed_type(), format_tag::any);
        const dnnl::memory::desc plain(shape, w_.weights_type(), strides);
        const dnnl::memory::desc bias = w_.bias_desc(window, 1);
        const dnnl::primitive_attr attr = w_.attributes(window, grouped ? 3 : 1);
        const dnnl::deconvolution_forward::primitive_desc pd(engine(), dnnl::prop_kind::forward_inference,
                                                             dnnl::algorithm::deconvolution_direct, src, any, bias, dst,
                                                             {p_.stride_h, p_.stride_w},
                                                             {p_.dilation_h - 1, p_.dilation_w - 1},
                                                             {band.pad_top, p_.pad_left},
                                                             {band.pad_bottom, pad_right()}, attr);
        Part part;
        part.bind(DNNL_ARG_SRC, src, Source::src,
                  static_cast<std::size_t>((images.begin * p_.height + band.from) * p_.width * in) *
                      size_of(p_.source));
        part.constant(DNNL_ARG_WEIGHTS, pd.weights_desc(), w_.packed(plain, weights_, pd.weights_desc()));
        part.bind(DNNL_ARG_DST, dst, Source::dst, first_element(window) * size_of(p_.epilogue.result));
        w_.bind(part, window, bias);
        w_.add<dnnl::deconvolution_forward>(std::move(part), pd);
    }

    const Deconvolution& p_;
    Weighted w_;
    const void* weights_ = nullptr;
};

}  // namespace

Creation create(const Deconvolution& deconvolution) {
    return create_kernel(deconvolution.allow_reference,
                         [&](Kernel::Impl& impl) { return Builder(deconvolution, impl).build(); });
}

}  // namespace octet::cpu::onednn
