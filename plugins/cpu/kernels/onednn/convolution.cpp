#include "plugins/cpu/kernels/onednn/convolution.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "plugins/cpu/kernels/onednn/saturation.hpp"
#include "plugins/cpu/kernels/onednn/weighted.hpp"

namespace octet::cpu::onednn {
namespace {

using dims = dnnl::memory::dims;
using format_tag = dnnl::memory::format_tag;

class Builder {
public:
    Builder(const Convolution& problem, Kernel::Impl& impl)
        : p_(problem), w_(impl, problem.source, problem.prepare_later, problem.weights_owner) {}

    Acceptance build() {
        if (Acceptance answer = check(); !answer) {
            return answer;
        }
        if (Acceptance answer = map_epilogue(p_.epilogue, channels(), p_.in_place, w_.mapped); !answer) {
            return answer;
        }
        prepare();
        const std::int64_t parts = parts_worth(p_.batch * p_.out_height() * p_.out_width() * channels() * length(),
                                               p_.threads);
        for (const Range& images : split(p_.batch, parts)) {
            const std::int64_t each = p_.batch >= parts ? 1 : (parts + p_.batch - 1) / p_.batch;
            add_image_parts(images, each);
        }
        return accepted();
    }

private:
    std::int64_t channels() const { return p_.groups * p_.oc; }
    std::int64_t length() const { return p_.ic * p_.kernel_h * p_.kernel_w; }
    std::int64_t reach() const { return (p_.kernel_h - 1) * p_.dilation_h + 1; }
    bool padded() const { return p_.pad_top > 0 || p_.pad_bottom > 0 || p_.pad_left > 0 || p_.pad_right > 0; }

    Acceptance check() const {
        if (p_.out_height() < 1 || p_.out_width() < 1 || p_.batch < 1 || p_.pad_top < 0 || p_.pad_bottom < 0 ||
            p_.pad_left < 0 || p_.pad_right < 0) {
            return declined("onednn convolution: empty result or negative padding");
        }
        if (Acceptance answer = w_.check_types("convolution", p_.source, p_.epilogue, p_.source_zero); !answer) {
            return answer;
        }
        if (!w_.quantized()) {
            return accepted();
        }
        if (p_.groups > 1 && channels() < 8) {
            // Measured with two channels: the kernels for AVX2 and SSE4.1 read 0 for the second one's operands of post-ops.
            return declined("onednn convolution: groups of fewer than 8 channels in all");
        }
        if (p_.allow_saturation) {
            return accepted();
        }
        return check_saturation(static_cast<const std::int8_t*>(p_.weights), channels(), length(), length(), 1);
    }

    void prepare() {
        if (p_.source_zero != 0 && (padded() || p_.epilogue.result == DataType::s32)) {
            w_.use_zero_point(p_.source_zero);
        } else if (p_.source_zero != 0) {
            std::vector<std::int64_t> sums;
            const auto* values = static_cast<const std::int8_t*>(p_.weights);
            for (std::int64_t c = 0; c < channels(); ++c) {
                sums.push_back(std::accumulate(values + c * length(), values + (c + 1) * length(), std::int64_t{0}));
            }
            w_.fold_zero_point(p_.source_zero, sums);
        }
        weights_ = w_.scaled_weights(p_.weights, channels() * length(), length(), channels());
    }

    // Whether these rows of the result see more than padding.
    bool touches_source(const Range& rows) const {
        return rows.begin * p_.stride_h - p_.pad_top < p_.height &&
               (rows.end - 1) * p_.stride_h - p_.pad_top + reach() > 0;
    }

    void add_image_parts(const Range& images, std::int64_t parts) {
        if (parts > 1 && p_.kernel_h == 1 && p_.kernel_w == 1 && p_.stride_h == 1 && p_.stride_w == 1 && !padded()) {
            // The pixels of one image are one row of pixels, which any number of threads can share evenly.
            for (const Range& pixels : split(p_.out_height() * p_.out_width(), parts)) {
                add_part(images, {0, 1}, {pixels.begin, 0, 1, pixels.size(), 0, pixels.begin}, pixels.size());
            }
            return;
        }
        std::vector<Range> bands = split(p_.out_height(), parts);
        if (!std::all_of(bands.begin(), bands.end(), [this](const Range& rows) { return touches_source(rows); })) {
            bands = split(p_.out_height(), 1);
        }
        for (const Range& rows : bands) {
            const std::int64_t first = rows.begin * p_.stride_h - p_.pad_top;
            const std::int64_t last = (rows.end - 1) * p_.stride_h - p_.pad_top + reach();
            const std::int64_t from = std::clamp<std::int64_t>(first, 0, p_.height - 1);
            // Rows at the bottom that no window reads are left out, unless another image follows them.
            const std::int64_t to = images.size() > 1 ? p_.height : std::clamp<std::int64_t>(last, from + 1, p_.height);
            add_part(images, rows,
                     {from * p_.width, from - first, to - from, p_.width, std::max<std::int64_t>(last - to, 0)},
                     p_.out_width());
        }
    }

    // The source of a part: an image of its own, whose padding is what it needs beyond the whole image's rows.
    struct Band {
        std::int64_t first_pixel;
        std::int64_t pad_top;
        std::int64_t height;
        std::int64_t width;
        std::int64_t pad_bottom;
        std::int64_t result_column = 0;
    };

    void add_part(const Range& images, const Range& rows, const Band& band, std::int64_t out_width) {
        const std::int64_t in = p_.groups * p_.ic;
        const std::int64_t out = channels();
        const std::int64_t whole = p_.out_height() * p_.out_width();
        Window window;
        window.extents = {images.size(), out, rows.size(), out_width};
        window.strides = {whole * out, 1, out_width * out, out};
        window.begin = {images.begin, 0, rows.begin, band.result_column};
        window.channels = out;
        const dnnl::memory::desc src({images.size(), in, band.height, band.width}, type_of(p_.source),
                                     dims{band.height * band.width * in, 1, band.width * in, in});
        const dnnl::memory::desc dst = desc_of(window, p_.epilogue.result);
        const bool grouped = p_.groups != 1;
        const dims shape = grouped ? dims{p_.groups, p_.oc, p_.ic, p_.kernel_h, p_.kernel_w}
                                   : dims{p_.oc, p_.ic, p_.kernel_h, p_.kernel_w};
        const dnnl::memory::desc any(shape, w_.packed_type(), format_tag::any);
        const dnnl::memory::desc plain(shape, w_.weights_type(), grouped ? format_tag::goihw : format_tag::oihw);
        const dnnl::memory::desc bias = w_.bias_desc(window, 1);
        const dnnl::primitive_attr attr = w_.attributes(window, grouped ? 3 : 1);
        const dnnl::convolution_forward::primitive_desc pd(engine(), dnnl::prop_kind::forward_inference,
                                                           dnnl::algorithm::convolution_direct, src, any, bias, dst,
                                                           {p_.stride_h, p_.stride_w},
                                                           {p_.dilation_h - 1, p_.dilation_w - 1},
                                                           {band.pad_top, p_.pad_left}, {band.pad_bottom, p_.pad_right},
                                                           attr);
        Part part;
        part.bind(DNNL_ARG_SRC, src, Source::src,
                  static_cast<std::size_t>((images.begin * p_.height * p_.width + band.first_pixel) * in) *
                      size_of(p_.source));
        part.constant(DNNL_ARG_WEIGHTS, pd.weights_desc(), w_.packed(plain, weights_, pd.weights_desc()));
        part.bind(DNNL_ARG_DST, dst, Source::dst, first_element(window) * size_of(p_.epilogue.result));
        w_.bind(part, window, bias);
        w_.add<dnnl::convolution_forward>(std::move(part), pd);
    }

    const Convolution& p_;
    Weighted w_;
    const void* weights_ = nullptr;
};

}  // namespace

Creation create(const Convolution& convolution) {
    return create_kernel(convolution.allow_reference,
                         [&](Kernel::Impl& impl) { return Builder(convolution, impl).build(); });
}

}  // namespace octet::cpu::onednn
