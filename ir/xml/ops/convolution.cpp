#include "ir/ops/convolution.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// Files that pad automatically may leave out the pads.
template <class T>
bool pads(LayerIn&, T& op) {
    if (op.pads_begin.empty()) op.pads_begin.assign(op.strides.size(), 0);
    if (op.pads_end.empty()) op.pads_end.assign(op.strides.size(), 0);
    return true;
}

template <class T>
constexpr Row convolution_row(std::string_view type) {
    return row<T, pads<T>>(type, 1, {needed("strides"), needed("dilations"), nowhere("zp_a"), nowhere("zp_w")});
}

bool max_pool(LayerIn& layer, MaxPool& op) {
    if (op.dilations.empty()) op.dilations.assign(op.kernel.size(), 1);
    return pads(layer, op);
}

// Dilated windows came with a later form.
bool avg_pool(LayerIn& layer, AvgPool& op) {
    for (auto part : split_list(layer.text("dilations")))
        if (parse_integer(part) != 1) return false;
    return pads(layer, op);
}

constexpr Names kMaxPool = {needed("strides"),
                            needed("kernel"),
                            {"rounding", "rounding_type"},
                            {"index_element", "index_element_type"}};
constexpr Names kAvgPool = {needed("strides"),
                            needed("kernel"),
                            {"rounding", "rounding_type"},
                            {"exclude_pad", "exclude-pad"}};

constexpr Row kRows[] = {
    convolution_row<Convolution>("Convolution"),
    convolution_row<GroupConvolution>("GroupConvolution"),
    convolution_row<ConvolutionBackpropData>("ConvolutionBackpropData"),
    convolution_row<GroupConvolutionBackpropData>("GroupConvolutionBackpropData"),
    older<MaxPool, max_pool>("MaxPool", 1, kMaxPool),
    row<MaxPool, max_pool>("MaxPool", 14, kMaxPool),
    older<AvgPool, avg_pool>("AvgPool", 1, kAvgPool),
    row<AvgPool, avg_pool>("AvgPool", 14, kAvgPool),
    row<MatMul>("MatMul", 1, {nowhere("zp_a"), nowhere("zp_w")}),
};

}  // namespace

std::span<const Row> convolution() { return kRows; }

}  // namespace octet::ir::xml::rows
