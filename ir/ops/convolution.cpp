#include "ir/ops/convolution.hpp"

#include <algorithm>

#include "ir/ops/checks.hpp"

namespace octet::ir {
namespace {

// Attributes above this are nonsense, and below it sums and products of two fit into 64 bits.
constexpr std::int64_t kLimit = std::int64_t{1} << 31;

using Numbers = std::vector<std::int64_t>;

// The attributes along one spatial axis.
struct Axis {
    std::int64_t stride;
    std::int64_t dilation;
    std::int64_t pad_begin;
    std::int64_t pad_end;
    PadType auto_pad;
    RoundingType rounding = RoundingType::floor;
};

std::int64_t at(const Numbers& values, std::size_t axis, std::int64_t missing) {
    return values.empty() ? missing : values[axis];
}

void want_values(const Numbers& values, std::string_view what, std::size_t axes, std::int64_t least) {
    require(values.empty() || values.size() == axes, "{} has {} values, there are {} spatial axes", what, values.size(),
            axes);
    for (std::int64_t v : values)
        require(v >= least && v <= kLimit, "{} holds {}, wanted {} to {}", what, v, least, kLimit);
}

template <class T>
void want_attributes(const T& op, std::size_t axes) {
    want_values(op.strides, "strides", axes, 1);
    want_values(op.pads_begin, "pads_begin", axes, -kLimit);
    want_values(op.pads_end, "pads_end", axes, -kLimit);
    if constexpr (requires { op.dilations; }) want_values(op.dilations, "dilations", axes, 1);
    if constexpr (requires { op.output_padding; }) want_values(op.output_padding, "output_padding", axes, 0);
}

template <class T>
Axis axis_of(const T& op, std::size_t i) {
    Axis axis{at(op.strides, i, 1), 1, 0, 0, op.auto_pad};
    if constexpr (requires { op.dilations; }) axis.dilation = at(op.dilations, i, 1);
    if constexpr (requires { op.rounding; }) axis.rounding = op.rounding;
    if (op.auto_pad == PadType::explicit_) {
        axis.pad_begin = at(op.pads_begin, i, 0);
        axis.pad_end = at(op.pads_end, i, 0);
    }
    return axis;
}

bool is_same(PadType type) { return type == PadType::same_upper || type == PadType::same_lower; }

std::int64_t extent(std::int64_t kernel, const Axis& axis) {
    return (std::clamp<std::int64_t>(kernel, 1, kLimit) - 1) * axis.dilation + 1;
}

std::int64_t ceil_division(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0); }

// Number of windows along an axis; below 1 when not even one fits.
std::int64_t windows(std::int64_t size, std::int64_t kernel, const Axis& axis) {
    if (size >= Dim::kUnbounded / 4) return Dim::kUnbounded;
    if (is_same(axis.auto_pad)) return ceil_division(size, axis.stride);
    const std::int64_t room = size + axis.pad_begin + axis.pad_end - extent(kernel, axis);
    if (room < 0) return 0;
    if (axis.rounding == RoundingType::floor) return room / axis.stride + 1;
    const std::int64_t count = ceil_division(room, axis.stride) + 1;
    const bool beyond = (count - 1) * axis.stride >= size + axis.pad_begin;
    return axis.rounding == RoundingType::ceil_torch && beyond ? count - 1 : count;
}

Dim windows(Dim size, Dim kernel, const Axis& axis) {
    const Dim count(windows(size.low, kernel.high, axis), windows(size.high, kernel.low, axis));
    require(count.high > 0 || size.high == 0,
            "a window of {} does not fit into {} elements of data with pads of {} and {}", extent(kernel.low, axis),
            to_string(size), axis.pad_begin, axis.pad_end);
    return {std::max<std::int64_t>(count.low, 0), count.high};
}

// Extent of a backward convolution's result.
Dim spread(Dim size, Dim kernel, const Axis& axis, std::int64_t output_padding) {
    const auto reach = [&](std::int64_t s, std::int64_t k) {
        if (s >= kLimit || k >= kLimit) return Dim::kUnbounded;
        return std::max<std::int64_t>((s - 1) * axis.stride + extent(k, axis) - axis.pad_begin - axis.pad_end +
                                          output_padding,
                                      0);
    };
    return {reach(size.low, kernel.low), reach(size.high, kernel.high)};
}

void split_pads(std::int64_t total, PadType type, std::int64_t& begin, std::int64_t& end) {
    const std::int64_t less = std::max<std::int64_t>(total, 0) / 2;
    const std::int64_t more = std::max<std::int64_t>(total, 0) - less;
    begin = type == PadType::same_upper ? less : more;
    end = type == PadType::same_upper ? more : less;
}

Dims spatial(const Dims& dims, std::size_t first) {
    return {dims.begin() + static_cast<std::ptrdiff_t>(std::min(first, dims.size())), dims.end()};
}

template <class T>
Window resolve(const T& op, Dims data, Dims kernel) {
    const std::size_t axes = data.size();
    require(kernel.size() == axes, "the kernel has {} spatial axes, data has {}", kernel.size(), axes);
    want_attributes(op, axes);
    Window w{std::move(data), std::move(kernel), Dims(axes), Dims(axes), Dims(axes), Dims(axes), Dims(axes)};
    for (std::size_t i = 0; i < axes; ++i) {
        const Axis axis = axis_of(op, i);
        w.strides[i] = axis.stride;
        w.dilations[i] = axis.dilation;
        w.pads_begin[i] = axis.pad_begin;
        w.pads_end[i] = axis.pad_end;
        w.output[i] = windows(Dim(w.data[i]), Dim(w.kernel[i]), axis).low;
        if (is_same(op.auto_pad))
            split_pads((w.output[i] - 1) * axis.stride + extent(w.kernel[i], axis) - w.data[i], op.auto_pad,
                       w.pads_begin[i], w.pads_end[i]);
    }
    return w;
}

template <class T>
Window resolve_backward(const T& op, Dims data, Dims kernel, const Dims& output) {
    const std::size_t axes = data.size();
    require(kernel.size() == axes, "the kernel has {} spatial axes, data has {}", kernel.size(), axes);
    want_attributes(op, axes);
    Window w{std::move(data), std::move(kernel), Dims(axes), Dims(axes), Dims(axes), Dims(axes), output};
    w.output.resize(axes);
    for (std::size_t i = 0; i < axes; ++i) {
        const Axis axis = axis_of(op, i);
        w.strides[i] = axis.stride;
        w.dilations[i] = axis.dilation;
        w.pads_begin[i] = axis.pad_begin;
        w.pads_end[i] = axis.pad_end;
        const std::int64_t output_padding = at(op.output_padding, i, 0);
        if (output.empty()) {
            w.output[i] = spread(Dim(w.data[i]), Dim(w.kernel[i]), axis, output_padding).low;
            continue;
        }
        const std::int64_t total = (w.data[i] - 1) * axis.stride + extent(w.kernel[i], axis) - w.output[i];
        if (is_same(op.auto_pad)) split_pads(total, op.auto_pad, w.pads_begin[i], w.pads_end[i]);
        else w.pads_end[i] = total - w.pads_begin[i];
    }
    return w;
}

// What differs between the four kinds of convolution.
struct Kind {
    bool grouped;
    bool backward;
    std::size_t kernel() const { return grouped ? 3 : 2; }  // first spatial axis of the weights
};

Element product_element(Inputs inputs) {
    const Element a = inputs[0].element();
    const Element b = inputs[1].element();
    const auto is_small = [](Element e) { return e == Element::i8 || e == Element::u8; };
    require((is_float(a) && a == b) || (is_small(a) && is_small(b)),
            "data is {}, weights are {}, wanted one float type or i8 and u8", name_of(a), name_of(b));
    return is_float(a) ? a : Element::i32;
}

template <class T>
void want_zero_points(const T& op, Inputs inputs, Dim input_channels, Dim output_channels) {
    if (op.zp_a.empty() && op.zp_w.empty()) return;
    require(is_integer(inputs[0].element()), "zero points are given, operands are {}", name_of(inputs[0].element()));
    require(op.zp_a.size() <= 1 || compatible(Dim(static_cast<std::int64_t>(op.zp_a.size())), input_channels),
            "zp_a has {} values, there are {} input channels", op.zp_a.size(), to_string(input_channels));
    require(op.zp_w.size() <= 1 || compatible(Dim(static_cast<std::int64_t>(op.zp_w.size())), output_channels),
            "zp_w has {} values, there are {} output channels", op.zp_w.size(), to_string(output_channels));
}

// Rank of the data, from whichever operand has one; 0 when neither has.
std::size_t data_rank(const Shape& data, const Shape& weights, Kind kind) {
    if (data.ranked()) {
        require(data.rank() >= 3 && data.rank() <= 5, "data has rank {}, wanted 3 to 5", data.rank());
        const std::size_t wanted = data.rank() - 2 + kind.kernel();
        require(!weights.ranked() || weights.rank() == wanted, "weights have rank {}, wanted {} for data of rank {}",
                weights.rank(), wanted, data.rank());
        return data.rank();
    }
    if (!weights.ranked()) return 0;
    require(weights.rank() > kind.kernel() && weights.rank() <= kind.kernel() + 3,
            "weights have rank {}, wanted {} to {}", weights.rank(), kind.kernel() + 1, kind.kernel() + 3);
    return weights.rank() + 2 - kind.kernel();
}

struct Channels {
    Dim input;
    Dim output;
};
Channels channels_of(const Shape& weights, Kind kind) {
    if (!weights.ranked()) return {};
    const Dim groups = kind.grouped ? weights[0] : Dim(1);
    const Dim first = groups * weights[kind.kernel() - 2];
    const Dim second = groups * weights[kind.kernel() - 1];
    return kind.backward ? Channels{first, second} : Channels{second, first};
}

// Spatial extents of a backward convolution: the third operand's numbers, or what the data spreads to.
template <class T>
void infer_backward(const T& op, Inputs inputs, Shape& result, const Shape& data, const Shape& kernel) {
    const std::size_t axes = kernel.rank();
    const Partial* wanted = inputs.size() == 3 ? inputs[2].partial : nullptr;
    if (inputs.size() == 3) require_integers(inputs[2], "the output shape");
    if (wanted && *wanted)
        require((*wanted)->size() == axes, "the output shape has {} values, there are {} spatial axes",
                (*wanted)->size(), axes);
    for (std::size_t i = 0; i < axes; ++i) {
        if (inputs.size() == 2)
            result[2 + i] = spread(data[2 + i], kernel[i], axis_of(op, i), at(op.output_padding, i, 0));
        else if (*wanted) {
            require((**wanted)[i].low >= 0, "the output shape holds {}, wanted 0 or more", (**wanted)[i].low);
            result[2 + i] = (**wanted)[i];
        }
    }
}

template <class T>
Types infer_convolution(const T& op, Inputs inputs, Kind kind) {
    require_inputs(inputs, 2, kind.backward ? 3 : 2);
    const Element element = product_element(inputs);
    const Shape& weights = inputs[1].shape();
    const std::size_t rank = data_rank(inputs[0].shape(), weights, kind);
    if (rank == 0) return {{element, Shape::unranked()}};
    const std::size_t axes = rank - 2;
    want_attributes(op, axes);
    const Shape data = inputs[0].shape().ranked() ? inputs[0].shape() : Shape::of_rank(rank);
    Shape kernel = Shape::of_rank(axes);
    for (std::size_t i = 0; weights.ranked() && i < axes; ++i) {
        kernel[i] = weights[kind.kernel() + i];
        require(kernel[i].high > 0, "the weights {} have an empty kernel", to_string(weights));
    }
    const Channels channels = channels_of(weights, kind);
    require(compatible(channels.input, data[1]), "weights have {} input channels, data has {}",
            to_string(channels.input), to_string(data[1]));
    want_zero_points(op, inputs, channels.input, channels.output);
    Shape result = Shape::of_rank(rank);
    result[0] = data[0];
    result[1] = channels.output;
    if constexpr (requires { op.output_padding; }) infer_backward(op, inputs, result, data, kernel);
    else
        for (std::size_t i = 0; i < axes; ++i) result[2 + i] = windows(data[2 + i], kernel[i], axis_of(op, i));
    return {{element, result}};
}

template <class T>
Shape infer_pool(const T& op, Inputs inputs) {
    require_inputs(inputs, 1, 1);
    want_number(inputs[0], "the operand");
    const Shape& data = inputs[0].shape();
    const std::size_t axes = op.kernel.size();
    require(axes >= 1 && axes <= 3, "the kernel has {} spatial axes, wanted 1 to 3", axes);
    want_values(op.kernel, "kernel", axes, 1);
    want_attributes(op, axes);
    if (!data.ranked()) return Shape::of_rank(axes + 2);
    require(data.rank() == axes + 2, "data has rank {}, wanted {} for a kernel of {} axes", data.rank(), axes + 2,
            axes);
    Shape result = data;
    for (std::size_t i = 0; i < axes; ++i) result[2 + i] = windows(data[2 + i], Dim(op.kernel[i]), axis_of(op, i));
    return result;
}

// The two inner extents as they enter the product.
struct Matrix {
    Dim rows;
    Dim columns;
};
Matrix matrix_of(const Shape& shape, bool transpose, bool left) {
    if (shape.rank() == 1) return left ? Matrix{1, shape[0]} : Matrix{shape[0], 1};
    const Matrix m{shape[shape.rank() - 2], shape[shape.rank() - 1]};
    return transpose ? Matrix{m.columns, m.rows} : m;
}

std::vector<Dim> outer(const Shape& shape) {
    if (shape.rank() < 2) return {};
    return {shape.dims().begin(), shape.dims().end() - 2};
}

}  // namespace

Types infer(const Convolution& op, Inputs inputs) { return infer_convolution(op, inputs, {false, false}); }
Types infer(const GroupConvolution& op, Inputs inputs) { return infer_convolution(op, inputs, {true, false}); }
Types infer(const ConvolutionBackpropData& op, Inputs inputs) { return infer_convolution(op, inputs, {false, true}); }
Types infer(const GroupConvolutionBackpropData& op, Inputs inputs) {
    return infer_convolution(op, inputs, {true, true});
}

Window window_of(const Convolution& op, const Dims& data, const Dims& weights) {
    return resolve(op, spatial(data, 2), spatial(weights, 2));
}
Window window_of(const GroupConvolution& op, const Dims& data, const Dims& weights) {
    return resolve(op, spatial(data, 2), spatial(weights, 3));
}
Window window_of(const ConvolutionBackpropData& op, const Dims& data, const Dims& weights, const Dims& output) {
    return resolve_backward(op, spatial(data, 2), spatial(weights, 2), output);
}
Window window_of(const GroupConvolutionBackpropData& op, const Dims& data, const Dims& weights, const Dims& output) {
    return resolve_backward(op, spatial(data, 2), spatial(weights, 3), output);
}
Window window_of(const MaxPool& op, const Dims& data) { return resolve(op, spatial(data, 2), op.kernel); }
Window window_of(const AvgPool& op, const Dims& data) { return resolve(op, spatial(data, 2), op.kernel); }

Types infer(const MaxPool& op, Inputs inputs) {
    require(op.index_element == Element::i32 || op.index_element == Element::i64,
            "the index type is {}, wanted i32 or i64", name_of(op.index_element));
    const Shape shape = infer_pool(op, inputs);
    normalise_axis(op.axis, shape.rank());
    return {{inputs[0].element(), shape}, {op.index_element, shape}};
}

Types infer(const AvgPool& op, Inputs inputs) {
    const Shape shape = infer_pool(op, inputs);
    return {{inputs[0].element(), shape}};
}

Types infer(const MatMul& op, Inputs inputs) {
    require_inputs(inputs, 2, 2);
    const Element element = product_element(inputs);
    const Shape& a = inputs[0].shape();
    const Shape& b = inputs[1].shape();
    require(!(a.ranked() && a.rank() == 0) && !(b.ranked() && b.rank() == 0),
            "an operand is a scalar, wanted a rank of 1 or more");
    if (!a.ranked() || !b.ranked()) return {{element, Shape::unranked()}};
    const Matrix left = matrix_of(a, op.transpose_a, true);
    const Matrix right = matrix_of(b, op.transpose_b, false);
    require(compatible(left.columns, right.rows), "the first operand has {} columns, the second has {} rows",
            to_string(left.columns), to_string(right.rows));
    want_zero_points(op, inputs, right.rows, right.columns);
    std::vector<Dim> dims = broadcast(Shape(outer(a)), Shape(outer(b))).dims();
    if (a.rank() > 1) dims.push_back(left.rows);
    if (b.rank() > 1) dims.push_back(right.columns);
    return {{element, Shape(std::move(dims))}};
}

}  // namespace octet::ir
