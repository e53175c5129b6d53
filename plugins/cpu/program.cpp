#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/ops/all.hpp"
#include "plugins/cpu/chain.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// x * scale + shift; each one value or one per channel. In double until it is final.
struct Affine {
    std::vector<double> scale{1.0};
    std::vector<double> shift{0.0};
    double scale_at(std::size_t c) const { return scale[scale.size() == 1 ? 0 : c]; }
    double shift_at(std::size_t c) const { return shift[shift.size() == 1 ? 0 : c]; }
    std::size_t size() const { return std::max(scale.size(), shift.size()); }
    bool identity() const {
        return std::ranges::all_of(scale, [](double s) { return s == 1; }) &&
               std::ranges::all_of(shift, [](double s) { return s == 0; });
    }
    // after(this(x))
    Affine then(const Affine& after) const {
        const std::size_t n = std::max(size(), after.size());
        Affine result{std::vector<double>(n), std::vector<double>(n)};
        for (std::size_t c = 0; c < n; ++c) {
            result.scale[c] = scale_at(c) * after.scale_at(c);
            result.shift[c] = shift_at(c) * after.scale_at(c) + after.shift_at(c);
        }
        return result;
    }
};

std::vector<double> doubles(const Tensor& tensor) {
    const Tensor values = tensor.converted(Element::f64);
    const auto span = values.aligned().as<double>();
    return {span.begin(), span.end()};
}

Affine affine_of(const low_precision::Dequantization& d) {
    Affine a{doubles(d.scale), doubles(d.zero_point)};
    const std::size_t n = a.size();
    std::vector<double> shift(n);
    for (std::size_t c = 0; c < n; ++c) shift[c] = -a.shift_at(c) * a.scale_at(c);
    a.shift = std::move(shift);
    return a;
}

Affine affine_of(const Quantize& q) {
    const auto low = doubles(q.low);
    const auto high = doubles(q.high);
    const std::size_t n = std::max(low.size(), high.size());
    Affine a{std::vector<double>(n), std::vector<double>(n)};
    for (std::size_t c = 0; c < n; ++c) {
        const double l = low[low.size() == 1 ? 0 : c];
        const double h = high[high.size() == 1 ? 0 : c];
        a.scale[c] = static_cast<double>(q.levels - 1) / (h - l);
        a.shift[c] = static_cast<double>(q.qmin) - l * a.scale[c];
    }
    return a;
}

std::vector<float> floats(const std::vector<double>& values, std::size_t n) {
    std::vector<float> result(n);
    for (std::size_t c = 0; c < n; ++c) result[c] = static_cast<float>(values[values.size() == 1 ? 0 : c]);
    return result;
}

class Builder {
public:
    explicit Builder(const Graph& graph) : graph_(graph) {}

    void affine(const Affine& a) { pending_ = pending_.then(a); }

    void function(Function f, float alpha = 0, float beta = 0) {
        flush();
        program_.epilogue.ops.push_back(
            {.kind = EpilogueOp::Kind::function, .function = f, .alpha = alpha, .beta = beta});
    }

    void prelu(const Tensor& slope) {
        flush();
        program_.epilogue.ops.push_back({.kind = EpilogueOp::Kind::prelu, .scale = slope.floats()});
    }

    void combine(Combine how, Value v, Spread spread) {
        const Value from = stored(graph_, v);
        EpilogueOp op{.kind = EpilogueOp::Kind::combine,
                      .combine = how,
                      .operand = operand({from, std::nullopt}),
                      .operand_type = data_type(graph_.element(from)),
                      .spread = spread};
        push(std::move(op), from == v ? Affine() : meaning_of(v));
    }

    void combine(Combine how, const Tensor& constant, Spread spread) {
        EpilogueOp op{.kind = EpilogueOp::Kind::combine,
                      .combine = how,
                      .operand = operand({{}, constant.converted(Element::f32).aligned()}),
                      .operand_type = DataType::f32,
                      .spread = spread};
        push(std::move(op), {});
    }

    void quantize(const Quantize& q) {
        affine(affine_of(q));
        Epilogue& e = program_.epilogue;
        e.result = data_type(q.element);
        e.low = static_cast<float>(q.qmin);
        e.high = static_cast<float>(q.qmin + q.levels - 1);
        while (fold_clamp()) {}
    }

    // Codes as floats: a FakeQuantize that stayed one, or a quantize in the middle.
    void codes(const Quantize& q) {
        affine(affine_of(q));
        function(Function::clamp, static_cast<float>(q.qmin), static_cast<float>(q.qmin + q.levels - 1));
        function(Function::round_half_even);
    }

    Program finish() {
        flush();
        return std::move(program_);
    }

private:
    // x + f(operand), followed by a factor, is the same with the factor inside both: so that a quantize costs no operation of its own.
    void push(EpilogueOp op, const Affine& meaning) {
        flush();
        operand_meanings_.emplace_back(program_.epilogue.ops.size(), meaning);
        set_scale(op, meaning);
        program_.epilogue.ops.push_back(std::move(op));
    }

    static void set_scale(EpilogueOp& op, const Affine& meaning) {
        op.scale.clear();
        op.shift.clear();
        if (meaning.identity()) return;
        op.scale = floats(meaning.scale, meaning.size());
        op.shift = floats(meaning.shift, meaning.size());
    }

    // What a reader makes of the stored value behind `v`.
    Affine meaning_of(Value v) const {
        const Node& node = graph_.node(v);
        if (const auto* dq = node.op.as<Dequantize>()) return affine_of(low_precision::dequantization_of(*dq));
        return {doubles(*graph_.constant(node.inputs[1])), {0.0}};
    }

    std::uint32_t operand(ProgramOperand operand) {
        program_.operands.push_back(std::move(operand));
        return static_cast<std::uint32_t>(program_.operands.size() - 1);
    }

    // Writes the pending factor as an op, or into the sum before it.
    void flush() {
        if (pending_.identity()) return;
        auto& ops = program_.epilogue.ops;
        if (!ops.empty() && ops.back().kind == EpilogueOp::Kind::combine &&
            (ops.back().combine == Combine::add || ops.back().combine == Combine::subtract)) {
            EpilogueOp sum = std::move(ops.back());
            ops.pop_back();
            Affine meaning = operand_meanings_.back().second;
            operand_meanings_.pop_back();
            Affine factor{pending_.scale, {0.0}};
            meaning = meaning.then(factor);
            // The operand's own shift moves to the value in flight, where it costs nothing.
            Affine before = pending_;
            for (std::size_t n = std::max(before.size(), meaning.size()), c = 0; c < n; ++c) {
                if (c == 0) before = widened(before, n);
                before.shift[c] += (sum.combine == Combine::add ? 1 : -1) * meaning.shift_at(c);
            }
            meaning.shift = {0.0};
            pending_ = take_last_affine().then(before);
            flush();
            set_scale(sum, meaning);
            operand_meanings_.emplace_back(ops.size(), meaning);
            ops.push_back(std::move(sum));
            pending_ = {};
            return;
        }
        const std::size_t n = pending_.size();
        affines_.emplace_back(ops.size(), pending_);
        ops.push_back({.kind = EpilogueOp::Kind::scale_shift,
                       .scale = floats(pending_.scale, n),
                       .shift = floats(pending_.shift, n)});
        pending_ = {};
    }

    static Affine widened(const Affine& a, std::size_t n) {
        Affine wide{std::vector<double>(n), std::vector<double>(n)};
        for (std::size_t c = 0; c < n; ++c) {
            wide.scale[c] = a.scale_at(c);
            wide.shift[c] = a.shift_at(c);
        }
        return wide;
    }

    // Takes back the last op when it is a factor, so that it merges with what comes next.
    Affine take_last_affine() {
        auto& ops = program_.epilogue.ops;
        if (ops.empty() || affines_.empty() || affines_.back().first + 1 != ops.size()) return {};
        Affine a = std::move(affines_.back().second);
        affines_.pop_back();
        ops.pop_back();
        return a;
    }

    // A clamp directly before the quantize is a narrower range of codes: rounding keeps order.
    bool fold_clamp() {
        auto& ops = program_.epilogue.ops;
        Epilogue& e = program_.epilogue;
        if (ops.empty() || ops.back().kind != EpilogueOp::Kind::function) return false;
        const EpilogueOp& last = ops.back();
        if (last.function != Function::relu && last.function != Function::clamp) return false;
        const double low = last.function == Function::relu ? 0 : last.alpha;
        const double high = last.function == Function::relu ? kInfinity : last.beta;
        const auto code = [&](double x, std::size_t c) {
            if (std::isinf(x)) return x < 0 ? e.low : e.high;
            const float f = std::fma(static_cast<float>(x), static_cast<float>(pending_.scale_at(c)),
                                     static_cast<float>(pending_.shift_at(c)));
            return std::clamp(std::nearbyint(f), e.low, e.high);
        };
        const float low_code = code(low, 0);
        const float high_code = code(high, 0);
        for (std::size_t c = 0; c < pending_.size(); ++c)
            if (pending_.scale_at(c) <= 0 || code(low, c) != low_code || code(high, c) != high_code) return false;
        e.low = low_code;
        e.high = high_code;
        ops.pop_back();
        pending_ = take_last_affine().then(pending_);
        return true;
    }

    const Graph& graph_;
    Program program_;
    Affine pending_;
    std::vector<std::pair<std::size_t, Affine>> affines_;           // scale_shift ops by position
    std::vector<std::pair<std::size_t, Affine>> operand_meanings_;  // of combine ops by position
};

struct BinaryForm {
    Combine forward, backward;  // value op operand, operand op value
};

BinaryForm form_of(const Op& op) {
    if (op.is<Add>()) return {Combine::add, Combine::add};
    if (op.is<Subtract>()) return {Combine::subtract, Combine::reverse_subtract};
    if (op.is<Multiply>()) return {Combine::multiply, Combine::multiply};
    if (op.is<Divide>()) return {Combine::divide, Combine::reverse_divide};
    if (op.is<Maximum>()) return {Combine::maximum, Combine::maximum};
    return {Combine::minimum, Combine::minimum};
}

// A constant operand that is one number or one per channel, as a factor; false when it has to be an operand.
bool constant_as_affine(Builder& b, const Op& op, const Tensor& constant, bool value_first) {
    const auto c = doubles(constant);
    std::vector<double> inverse(c.size());
    std::ranges::transform(c, inverse.begin(), [](double x) { return 1 / x; });
    std::vector<double> negative(c.size());
    std::ranges::transform(c, negative.begin(), [](double x) { return -x; });
    if (op.is<Add>()) b.affine({{1.0}, c});
    else if (op.is<Subtract>()) b.affine(value_first ? Affine{{1.0}, negative} : Affine{{-1.0}, c});
    else if (op.is<Multiply>()) b.affine({c, {0.0}});
    else if (op.is<Divide>() && value_first) b.affine({inverse, {0.0}});
    else if (op.is<Maximum>() && c.size() == 1) b.function(Function::clamp, static_cast<float>(c[0]), kInfinity);
    else if (op.is<Minimum>() && c.size() == 1) b.function(Function::clamp, -kInfinity, static_cast<float>(c[0]));
    else return false;
    return true;
}

void add_binary(Builder& b, const Graph& graph, const Node& node, std::size_t main, Channels channels) {
    const Value other = node.inputs[1 - main];
    const BinaryForm form = form_of(node.op);
    const Combine how = main == 0 ? form.forward : form.backward;
    const Spread spread = *operand_spread(graph, node, 1 - main, channels);
    if (const Tensor* constant = graph.constant(other)) {
        const bool merges = spread == Spread::scalar || spread == Spread::per_channel;
        if (merges && constant_as_affine(b, node.op, *constant, main == 0)) return;
        b.combine(how, *constant, spread);
        return;
    }
    b.combine(how, other, spread);
}

void add_function(Builder& b, const Graph& graph, const Node& node) {
    const Op& op = node.op;
    if (op.is<Relu>()) b.function(Function::relu);
    else if (const auto* clamp = op.as<Clamp>())
        b.function(Function::clamp, static_cast<float>(clamp->low), static_cast<float>(clamp->high));
    else if (op.is<Sigmoid>()) b.function(Function::sigmoid);
    else if (op.is<Tanh>()) b.function(Function::tanh);
    else if (const auto* elu = op.as<Elu>()) b.function(Function::elu, static_cast<float>(elu->alpha));
    else if (op.is<Swish>())
        b.function(Function::swish,
                   node.inputs.size() > 1 ? static_cast<float>(graph.constant(node.inputs[1])->at(0)) : 1.0f);
    else if (op.is<HSwish>()) b.function(Function::hswish);
    else if (op.is<HSigmoid>()) b.function(Function::hsigmoid);
    else if (const auto* gelu = op.as<Gelu>())
        b.function(gelu->mode == GeluMode::erf ? Function::gelu_erf : Function::gelu_tanh);
    else if (op.is<Mish>()) b.function(Function::mish);
    else if (op.is<SoftPlus>()) b.function(Function::softplus);
    else if (op.is<Exp>()) b.function(Function::exp);
    else if (op.is<Abs>()) b.function(Function::abs);
    else if (op.is<Sqrt>()) b.function(Function::sqrt);
    else if (op.is<Negative>()) b.affine({{-1.0}, {0.0}});
    else if (op.is<Round>()) b.function(Function::round_half_even);
    else if (op.is<HardSigmoid>()) {
        b.affine({{graph.constant(node.inputs[1])->at(0)}, {graph.constant(node.inputs[2])->at(0)}});
        b.function(Function::clamp, 0, 1);
    } else {
        throw InternalError("internal error: '" + std::string(op.name()) + "' is no step of an epilogue");
    }
}

}  // namespace

PartScale scale_of(const Graph& graph, const SumPart& part) {
    Affine a;
    for (NodeId id : part.chain) {
        const Node& node = graph.node(id);
        const auto* dq = node.op.as<Dequantize>();
        a = a.then(dq ? affine_of(low_precision::dequantization_of(*dq))
                      : Affine{{1.0}, doubles(*graph.constant(node.inputs[1]))});
    }
    return {floats(a.scale, a.scale.size()), a.shift};
}

Program program_of(const Graph& graph, const Group& group) {
    Builder b(graph);
    // A pool over codes: its results are codes between codes, whose meaning comes first.
    Value flight = start_of(group);
    for (const SumPart& part : group.sum.parts) b.affine({{1.0}, scale_of(graph, part).shift});
    if (group.kind == Group::Kind::pool) {
        const Value data = graph.node(group.core).inputs[0];
        if (stored(graph, data) != data) {
            Affine meaning = affine_of(low_precision::dequantization_of(graph.op(data).get<Dequantize>()));
            // Each of the codes of a sum has the zero point.
            if (graph.op(flight).is<ReduceSum>())
                for (double& shift : meaning.shift)
                    shift *= static_cast<double>(graph.shape(data).elements() / graph.shape(flight).elements());
            b.affine(meaning);
        }
    }
    if (group.kind == Group::Kind::elementwise) {
        const Node& first = graph.node(group.core);
        flight =
            first.inputs[*main_operand(graph, first, [&](Value v) { return stored(graph, v) == group.inputs[0]; })];
        if (stored(graph, flight) != flight)
            b.affine(affine_of(low_precision::dequantization_of(graph.op(flight).get<Dequantize>())));
    }
    for (NodeId id : group.chain) {
        const Node& node = graph.node(id);
        const auto main = static_cast<std::size_t>(std::ranges::find(node.inputs, flight) - node.inputs.begin());
        const auto* quantize = node.op.as<Quantize>();
        if (quantize && id == group.chain.back()) b.quantize(*quantize);
        else if (quantize) b.codes(*quantize);
        else if (const auto* dq = node.op.as<Dequantize>()) b.affine(affine_of(low_precision::dequantization_of(*dq)));
        else if (node.op.is<FakeQuantize>()) {
            const auto parts = low_precision::decompose(graph, node).value;
            b.codes(parts.quantize);
            b.affine(affine_of(parts.dequantize));
        } else if (node.op.is<PRelu>()) b.prelu(*graph.constant(node.inputs[1]));
        else if (node.inputs.size() == 2 && !node.op.is<Swish>()) add_binary(b, graph, node, main, group.channels);
        else add_function(b, graph, node);
        flight = {id, 0};
    }
    Program program = b.finish();
    // A maximum of codes is a code, without a quantize that says so.
    if (!graph.op(group.output).is<Quantize>()) {
        program.epilogue.result = data_type(graph.element(group.output));
        if (program.epilogue.result == DataType::s8) program.epilogue.low = -128;
        if (program.epilogue.result == DataType::s8) program.epilogue.high = 127;
    }
    return program;
}

}  // namespace octet::cpu
