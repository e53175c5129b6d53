#include "plugins/cpu/kernels/onednn/post_ops.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace octet::cpu::onednn {
namespace {

using dnnl::algorithm;

class Mapper {
public:
    Mapper(const Epilogue& epilogue, std::int64_t channels, int in_place, MappedEpilogue& mapped)
        : epilogue_(epilogue), channels_(static_cast<std::size_t>(channels)), in_place_(in_place), mapped_(mapped) {}

    Acceptance map() {
        mapped_.result = epilogue_.result;
        for (const EpilogueOp& op : epilogue_.ops) {
            if (Acceptance answer = map(op); !answer) {
                return answer;
            }
        }
        finish();
        return accepted();
    }

private:
    Acceptance map(const EpilogueOp& op) {
        switch (op.kind) {
            case EpilogueOp::Kind::scale_shift: return scale_shift(op.scale, op.shift);
            case EpilogueOp::Kind::prelu: return prelu(op.scale);
            case EpilogueOp::Kind::function: return function(op);
            case EpilogueOp::Kind::combine: return combine(op);
        }
        return declined("onednn: unknown step of the epilogue");
    }

    void linear(float scale, float shift) {
        if (scale != 1 || shift != 0) {
            mapped_.post_ops.push_back({PostOp::Kind::eltwise, algorithm::eltwise_linear, scale, shift});
        }
    }

    void binary(algorithm what, const std::vector<float>& values) {
        PostOp op;
        op.kind = PostOp::Kind::binary_constant;
        op.algorithm = what;
        op.values = values;
        mapped_.post_ops.push_back(op);
    }

    static double at(const std::vector<double>& values, std::size_t i, double otherwise) {
        return values.empty() ? otherwise : values[values.size() == 1 ? 0 : i];
    }
    static float at(const std::vector<float>& values, std::size_t i, float otherwise) {
        return values.empty() ? otherwise : values[values.size() == 1 ? 0 : i];
    }

    // acc * scale + shift, then * factor + offset, as one.
    void fold(const std::vector<float>& factor, const std::vector<float>& offset) {
        const std::size_t count = factor.size() > 1 || mapped_.scale.size() > 1 ? channels_ : 1;
        std::vector<double> scale(count);
        for (std::size_t i = 0; i < count; ++i) {
            scale[i] = at(mapped_.scale, i, 1) * static_cast<double>(at(factor, i, 1));
        }
        mapped_.scale = scale;
        const bool has_offset = std::any_of(offset.begin(), offset.end(), [](float value) { return value != 0; });
        if (has_offset || !mapped_.shift.empty()) {
            std::vector<double> shift(channels_);
            for (std::size_t i = 0; i < channels_; ++i) {
                shift[i] = at(mapped_.shift, i, 0) * static_cast<double>(at(factor, i, 1)) +
                           static_cast<double>(at(offset, i, 0));
            }
            mapped_.shift = shift;
        }
    }

    // Whether f(a * x) = a * f(x) for a > 0 holds for all steps so far.
    bool homogeneous() const {
        return std::all_of(mapped_.post_ops.begin(), mapped_.post_ops.end(), [](const PostOp& op) {
            return op.kind == PostOp::Kind::eltwise && op.algorithm == algorithm::eltwise_relu;
        });
    }

    Acceptance scale_shift(const std::vector<float>& scale, const std::vector<float>& shift) {
        if (mapped_.post_ops.empty()) {
            fold(scale, shift);
            return accepted();
        }
        std::vector<float> rest = scale;
        if (homogeneous() && std::all_of(scale.begin(), scale.end(), [](float value) { return value > 0; })) {
            fold(scale, {});
            rest.clear();
        }
        if (rest.size() <= 1 && shift.size() <= 1) {
            linear(at(rest, 0, 1), at(shift, 0, 0));
            return accepted();
        }
        if (rest.size() > 1) {
            binary(algorithm::binary_mul, rest);
        } else {
            linear(at(rest, 0, 1), 0);
        }
        if (shift.size() > 1) {
            binary(algorithm::binary_add, shift);
        } else {
            linear(1, at(shift, 0, 0));
        }
        return accepted();
    }

    Acceptance prelu(const std::vector<float>& slope) {
        if (slope.size() <= 1) {
            mapped_.post_ops.push_back({PostOp::Kind::eltwise, algorithm::eltwise_relu, at(slope, 0, 1)});
        } else {
            PostOp op;
            op.kind = PostOp::Kind::prelu;
            op.values = slope;
            mapped_.post_ops.push_back(op);
        }
        return accepted();
    }

    Acceptance function(const EpilogueOp& op) {
        const auto add = [this](algorithm what, float alpha, float beta) {
            mapped_.post_ops.push_back({PostOp::Kind::eltwise, what, alpha, beta});
            return accepted();
        };
        switch (op.function) {
            case Function::relu: return add(algorithm::eltwise_relu, 0, 0);
            case Function::leaky_relu: return add(algorithm::eltwise_relu, op.alpha, 0);
            case Function::clamp: return add(algorithm::eltwise_clip, op.alpha, op.beta);
            case Function::sigmoid: return add(algorithm::eltwise_logistic, 0, 0);
            case Function::tanh: return add(algorithm::eltwise_tanh, 0, 0);
            case Function::elu: return add(algorithm::eltwise_elu, op.alpha, 0);
            case Function::swish: return add(algorithm::eltwise_swish, op.alpha, 0);
            case Function::hswish: return add(algorithm::eltwise_hardswish, 1.0F / 6.0F, 0.5F);
            case Function::hsigmoid: return add(algorithm::eltwise_hardsigmoid, 1.0F / 6.0F, 0.5F);
            case Function::gelu_erf: return add(algorithm::eltwise_gelu_erf, 0, 0);
            case Function::gelu_tanh: return add(algorithm::eltwise_gelu_tanh, 0, 0);
            case Function::mish: return add(algorithm::eltwise_mish, 0, 0);
            case Function::softplus: return add(algorithm::eltwise_soft_relu, 1, 0);
            case Function::exp: return add(algorithm::eltwise_exp, 0, 0);
            case Function::abs: return add(algorithm::eltwise_abs, 0, 0);
            case Function::sqrt: return add(algorithm::eltwise_sqrt, 0, 0);
            case Function::negate: return add(algorithm::eltwise_linear, -1, 0);
            case Function::round_half_even: return add(algorithm::eltwise_round, 0, 0);
        }
        return declined("onednn: unknown function in the epilogue");
    }

    Acceptance combine(const EpilogueOp& op) {
        if (op.operand_type != DataType::u8 && op.operand_type != DataType::s8 && op.operand_type != DataType::s32 &&
            op.operand_type != DataType::f32 && op.operand_type != DataType::bf16) {
            return declined("onednn: an operand of the epilogue is neither 8-bit, s32, f32 nor bf16");
        }
        if (op.spread == Spread::per_row) {
            return declined(
                "onednn: an operand of the epilogue has one value for each row, which only reference code takes");
        }
        if (op.scale.size() > 1 || op.shift.size() > 1) {
            return declined("onednn: an operand of the epilogue has a scale per channel");
        }
        const float scale = at(op.scale, 0, 1);
        const float shift = at(op.shift, 0, 0);
        const bool here = in_place_ == static_cast<int>(op.operand);
        switch (op.combine) {
            case Combine::add: return here ? sum(op, scale, shift) : plus(op, scale, shift);
            case Combine::subtract: return here ? sum(op, -scale, -shift) : plus(op, -scale, -shift);
            case Combine::reverse_subtract:
                scale_shift({-1}, {});
                return here ? sum(op, scale, shift) : plus(op, scale, shift);
            default: break;
        }
        if (here || scale != 1 || shift != 0) {
            return declined("onednn: only an operand that is added may have a scale or be replaced in place");
        }
        switch (op.combine) {
            case Combine::multiply: return operand(op, algorithm::binary_mul);
            case Combine::divide: return operand(op, algorithm::binary_div);
            case Combine::maximum: return operand(op, algorithm::binary_max);
            case Combine::minimum: return operand(op, algorithm::binary_min);
            default: return declined("onednn: an operand of the epilogue is divided by the result");
        }
    }

    Acceptance operand(const EpilogueOp& op, algorithm what) {
        PostOp step;
        step.kind = PostOp::Kind::binary_operand;
        step.algorithm = what;
        step.operand = op.operand;
        step.type = op.operand_type;
        step.spread = op.spread;
        mapped_.post_ops.push_back(step);
        return accepted();
    }

    // A shift of the operand is one of the result; it is free while all steps so far are linear.
    void add_shift(float shift) {
        if (mapped_.post_ops.empty()) {
            fold({}, {shift});
        } else {
            linear(1, shift);
        }
    }

    // The result's own memory holds the operand.
    Acceptance sum(const EpilogueOp& op, float scale, float shift) {
        if (op.spread != Spread::full || size_of(op.operand_type) != size_of(mapped_.result)) {
            return declined("onednn: the operand replaced in place has not the size of the result");
        }
        if (mapped_.sum) {
            return declined("onednn: two operands replaced in place");
        }
        if (shift != 0) {
            add_shift(shift);
        }
        mapped_.sum = true;
        PostOp step;
        step.kind = PostOp::Kind::sum;
        step.alpha = scale;
        step.type = op.operand_type;
        mapped_.post_ops.push_back(step);
        return accepted();
    }

    // x + scale * operand + shift = ((x + shift) / scale + operand) * scale: an operand has no scale of its own in oneDNN.
    Acceptance plus(const EpilogueOp& op, float scale, float shift) {
        if (scale == 0 || !std::isfinite(1 / scale)) {
            return declined("onednn: an operand of the epilogue has a scale without inverse");
        }
        if (shift != 0) {
            add_shift(shift);
        }
        if (scale == -1) {
            return operand(op, algorithm::binary_sub);
        }
        if (scale == 1) {
            return operand(op, algorithm::binary_add);
        }
        if (mapped_.post_ops.empty()) {
            fold({1 / scale}, {});
        } else {
            linear(1 / scale, 0);
        }
        operand(op, algorithm::binary_add);
        linear(scale, 0);
        return accepted();
    }

    void finish() {
        if (mapped_.result != DataType::u8 && mapped_.result != DataType::s8) {
            return;
        }
        const bool is_unsigned = mapped_.result == DataType::u8;
        // The store saturates, so a last rectifier is done by it.
        if (!mapped_.post_ops.empty() && epilogue_.low >= 0) {
            const PostOp& last = mapped_.post_ops.back();
            if (last.kind == PostOp::Kind::eltwise && last.algorithm == algorithm::eltwise_relu && last.alpha == 0) {
                mapped_.post_ops.pop_back();
            }
        }
        const float lowest = is_unsigned ? 0.0F : -128.0F;
        const float highest = is_unsigned ? 255.0F : 127.0F;
        if (epilogue_.low > lowest || epilogue_.high < highest) {
            mapped_.post_ops.push_back({PostOp::Kind::eltwise, algorithm::eltwise_clip, std::max(epilogue_.low, lowest),
                                        std::min(epilogue_.high, highest)});
        }
    }

    const Epilogue& epilogue_;
    std::size_t channels_;
    int in_place_;
    MappedEpilogue& mapped_;
};

std::size_t rank(const Window& window) { return window.extents.size(); }

// A vector along the channels beside the part.
dnnl::memory::desc channel_desc(const Window& window) {
    dnnl::memory::dims extents(rank(window), 1);
    extents[window.channel] = window.extents[window.channel];
    dnnl::memory::dims strides(rank(window), extents[window.channel]);
    strides[window.channel] = 1;
    return {extents, dnnl::memory::data_type::f32, strides};
}

dnnl::memory::desc operand_desc(const Window& window, const PostOp& op) {
    dnnl::memory::dims extents(rank(window), 1);
    dnnl::memory::dims strides(rank(window), op.spread == Spread::scalar ? 1 : window.channels);
    strides[window.channel] = 1;
    switch (op.spread) {
        case Spread::full: return desc_of(window, op.type);
        case Spread::per_row:
        case Spread::scalar: break;
        case Spread::per_batch_channel:
            extents[0] = window.extents[0];
            extents[window.channel] = window.extents[window.channel];
            break;
        case Spread::per_channel: extents[window.channel] = window.extents[window.channel]; break;
    }
    return {extents, type_of(op.type), strides};
}

std::size_t operand_offset(const Window& window, const PostOp& op) {
    std::int64_t element = 0;
    switch (op.spread) {
        case Spread::full: return first_element(window) * size_of(op.type);
        case Spread::per_row:
        case Spread::scalar: break;
        case Spread::per_channel: element = window.begin[window.channel]; break;
        case Spread::per_batch_channel:
            element = window.begin[0] * window.channels + window.begin[window.channel];
            break;
    }
    return static_cast<std::size_t>(element) * size_of(op.type);
}

}  // namespace

Acceptance map_epilogue(const Epilogue& epilogue, std::int64_t channels, int in_place, MappedEpilogue& mapped) {
    return Mapper(epilogue, channels, in_place, mapped).map();
}

std::size_t first_element(const Window& window) {
    std::int64_t element = 0;
    for (std::size_t i = 0; i < rank(window); ++i) {
        element += window.begin[i] * window.strides[i];
    }
    return static_cast<std::size_t>(element);
}

dnnl::memory::desc desc_of(const Window& window, DataType type) {
    dnnl::memory::dims strides = window.strides;
    if (rank(window) == 4 && window.channel == 1 && window.extents[0] == 1) {
        // Rows of one image are an image; with the whole image's distance to the next oneDNN would see a gap and take slow code.
        strides[0] = window.extents[2] * strides[2];
    }
    return {window.extents, type_of(type), strides};
}

void add_post_ops(const MappedEpilogue& mapped, const Window& window, dnnl::primitive_attr& attributes) {
    dnnl::post_ops list;
    for (const PostOp& op : mapped.post_ops) {
        switch (op.kind) {
            case PostOp::Kind::eltwise: list.append_eltwise(op.algorithm, op.alpha, op.beta); break;
            case PostOp::Kind::sum: list.append_sum(op.alpha, 0, type_of(op.type)); break;
            case PostOp::Kind::binary_constant: list.append_binary(op.algorithm, channel_desc(window)); break;
            case PostOp::Kind::binary_operand: list.append_binary(op.algorithm, operand_desc(window, op)); break;
            case PostOp::Kind::prelu: list.append_prelu(1 << window.channel); break;
        }
    }
    attributes.set_post_ops(list);
}

void bind_post_ops(const MappedEpilogue& mapped, const Window& window, Part& part) {
    for (std::size_t i = 0; i < mapped.post_ops.size(); ++i) {
        const PostOp& op = mapped.post_ops[i];
        const int base = DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(i));
        const auto values = [&] {
            const auto begin = op.values.begin() + window.begin[window.channel];
            return packed_copy(std::vector<float>(begin, begin + window.extents[window.channel]));
        };
        if (op.kind == PostOp::Kind::binary_constant) {
            part.constant(base | DNNL_ARG_SRC_1, channel_desc(window), values());
        } else if (op.kind == PostOp::Kind::prelu) {
            const dnnl::memory::desc desc({window.extents[window.channel]}, dnnl::memory::data_type::f32,
                                          dnnl::memory::format_tag::a);
            part.constant(base | DNNL_ARG_WEIGHTS, desc, values());
        } else if (op.kind == PostOp::Kind::binary_operand) {
            part.bind(base | DNNL_ARG_SRC_1, operand_desc(window, op), Source::operand, operand_offset(window, op),
                      op.operand);
        }
    }
}

std::vector<float> channel_values(const std::vector<double>& values, std::int64_t begin, std::int64_t count) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(values.size() == 1 ? values[0] : values[static_cast<std::size_t>(begin) + i]);
    }
    return out;
}

}  // namespace octet::cpu::onednn
