#pragma once
// Convolutions and pools. Data is [N, C, spatial...] with one to three spatial axes. Integer operands (i8, u8) give i32:
// sum((a - zp_a) * (w - zp_w)), exact. zp_a has no entry (0), one, or one per input channel;
// zp_w none, one, or one per output channel.
#include "ir/op.hpp"

namespace octet::ir {

enum class PadType : std::uint8_t { explicit_, same_upper, same_lower, valid };
inline constexpr std::array<std::string_view, 4> kPadTypeNames{"explicit", "same_upper", "same_lower", "valid"};
constexpr std::span<const std::string_view> enum_names(PadType) { return kPadTypeNames; }

// ceil_torch: as ceil, but a last window that starts beyond the data and its left padding is left out.
enum class RoundingType : std::uint8_t { floor, ceil, ceil_torch };
inline constexpr std::array<std::string_view, 3> kRoundingTypeNames{"floor", "ceil", "ceil_torch"};
constexpr std::span<const std::string_view> enum_names(RoundingType) { return kRoundingTypeNames; }

// Where the windows of a convolution or pool lie along the spatial axes: defaults filled in, the pads of same_* and valid resolved.
// Window i starts at element i * stride - pad_begin of the data; of a backward convolution, data element i starts there in the result.
struct Window {
    Dims data;  // spatial extents of the data
    Dims kernel;
    Dims strides;
    Dims dilations;
    Dims pads_begin;
    Dims pads_end;
    Dims output;  // spatial extents of the result
};

// Weights [O, I, kernel...].
struct Convolution {
    static constexpr std::string_view name = "convolution";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> dilations = {};
    PadType auto_pad = PadType::explicit_;  // pads are ignored unless explicit_
    std::vector<std::int64_t> zp_a =
        {};  // of integer operands: zero point of the data, one or (depthwise) one per channel; padding counts as zp_a; empty for 0
    std::vector<std::int64_t> zp_w =
        {};  // of integer operands: zero points of the weights, one or one per output channel, empty for 0
    static constexpr auto fields() {
        return std::array{field<&Convolution::strides>("strides"),   field<&Convolution::pads_begin>("pads_begin"),
                          field<&Convolution::pads_end>("pads_end"), field<&Convolution::dilations>("dilations"),
                          field<&Convolution::auto_pad>("auto_pad"), field<&Convolution::zp_a>("zp_a"),
                          field<&Convolution::zp_w>("zp_w")};
    }
};
Types infer(const Convolution& op, Inputs inputs);
Window window_of(const Convolution& op, const Dims& data, const Dims& weights);

// Weights [G, O/G, I/G, kernel...].
struct GroupConvolution {
    static constexpr std::string_view name = "group_convolution";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> dilations = {};
    PadType auto_pad = PadType::explicit_;  // pads are ignored unless explicit_
    std::vector<std::int64_t> zp_a =
        {};  // of integer operands: zero point of the data, one or (depthwise) one per channel; padding counts as zp_a; empty for 0
    std::vector<std::int64_t> zp_w =
        {};  // of integer operands: zero points of the weights, one or one per output channel, empty for 0
    static constexpr auto fields() {
        return std::array{field<&GroupConvolution::strides>("strides"),
                          field<&GroupConvolution::pads_begin>("pads_begin"),
                          field<&GroupConvolution::pads_end>("pads_end"),
                          field<&GroupConvolution::dilations>("dilations"),
                          field<&GroupConvolution::auto_pad>("auto_pad"),
                          field<&GroupConvolution::zp_a>("zp_a"),
                          field<&GroupConvolution::zp_w>("zp_w")};
    }
};
Types infer(const GroupConvolution& op, Inputs inputs);
Window window_of(const GroupConvolution& op, const Dims& data, const Dims& weights);

// Weights [I, O, kernel...]; the optional third operand is the spatial shape of the result. With it, pads_begin counts and pads_end
// is what is left over; of same_upper and same_lower both share evenly, and an odd one goes to the end or the beginning.
struct ConvolutionBackpropData {
    static constexpr std::string_view name = "convolution_backprop_data";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> dilations = {};
    PadType auto_pad = PadType::explicit_;  // pads are ignored unless explicit_
    std::vector<std::int64_t> output_padding = {};
    std::vector<std::int64_t> zp_a =
        {};  // of integer operands: zero point of the data, one or (depthwise) one per channel; padding counts as zp_a; empty for 0
    std::vector<std::int64_t> zp_w =
        {};  // of integer operands: zero points of the weights, one or one per output channel, empty for 0
    static constexpr auto fields() {
        return std::array{field<&ConvolutionBackpropData::strides>("strides"),
                          field<&ConvolutionBackpropData::pads_begin>("pads_begin"),
                          field<&ConvolutionBackpropData::pads_end>("pads_end"),
                          field<&ConvolutionBackpropData::dilations>("dilations"),
                          field<&ConvolutionBackpropData::auto_pad>("auto_pad"),
                          field<&ConvolutionBackpropData::output_padding>("output_padding"),
                          field<&ConvolutionBackpropData::zp_a>("zp_a"),
                          field<&ConvolutionBackpropData::zp_w>("zp_w")};
    }
};
Types infer(const ConvolutionBackpropData& op, Inputs inputs);
Window window_of(const ConvolutionBackpropData& op, const Dims& data, const Dims& weights, const Dims& output = {});

// Weights [G, I/G, O/G, kernel...]; the optional third operand is the spatial shape of the result.
struct GroupConvolutionBackpropData {
    static constexpr std::string_view name = "group_convolution_backprop_data";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> dilations = {};
    PadType auto_pad = PadType::explicit_;  // pads are ignored unless explicit_
    std::vector<std::int64_t> output_padding = {};
    std::vector<std::int64_t> zp_a =
        {};  // of integer operands: zero point of the data, one or (depthwise) one per channel; padding counts as zp_a; empty for 0
    std::vector<std::int64_t> zp_w =
        {};  // of integer operands: zero points of the weights, one or one per output channel, empty for 0
    static constexpr auto fields() {
        return std::array{field<&GroupConvolutionBackpropData::strides>("strides"),
                          field<&GroupConvolutionBackpropData::pads_begin>("pads_begin"),
                          field<&GroupConvolutionBackpropData::pads_end>("pads_end"),
                          field<&GroupConvolutionBackpropData::dilations>("dilations"),
                          field<&GroupConvolutionBackpropData::auto_pad>("auto_pad"),
                          field<&GroupConvolutionBackpropData::output_padding>("output_padding"),
                          field<&GroupConvolutionBackpropData::zp_a>("zp_a"),
                          field<&GroupConvolutionBackpropData::zp_w>("zp_w")};
    }
};
Types infer(const GroupConvolutionBackpropData& op, Inputs inputs);
Window window_of(const GroupConvolutionBackpropData& op, const Dims& data, const Dims& weights,
                 const Dims& output = {});

// Results: the maxima, and their flat indices counted from `axis` on.
struct MaxPool {
    static constexpr std::string_view name = "max_pool";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> dilations = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> kernel = {};
    RoundingType rounding = RoundingType::floor;
    PadType auto_pad = PadType::explicit_;
    Element index_element = Element::i64;
    std::int64_t axis = 0;
    static constexpr auto fields() {
        return std::array{field<&MaxPool::strides>("strides"),
                          field<&MaxPool::dilations>("dilations"),
                          field<&MaxPool::pads_begin>("pads_begin"),
                          field<&MaxPool::pads_end>("pads_end"),
                          field<&MaxPool::kernel>("kernel"),
                          field<&MaxPool::rounding>("rounding"),
                          field<&MaxPool::auto_pad>("auto_pad"),
                          field<&MaxPool::index_element>("index_element"),
                          field<&MaxPool::axis>("axis")};
    }
};
Types infer(const MaxPool& op, Inputs inputs);
Window window_of(const MaxPool& op, const Dims& data);

// The mean over the window; without exclude_pad, padding counts in the divisor, but not what lies beyond it.
struct AvgPool {
    static constexpr std::string_view name = "avg_pool";
    std::vector<std::int64_t> strides = {};
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    std::vector<std::int64_t> kernel = {};
    RoundingType rounding = RoundingType::floor;
    PadType auto_pad = PadType::explicit_;
    bool exclude_pad = true;  // padding does not count in the divisor
    static constexpr auto fields() {
        return std::array{field<&AvgPool::strides>("strides"),        field<&AvgPool::pads_begin>("pads_begin"),
                          field<&AvgPool::pads_end>("pads_end"),      field<&AvgPool::kernel>("kernel"),
                          field<&AvgPool::rounding>("rounding"),      field<&AvgPool::auto_pad>("auto_pad"),
                          field<&AvgPool::exclude_pad>("exclude_pad")};
    }
};
Types infer(const AvgPool& op, Inputs inputs);
Window window_of(const AvgPool& op, const Dims& data);

// Batched product with numpy broadcasting of the outer axes; a vector operand is a row (left) or a column (right).
struct MatMul {
    static constexpr std::string_view name = "matmul";
    bool transpose_a = false;
    bool transpose_b = false;
    std::vector<std::int64_t> zp_a =
        {};  // of integer operands: zero point of the data, one or (depthwise) one per channel; padding counts as zp_a; empty for 0
    std::vector<std::int64_t> zp_w =
        {};  // of integer operands: zero points of the weights, one or one per output channel, empty for 0
    static constexpr auto fields() {
        return std::array{field<&MatMul::transpose_a>("transpose_a"), field<&MatMul::transpose_b>("transpose_b"),
                          field<&MatMul::zp_a>("zp_a"), field<&MatMul::zp_w>("zp_w")};
    }
};
Types infer(const MatMul& op, Inputs inputs);

}  // namespace octet::ir
