// A recurrence: in every time step products with the state and passes over the cells.
#include <algorithm>
#include <cstring>

#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/recurrent_cells.hpp"
#include "plugins/cpu/steps/recurrent_product.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using portable::RecurrentCell;

constexpr std::size_t kUnits = RecurrentCell::kUnits;
// Below this many bytes of weights a step is faster than waking threads for it.
constexpr std::size_t kFewWeights = 96 * 1024;

struct SequenceShape {
    std::size_t batch = 0, steps = 0, directions = 1, hidden = 0, gates = 1;
};

// A product and the cell that reads its sums. A time step has one, but for a GRU that multiplies the reset state: that is a second one.
struct Phase {
    RecurrentPanels panels;
    std::size_t first_gate = 0;
    bool of_kept = false;  // it multiplies what the phase before kept of the state
    std::unique_ptr<const CellKernel> cell = {};
    // One for each direction, with the scale of each of its columns.
    std::vector<std::unique_ptr<const RecurrentProduct>> products = {};
    std::vector<std::vector<float>> scales = {};
};

struct Buffers {
    BufferId gates = 0, h = 0, c = 0, lengths = 0, y = 0, h_out = 0, c_out = 0;
    bool has_c = false;
};

// Where the parts of the scratch memory begin.
struct Scratch {
    std::size_t factors = 0, states = 0, update = 0, kept = 0, sums = 0, product = 0, end = 0;
};

class RecurrentWork final : public Work {
public:
    RecurrentWork(SequenceShape shape, bool reverse, bool integer, Buffers buffers, std::string layer, Element lengths,
                  std::vector<float> bias, int threads)
        : shape_(shape),
          reverse_(reverse),
          integer_(integer),
          b_(buffers),
          layer_(std::move(layer)),
          lengths_(lengths),
          bias_(std::move(bias)),
          threads_(static_cast<std::size_t>(threads)) {}

    void add(Phase phase) {
        phases_.push_back(std::move(phase));
        lay_out();
    }

    std::size_t state_stride() const { return integer_ ? 2 * digits() : shape_.hidden * sizeof(float); }
    std::size_t packed_bytes() const {
        std::size_t bytes = 0;
        for (const Phase& phase : phases_)
            for (const auto& product : phase.products) bytes += product->packed_bytes();
        return bytes;
    }
    std::size_t scratch_bytes() const { return at_.end; }

    void run(const Frame& f) const override {
        auto* lengths = reinterpret_cast<std::size_t*>(f.scratch);
        std::size_t longest = 0;
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            lengths[n] = length(f, n);
            longest = std::max(longest, lengths[n]);
        }
        const std::size_t bytes = shape_.batch * shape_.directions * shape_.hidden * sizeof(float);
        std::memcpy(f.at(b_.h_out), f.at(b_.h), bytes);
        if (b_.has_c) std::memcpy(f.at(b_.c_out), f.at(b_.c), bytes);
        clear_rest(f, lengths);
        for (std::size_t d = 0; d < shape_.directions; ++d)
            for (std::size_t i = 0; i < longest; ++i)
                for (const Phase& phase : phases_) step(f, phase, lengths, d, i);
    }

private:
    static std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
    std::size_t digits() const { return (shape_.hidden + 3) / 4 * 4; }
    // Of one thread.
    std::size_t sums_size() const {
        std::size_t most = 0;
        for (const Phase& phase : phases_)
            most = std::max(most, phase.products[0]->panels_per_unit() * shape_.batch * phase.panels.columns());
        return most;
    }

    void lay_out() {
        std::size_t product = 0;
        for (const Phase& phase : phases_) product = std::max(product, phase.products[0]->scratch_bytes());
        const std::size_t vectors = phases_.size() > 1 ? aligned(shape_.batch * shape_.hidden * sizeof(float)) : 0;
        at_.factors = aligned(shape_.batch * sizeof(std::size_t));
        at_.states = at_.factors + aligned(shape_.batch * sizeof(float));
        at_.update = at_.states + aligned(shape_.batch * state_stride());
        at_.kept = at_.update + vectors;
        at_.sums = at_.kept + vectors;
        at_.product = at_.sums + aligned(threads_ * sums_size() * sizeof(float));
        at_.end = at_.product + product;
    }

    std::size_t length(const Frame& f, std::size_t n) const {
        const std::byte* at = f.at(b_.lengths);
        const std::int64_t given = lengths_ == Element::i64 ? reinterpret_cast<const std::int64_t*>(at)[n]
                                                            : reinterpret_cast<const std::int32_t*>(at)[n];
        if (given < 0 || static_cast<std::size_t>(given) > shape_.steps)
            throw Error(fmt::format("layer '{}': a length of {}, wanted 0 to {}", layer_, given, shape_.steps));
        return static_cast<std::size_t>(given);
    }

    void clear_rest(const Frame& f, const std::size_t* lengths) const {
        auto* y = reinterpret_cast<float*>(f.at(b_.y));
        for (std::size_t n = 0; n < shape_.batch; ++n)
            for (std::size_t d = 0; d < shape_.directions; ++d)
                std::fill_n(y + ((n * shape_.directions + d) * shape_.steps + lengths[n]) * shape_.hidden,
                            (shape_.steps - lengths[n]) * shape_.hidden, 0.0F);
    }

    // The states as the product reads them: copies, since the cells change them meanwhile.
    void take_states(const Frame& f, const Phase& phase, std::size_t d) const {
        auto* factors = reinterpret_cast<float*>(f.scratch + at_.factors);
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            const float* state = phase.of_kept
                                     ? reinterpret_cast<const float*>(f.scratch + at_.kept) + n * shape_.hidden
                                     : reinterpret_cast<const float*>(f.at(b_.h_out)) +
                                           (n * shape_.directions + d) * shape_.hidden;
            std::byte* to = f.scratch + at_.states + n * state_stride();
            factors[n] = 1;
            if (integer_) {
                auto* high = reinterpret_cast<std::uint8_t*>(to);
                factors[n] = portable::split_state(state, shape_.hidden, high, high + digits());
            } else {
                std::memcpy(to, state, state_stride());
            }
        }
    }

    void step(const Frame& f, const Phase& phase, const std::size_t* lengths, std::size_t d, std::size_t i) const {
        take_states(f, phase, d);
        const RecurrentPanels& panels = phase.panels;
        const RecurrentProduct& product = *phase.products[d];
        const std::size_t each = product.panels_per_unit();
        const std::size_t units = (panels.count() + each - 1) / each;
        const auto run_units = [&](std::size_t begin, std::size_t end, int thread) {
            auto* sums = reinterpret_cast<float*>(f.scratch + at_.sums) +
                         static_cast<std::size_t>(thread) * sums_size();
            for (std::size_t k = begin; k < end; ++k) {
                // Every other step begins with the weights that the one before ended with, which are still near.
                const std::size_t unit = i % 2 == 0 ? k : begin + end - 1 - k;
                product.run(f.scratch + at_.states, unit, f.scratch + at_.product, sums);
                for (std::size_t p = 0; p < each && unit * each + p < panels.count(); ++p)
                    update(f, phase, lengths, d, i, unit * each + p, sums + p * shape_.batch * panels.columns());
            }
        };
        if (panels.gates * shape_.hidden * shape_.hidden * (integer_ ? 1 : 4) < kFewWeights) run_units(0, units, 0);
        else f.pool->parallel(units, run_units);
    }

    void update(const Frame& f, const Phase& phase, const std::size_t* lengths, std::size_t d, std::size_t i,
                std::size_t panel, const float* sums) const {
        const RecurrentPanels& panels = phase.panels;
        const std::size_t end = std::min((panel + 1) * panels.units(), shape_.hidden);
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            if (i >= lengths[n]) continue;
            const bool backwards = reverse_ || d == 1;
            const std::size_t t = backwards ? lengths[n] - 1 - i : i;
            const float* of_block = sums + n * panels.columns();
            const float* scale = phase.scales[d].data() + panel * panels.columns();
            for (std::size_t unit = panel * panels.units(); unit < end; unit += kUnits) {
                run_cell(f, phase, d, n, t, unit, of_block, scale);
                of_block += panels.gates * kUnits;
                scale += panels.gates * kUnits;
            }
        }
    }

    void run_cell(const Frame& f, const Phase& phase, std::size_t d, std::size_t n, std::size_t t, std::size_t unit,
                  const float* sums, const float* scale) const {
        const std::size_t at = n * shape_.directions + d, hidden = shape_.hidden;
        const auto floats = [&](std::size_t scratch) {
            return reinterpret_cast<float*>(f.scratch + scratch) + n * hidden + unit;
        };
        RecurrentCell::Arguments args;
        args.start = reinterpret_cast<const float*>(f.at(b_.gates)) +
                     (((n * shape_.steps + t) * shape_.directions + d) * shape_.gates + phase.first_gate) * hidden +
                     unit;
        args.start_stride = hidden;
        args.sums = sums;
        args.scale = scale;
        args.factor = reinterpret_cast<const float*>(f.scratch + at_.factors)[n];
        args.units = std::min(kUnits, hidden - unit);
        if (b_.has_c) args.cell = reinterpret_cast<float*>(f.at(b_.c_out)) + at * hidden + unit;
        if (phases_.size() > 1) args.cell = floats(at_.kept), args.update = floats(at_.update);
        args.state = reinterpret_cast<float*>(f.at(b_.h_out)) + at * hidden + unit;
        args.result = reinterpret_cast<float*>(f.at(b_.y)) + (at * shape_.steps + t) * hidden + unit;
        if (!bias_.empty()) args.bias = bias_.data() + d * hidden + unit;
        phase.cell->run(args);
    }

    SequenceShape shape_;
    bool reverse_, integer_;
    Buffers b_;
    std::string layer_;
    Element lengths_;
    std::vector<float> bias_;  // [directions, hidden] of a GRU that multiplies before it resets
    std::size_t threads_;
    std::vector<Phase> phases_;
    Scratch at_;
};

// The scale of each column of each panel; 1 for float weights.
std::vector<float> scales_of(const Tensor& scale, const RecurrentWeights& weights) {
    const RecurrentPanels& panels = weights.panels;
    std::vector<float> result(panels.count() * panels.columns(), 1.0F);
    if (!weights.integer) return result;
    const auto values = scale.as<float>();
    for (std::size_t panel = 0, i = 0; panel < panels.count(); ++panel)
        for (std::size_t j = 0; j < panels.columns(); ++j, ++i)
            if (panels.unit(panel, j) < panels.hidden) result[i] = values[weights.row(panel, j)];
    return result;
}

struct Parameters {
    Tensor r, scale;               // scale: of integers
    std::vector<float> bias = {};  // of a GRU that multiplies before it resets
};

// Nothing where they are not constants.
std::optional<Parameters> parameters_of(const Graph& graph, const Node& node) {
    const RecurrenceOperands at = operands_of(node.op.get<Recurrence>(), node.inputs.size());
    const auto constant = [&](std::size_t place) { return graph.constant(node.inputs[place]); };
    if (!constant(at.r) || (at.scale != 0 && !constant(at.scale)) || (at.bias != 0 && !constant(at.bias)))
        return std::nullopt;
    Parameters result{constant(at.r)->aligned(), {}};
    if (at.scale != 0) result.scale = constant(at.scale)->aligned();
    if (at.bias != 0) result.bias = constant(at.bias)->floats();
    return result;
}

// The memory of the operands and the results.
Buffers buffers_of(Planner& p, const Group& group, const Node& node, const RecurrenceOperands& at) {
    const auto input = [&](std::size_t i) { return p.input(node.inputs[i], Layout::plain).buffer; };
    const auto output = [&](std::uint32_t i) { return p.output({group.core, i}, Layout::plain).buffer; };
    Buffers b;
    b.has_c = at.c != 0;
    b.gates = input(0), b.h = input(1), b.lengths = input(at.lengths);
    if (b.has_c) b.c = input(at.c);
    b.y = output(0), b.h_out = output(1);
    if (b.has_c) b.c_out = output(2);
    return b;
}

}  // namespace

bool plan_recurrence(Planner& p, const Group& group) {
    const Graph& graph = p.graph();
    const Node& node = graph.node(group.core);
    const auto& op = node.op.get<Recurrence>();
    const RecurrenceOperands at = operands_of(op, node.inputs.size());
    const Element lengths = graph.element(node.inputs[at.lengths]);
    const auto parameters = parameters_of(graph, node);
    if (!parameters || graph.element(node.inputs[0]) != Element::f32 ||
        (lengths != Element::i32 && lengths != Element::i64))
        return false;
    const Dims gates = dims_of(p, node.inputs[0]);
    const SequenceShape shape{static_cast<std::size_t>(gates[0]), static_cast<std::size_t>(gates[1]),
                              static_cast<std::size_t>(directions_of(op.direction)),
                              static_cast<std::size_t>(op.hidden_size), static_cast<std::size_t>(gates_of(op.kind))};
    if (shape.batch == 0 || shape.hidden == 0) return false;
    const Buffers b = buffers_of(p, group, node, at);
    const bool integer = at.scale != 0;
    auto run = std::make_shared<RecurrentWork>(shape, op.direction == RecurrentDirection::reverse, integer, b,
                                               node.name, lengths, parameters->bias, p.threads());
    PlannedProduct made;
    std::size_t first_gate = 0;
    for (const RecurrentCell& cell : cells_of(op)) {
        Phase phase{.panels = {shape.hidden, cell.gates()},
                    .first_gate = first_gate,
                    .of_kept = first_gate != 0,
                    .cell = cell_kernel(p, cell)};
        for (std::size_t d = 0; d < shape.directions; ++d) {
            const RecurrentWeights weights{parameters->r, shape.gates, d,
                                           first_gate,    integer,     !integer && p.narrows_weights(),
                                           phase.panels};
            made = recurrent_product(p, shape.batch, run->state_stride(), weights);
            phase.products.push_back(std::move(made.product));
            phase.scales.push_back(scales_of(parameters->scale, weights));
        }
        first_gate += cell.gates();
        run->add(std::move(phase));
    }
    const std::string_view kind = kRecurrentKindNames[static_cast<std::size_t>(op.kind)];
    const std::string_view type = integer ? "s8" : made.narrow ? "bf16" : "f32";
    Step step = p.step_for(group, fmt::format("{}_{}_{}", made.family, kind, type));
    if (made.narrow) step.data = Element::bf16;
    step.int8 = integer;
    step.reads = {b.gates, b.h, b.lengths};
    step.writes = {b.y, b.h_out};
    if (b.has_c) step.reads.push_back(b.c), step.writes.push_back(b.c_out);
    step.scratch_bytes = run->scratch_bytes();
    step.packed_bytes = run->packed_bytes();
    step.work = std::move(run);
    p.add(std::move(step));
    return true;
}

}  // namespace octet::cpu
