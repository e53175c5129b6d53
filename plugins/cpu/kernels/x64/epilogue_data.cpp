#include "plugins/cpu/kernels/x64/epilogue_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace octet::cpu::x64 {
namespace {

using Kind = EpilogueOp::Kind;

// The vectors an op brings, in the order its code reads them; an absent one has a value that changes nothing.
struct ChannelVector {
    const std::vector<float>* values;
    float absent;
};

bool all_zero(const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return value == 0; });
}

std::vector<ChannelVector> vectors_of(const EpilogueOp& op) {
    switch (op.kind) {
        case Kind::scale_shift: return {{&op.scale, 1.F}, {&op.shift, 0.F}};
        case Kind::prelu: return {{&op.scale, 1.F}};
        case Kind::combine:
            if (op.scale.empty() && op.shift.empty()) {
                return {};
            }
            if (all_zero(op.shift)) {
                return {{&op.scale, 1.F}};
            }
            return {{&op.scale, 1.F}, {&op.shift, 0.F}};
        default: return {};
    }
}

double largest(const std::vector<float>& values, double absent) {
    if (values.empty()) {
        return absent;
    }
    double result = 0;
    for (const float value : values) {
        result = std::isnan(value) ? std::numeric_limits<double>::infinity()
                                   : std::max(result, std::abs(static_cast<double>(value)));
    }
    return result;
}

double bound_of_function(const EpilogueOp& op, double bound) {
    switch (op.function) {
        case Function::sigmoid:
        case Function::tanh:
        case Function::hsigmoid: return 1;
        case Function::relu:
        case Function::abs:
        case Function::negate:
        case Function::round_half_even: return bound + 1;
        case Function::hswish:
        case Function::swish:
        case Function::gelu_erf:
        case Function::gelu_tanh:
        case Function::mish:
            return op.function == Function::swish && op.alpha < 0 ? std::numeric_limits<double>::infinity() : bound + 1;
        case Function::elu: return std::max(bound, std::abs(static_cast<double>(op.alpha))) + 1;
        case Function::leaky_relu: return bound * std::max(1.0, std::abs(static_cast<double>(op.alpha)));
        case Function::clamp:
            return std::max(std::abs(static_cast<double>(op.alpha)), std::abs(static_cast<double>(op.beta)));
        default: return std::numeric_limits<double>::infinity();
    }
}

double bound_of_combine(const EpilogueOp& op, double bound) {
    if (op.operand_type != DataType::u8 && op.operand_type != DataType::s8) {
        return std::numeric_limits<double>::infinity();
    }
    const double other = 255 * largest(op.scale, 1) + largest(op.shift, 0);
    switch (op.combine) {
        case Combine::add:
        case Combine::subtract:
        case Combine::reverse_subtract: return bound + other;
        case Combine::multiply: return bound * other;
        case Combine::maximum:
        case Combine::minimum: return std::max(bound, other);
        default: return std::numeric_limits<double>::infinity();
    }
}

}  // namespace

bool has_spread(const Epilogue& epilogue, Spread spread) {
    return std::any_of(epilogue.ops.begin(), epilogue.ops.end(),
                       [&](const EpilogueOp& op) { return op.kind == Kind::combine && op.spread == spread; });
}

bool needs_channel_order(const Epilogue& epilogue) {
    return !is_code(epilogue.result) || std::any_of(epilogue.ops.begin(), epilogue.ops.end(), [](const EpilogueOp& op) {
        return op.kind == Kind::combine && op.spread != Spread::scalar;
    });
}

bool depends_on_place(const Epilogue& epilogue) {
    return std::any_of(epilogue.ops.begin(), epilogue.ops.end(), [](const EpilogueOp& op) {
        const bool runtime = op.kind == Kind::combine && op.spread != Spread::full && op.spread != Spread::scalar;
        return runtime || varies_by_channel(op);
    });
}

Acceptance accepts(const Epilogue& epilogue, std::int64_t channels, bool bfloat) {
    const auto is_bfloat = [&](DataType type) { return bfloat && type == DataType::bf16; };
    if (!is_code(epilogue.result) && epilogue.result != DataType::f32 && !is_bfloat(epilogue.result)) {
        return declined("the result is neither u8, s8 nor f32");
    }
    const auto fits = [&](const std::vector<float>& values) {
        return values.size() <= 1 || static_cast<std::int64_t>(values.size()) == channels;
    };
    for (const EpilogueOp& op : epilogue.ops) {
        if (!fits(op.scale) || !fits(op.shift)) {
            return declined("a vector of the epilogue has neither one entry nor one for each channel");
        }
        if (op.kind != Kind::combine) {
            continue;
        }
        if (op.operand >= kMaxOperands) {
            return declined("more than four operands");
        }
        if (!is_code(op.operand_type) && op.operand_type != DataType::s32 && op.operand_type != DataType::f32 &&
            !is_bfloat(op.operand_type)) {
            return declined("an operand is neither u8, s8, s32 nor f32");
        }
        if (op.operand_type == DataType::bf16 && (op.spread == Spread::scalar || op.spread == Spread::per_row)) {
            return declined("an operand of bf16 has one value for several channels");
        }
        for (const EpilogueOp& other : epilogue.ops) {
            if (other.kind == Kind::combine && other.operand == op.operand &&
                (other.spread != op.spread || other.operand_type != op.operand_type)) {
                return declined("one operand is read in two ways");
            }
        }
    }
    return accepted();
}

double steps_of_error(const Epilogue& epilogue, std::size_t op, double error) {
    if (!is_code(epilogue.result)) {
        return std::numeric_limits<double>::infinity();
    }
    for (std::size_t i = op + 1; i < epilogue.ops.size(); ++i) {
        if (epilogue.ops[i].kind != Kind::scale_shift) {
            return std::numeric_limits<double>::infinity();
        }
        error *= largest(epilogue.ops[i].scale, 1);
    }
    return error;
}

const Lookup* lookup_of(const Epilogue& epilogue, std::size_t op) {
    // What follows the end is left out, which is the larger part of the errors of gelu.
    static constexpr std::array<Lookup, 3> kGelu{{{3, 4.75, 6e-6}, {4, 5.5, 3e-7}, {5, 5.63, 1e-7}}};
    static constexpr std::array<Lookup, 3> kSwish{{{3, 13, 3.5e-5}, {4, 14.5, 8e-6}, {5, 17, 1e-6}}};
    static constexpr std::array<Lookup, 1> kElu{{{2, 20, 6e-7}}};
    // Of a step: an error that is less than what the order of sums before does, and one that the last resort may have.
    constexpr double kUnseen = 1e-4, kMost = 2e-3;
    const EpilogueOp& function = epilogue.ops[op];
    if (function.kind != Kind::function) {
        return nullptr;
    }
    std::span<const Lookup> lookups;
    double stretch = 1;
    if (function.function == Function::gelu_erf) {
        lookups = kGelu;
    } else if (function.function == Function::swish && function.alpha >= 0.5F) {
        lookups = kSwish;
        stretch = 1 / static_cast<double>(function.alpha);
    } else if (function.function == Function::elu && std::abs(function.alpha) >= 1e-3F) {
        lookups = kElu;
        stretch = std::abs(static_cast<double>(function.alpha));
    }
    for (const Lookup& lookup : lookups) {
        if (steps_of_error(epilogue, op, lookup.error * stretch) <= (&lookup == &lookups.back() ? kMost : kUnseen)) {
            return &lookup;
        }
    }
    return nullptr;
}

std::string key_of(const Epilogue& epilogue) {
    std::string key = fmt::format("{}[{},{}]", static_cast<int>(epilogue.result), epilogue.low, epilogue.high);
    for (std::size_t i = 0; i < epilogue.ops.size(); ++i) {
        const EpilogueOp& op = epilogue.ops[i];
        const Lookup* lookup = lookup_of(epilogue, i);
        switch (op.kind) {
            case Kind::scale_shift: key += ";s"; break;
            case Kind::prelu: key += ";p"; break;
            case Kind::function:
                key += fmt::format(";f{},{},{},{}", static_cast<int>(op.function), op.alpha, op.beta,
                                   lookup == nullptr ? 0 : lookup->degree);
                break;
            case Kind::combine:
                key += fmt::format(";c{},{},{},{},{}", static_cast<int>(op.combine), op.operand,
                                   static_cast<int>(op.operand_type), static_cast<int>(op.spread), channel_vectors(op));
                break;
        }
        key += channel_vectors(op) == 0 || varies_by_channel(op) ? "" : "1";
    }
    return key;
}

int channel_vectors(const EpilogueOp& op) { return static_cast<int>(vectors_of(op).size()); }

int channel_vectors(const Epilogue& epilogue) {
    int count = 0;
    for (const EpilogueOp& op : epilogue.ops) {
        count += channel_vectors(op);
    }
    return count;
}

bool varies_by_channel(const EpilogueOp& op) { return op.scale.size() > 1 || op.shift.size() > 1; }

Aligned<float> pack_constants(const Epilogue& epilogue, std::span<const std::int64_t> channel_of) {
    const std::size_t vectors = static_cast<std::size_t>(channel_vectors(epilogue));
    const std::size_t groups = (channel_of.size() + 15) / 16;
    Aligned<float> packed(groups * vectors * 16);
    if (packed.filled()) {
        return packed;
    }
    std::size_t id = 0;
    for (const EpilogueOp& op : epilogue.ops) {
        for (const auto& [values, absent] : vectors_of(op)) {
            const bool varies = values->size() > 1;
            const float same = values->empty() ? absent : values->front();
            for (std::size_t position = 0; position < channel_of.size(); ++position) {
                const std::int64_t channel = channel_of[position];
                if (channel >= 0) {
                    packed[(position / 16 * vectors + id) * 16 + position % 16] =
                        varies ? (*values)[static_cast<std::size_t>(channel)] : same;
                }
            }
            ++id;
        }
    }
    return packed;
}

Aligned<float> pack_constants(const Epilogue& epilogue, std::int64_t channels) {
    std::vector<std::int64_t> channel_of(static_cast<std::size_t>(channels));
    for (std::size_t i = 0; i < channel_of.size(); ++i) {
        channel_of[i] = static_cast<std::int64_t>(i);
    }
    return pack_constants(epilogue, channel_of);
}

EpilogueData::EpilogueData(const Epilogue& epilogue, std::int64_t channels, std::span<const std::int64_t> strides,
                           std::span<const std::int64_t> channel_of)
    : strides_(kMaxOperands, channels),
      vectors_(channel_vectors(epilogue)),
      constants_(channel_of.empty() ? pack_constants(epilogue, channels) : pack_constants(epilogue, channel_of)) {
    for (std::size_t k = 0; k < std::min<std::size_t>(strides.size(), kMaxOperands); ++k) {
        strides_[k] = strides[k] != 0 ? strides[k] : channels;
    }
    for (const EpilogueOp& op : epilogue.ops) {
        if (op.kind != Kind::combine || op.spread == Spread::scalar) {
            continue;
        }
        const std::int64_t size = static_cast<std::int64_t>(size_of(op.operand_type));
        if (op.spread == Spread::per_row) {
            steps_[op.operand] = {.row = size};
            continue;
        }
        steps_[op.operand] = {op.spread == Spread::full ? strides_[op.operand] * size : 0,
                              op.spread == Spread::per_batch_channel ? channels * size : 0, size};
    }
}

EpilogueArgs EpilogueData::at(const std::array<const void*, kMaxOperands>& operands, std::int64_t row,
                              std::int64_t batch, std::int64_t channel, std::int64_t position) const {
    EpilogueArgs args;
    args.constants = constants_.data() + position * vectors_;
    for (std::size_t k = 0; k < kMaxOperands; ++k) {
        if (operands[k] != nullptr) {
            args.operands[k] = static_cast<const std::byte*>(operands[k]) + row * steps_[k].row +
                               batch * steps_[k].batch + channel * steps_[k].channel;
        }
    }
    return args;
}

bool may_exceed_i32(const Epilogue& epilogue, double limit) {
    double bound = limit;
    for (const EpilogueOp& op : epilogue.ops) {
        switch (op.kind) {
            case Kind::scale_shift: bound = bound * largest(op.scale, 1) + largest(op.shift, 0); break;
            case Kind::prelu: bound *= std::max(1.0, largest(op.scale, 1)); break;
            case Kind::function: bound = bound_of_function(op, bound); break;
            case Kind::combine: bound = bound_of_combine(op, bound); break;
        }
    }
    return !(bound < 2147483000.0);
}

}  // namespace octet::cpu::x64
