// A recurrence: in every time step products with the state and passes over the cells.
#include <algorithm>
#include <cstring>

#include "plugins/cpu/barrier.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/recurrent_cells.hpp"
#include "plugins/cpu/steps/recurrent_product.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using portable::RecurrentCell;
using portable::RecurrentRow;

constexpr std::size_t kUnits = RecurrentCell::kUnits;
// Below this many bytes of weights a step is faster than meeting other threads after it.
constexpr std::size_t kFewWeights = 96 * 1024;

struct SequenceShape {
    std::size_t batch = 0, steps = 0, directions = 1, hidden = 0, gates = 1;
};

// A product and the cell that reads its sums. A time step has one, but for a GRU that multiplies the reset state: that is a second one.
struct Phase {
    RecurrentPanels panels;
    std::size_t first_gate = 0;
    bool of_kept = false;  // it multiplies what the phase before kept of the state
    RecurrentCell cell = {};
    StateForm form = StateForm::floats;
    // One for each direction, with the scale of each of its columns.
    std::vector<std::unique_ptr<const RecurrentProduct>> products = {};
    std::vector<std::vector<float>> scales = {};
};

struct Buffers {
    BufferId gates = 0, h = 0, c = 0, lengths = 0, y = 0, h_out = 0, c_out = 0;
    bool has_c = false;
};

// Where the parts of the scratch memory begin. Those of a task: `rows`, `states` and `sums`, from `task` on, `each` bytes.
struct Scratch {
    std::size_t update = 0, kept = 0, product = 0, barrier = 0, task = 0, states = 0, sums = 0, each = 0, end = 0;
};

// One of `count` that run at once.
struct Task {
    std::size_t index = 0, count = 1;
    std::byte* scratch = nullptr;
};

class RecurrentWork final : public Work {
public:
    RecurrentWork(SequenceShape shape, bool reverse, Buffers buffers, std::string layer, Element lengths,
                  std::vector<float> bias, int threads)
        : shape_(shape),
          reverse_(reverse),
          b_(buffers),
          layer_(std::move(layer)),
          lengths_(lengths),
          bias_(std::move(bias)),
          threads_(static_cast<std::size_t>(threads)) {}

    void add(Phase phase) {
        phases_.push_back(std::move(phase));
        lay_out();
    }

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
        if (b_.has_c)
            std::memcpy(f.at(b_.c_out), f.at(b_.c), shape_.batch * shape_.directions * shape_.hidden * sizeof(float));
        clear_rest(f, lengths);
        const std::size_t tasks = few() ? 1 : std::min(threads_, static_cast<std::size_t>(f.pool->threads()));
        for (std::size_t d = 0; d < shape_.directions; ++d) {
            const Barrier barrier(f.scratch + at_.barrier, tasks);
            f.pool->parallel(tasks, [&](std::size_t begin, std::size_t end, int) {
                // In another task's part there is no one to share with.
                const Task task{begin, end - begin == tasks ? 1 : tasks, f.scratch + at_.task + begin * at_.each};
                std::uint32_t meetings = 0;
                for (std::size_t i = 0; i < longest; ++i)
                    for (const Phase& phase : phases_) {
                        step(f, phase, lengths, d, i, task);
                        if (task.count > 1) barrier.meet(task.index, ++meetings);
                    }
            });
        }
        give_states(f, lengths);
    }

private:
    static std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
    std::size_t stride() const { return state_stride(phases_[0].form, shape_.hidden); }
    bool few() const {
        return shape_.gates * shape_.hidden * stride() / (phases_[0].form == StateForm::floats ? 1 : 2) < kFewWeights;
    }
    bool backwards(std::size_t d) const { return reverse_ || d == 1; }

    void lay_out() {
        std::size_t product = 0, sums = 0;
        for (const Phase& phase : phases_) {
            product = std::max(product, phase.products[0]->scratch_bytes());
            sums = std::max(sums, phase.products[0]->panels_per_unit() * shape_.batch * phase.panels.columns());
        }
        const std::size_t vectors = phases_.size() > 1 ? aligned(shape_.batch * shape_.hidden * sizeof(float)) : 0;
        at_.update = aligned(shape_.batch * sizeof(std::size_t));
        at_.kept = at_.update + vectors;
        at_.product = at_.kept + vectors;
        at_.barrier = at_.product + aligned(product);
        at_.task = at_.barrier + Barrier::bytes(threads_);
        at_.states = aligned(shape_.batch * sizeof(RecurrentRow));
        at_.sums = at_.states + aligned(shape_.batch * stride());
        at_.each = at_.sums + aligned(sums * sizeof(float));
        at_.end = at_.task + threads_ * at_.each;
    }

    std::size_t length(const Frame& f, std::size_t n) const {
        const std::byte* at = f.at(b_.lengths);
        const std::int64_t given = lengths_ == Element::i64 ? reinterpret_cast<const std::int64_t*>(at)[n]
                                                            : reinterpret_cast<const std::int32_t*>(at)[n];
        if (given < 0 || static_cast<std::size_t>(given) > shape_.steps)
            throw Error(fmt::format("layer '{}': a length of {}, wanted 0 to {}", layer_, given, shape_.steps));
        return static_cast<std::size_t>(given);
    }

    // Results of sequence n in direction d.
    float* results(const Frame& f, std::size_t n, std::size_t d) const {
        return reinterpret_cast<float*>(f.at(b_.y)) + (n * shape_.directions + d) * shape_.steps * shape_.hidden;
    }
    // The same of a tensor [batch, directions, hidden].
    float* vector(const Frame& f, BufferId id, std::size_t n, std::size_t d) const {
        return reinterpret_cast<float*>(f.at(id)) + (n * shape_.directions + d) * shape_.hidden;
    }

    void clear_rest(const Frame& f, const std::size_t* lengths) const {
        for (std::size_t n = 0; n < shape_.batch; ++n)
            for (std::size_t d = 0; d < shape_.directions; ++d)
                std::fill_n(results(f, n, d) + lengths[n] * shape_.hidden, (shape_.steps - lengths[n]) * shape_.hidden,
                            0.0F);
    }

    // Those after the last step.
    void give_states(const Frame& f, const std::size_t* lengths) const {
        for (std::size_t n = 0; n < shape_.batch; ++n)
            for (std::size_t d = 0; d < shape_.directions; ++d) {
                const std::size_t last = backwards(d) ? 0 : lengths[n] - 1;
                const float* from = lengths[n] == 0 ? vector(f, b_.h, n, d) : results(f, n, d) + last * shape_.hidden;
                std::copy_n(from, shape_.hidden, vector(f, b_.h_out, n, d));
            }
    }

    // Step i of a sequence of `length` steps. The state before it is the result of the step before, which no task changes any more.
    RecurrentRow row_of(const Frame& f, const Phase& phase, std::size_t n, std::size_t d, std::size_t i,
                        std::size_t length) const {
        const std::size_t hidden = shape_.hidden, t = backwards(d) ? length - 1 - i : i;
        const auto floats = [&](std::size_t scratch) {
            return reinterpret_cast<float*>(f.scratch + scratch) + n * hidden;
        };
        RecurrentRow row;
        row.start = reinterpret_cast<const float*>(f.at(b_.gates)) +
                    (((n * shape_.steps + t) * shape_.directions + d) * shape_.gates + phase.first_gate) * hidden;
        row.result = results(f, n, d) + t * hidden;
        row.state = i == 0 ? vector(f, b_.h, n, d) : results(f, n, d) + (backwards(d) ? t + 1 : t - 1) * hidden;
        if (b_.has_c) row.cell = vector(f, b_.c_out, n, d);
        if (phases_.size() > 1) row.cell = floats(at_.kept), row.update = floats(at_.update);
        return row;
    }

    // `from` as the product reads it; the factor of its digits.
    float take_state(StateForm form, const float* from, std::byte* to) const {
        const std::size_t hidden = shape_.hidden, half = stride() / 2;
        switch (form) {
            case StateForm::floats: std::copy_n(from, hidden, reinterpret_cast<float*>(to)); break;
            case StateForm::bytes: {
                auto* high = reinterpret_cast<std::uint8_t*>(to);
                return portable::split_state(from, hidden, high, high + half);
            }
            case StateForm::bfloats: {
                auto* high = reinterpret_cast<std::uint16_t*>(to);
                auto* low = reinterpret_cast<std::uint16_t*>(to + half);
                portable::split_bfloat(from, hidden, high, low);
                if (hidden % 2 != 0) high[hidden] = low[hidden] = 0;
            }
        }
        return 1;
    }

    // A task's panels. It takes the whole state for itself: that is faster than to wait for another to do it.
    void step(const Frame& f, const Phase& phase, const std::size_t* lengths, std::size_t d, std::size_t i,
              const Task& task) const {
        auto* rows = reinterpret_cast<RecurrentRow*>(task.scratch);
        std::size_t count = 0;
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            if (i >= lengths[n]) continue;
            RecurrentRow row = row_of(f, phase, n, d, i, lengths[n]);
            row.factor = take_state(phase.form, phase.of_kept ? row.cell : row.state,
                                    task.scratch + at_.states + count * stride());
            rows[count++] = row;
        }
        const RecurrentProduct& product = *phase.products[d];
        const std::size_t each = product.panels_per_unit(), units = (phase.panels.count() + each - 1) / each;
        PanelsOfStep at{task.scratch + at_.states, rows, count, shape_.hidden, phase.scales[d].data()};
        if (!bias_.empty()) at.bias = bias_.data() + d * shape_.hidden;
        // Every other step begins with the weights that the one before ended with, which are still near.
        at.backwards = i % 2 == 1;
        const std::size_t begin = units * task.index / task.count, end = units * (task.index + 1) / task.count;
        const std::size_t with_cells = product.panels_with_cells();
        PanelsOfStep first = at, rest = at;
        first.begin = begin, first.end = std::min(end, with_cells);
        rest.begin = std::max(begin, with_cells), rest.end = end;
        if (at.backwards) run_units(f, phase, product, rest, task);
        if (first.begin < first.end) product.run_cells(first);
        if (!at.backwards) run_units(f, phase, product, rest, task);
    }

    // Units of panels, products and then cells.
    void run_units(const Frame& f, const Phase& phase, const RecurrentProduct& product, const PanelsOfStep& at,
                   const Task& task) const {
        const std::size_t each = product.panels_per_unit(), columns = phase.panels.columns();
        auto* sums = reinterpret_cast<float*>(task.scratch + at_.sums);
        for (std::size_t k = at.begin; k < at.end; ++k) {
            const std::size_t unit = at.backwards ? at.begin + at.end - 1 - k : k;
            product.run(at.states, at.count, unit, f.scratch + at_.product, sums);
            const float* of_row = sums;
            for (std::size_t panel = unit * each; panel < std::min((unit + 1) * each, phase.panels.count()); ++panel)
                for (std::size_t n = 0; n < at.count; ++n, of_row += columns) run_cells(phase, at, panel, n, of_row);
        }
    }

    void run_cells(const Phase& phase, const PanelsOfStep& at, std::size_t panel, std::size_t n,
                   const float* sums) const {
        const RecurrentPanels& panels = phase.panels;
        const RecurrentRow& row = at.rows[n];
        const std::size_t end = std::min((panel + 1) * panels.units(), shape_.hidden);
        const float* scale = at.scale + panel * panels.columns();
        const auto moved = [](auto* pointer, std::size_t by) { return pointer ? pointer + by : nullptr; };
        for (std::size_t unit = panel * panels.units(); unit < end; unit += kUnits) {
            phase.cell.run({row.start + unit, at.start_stride, sums, scale, row.factor,
                            std::min(kUnits, shape_.hidden - unit), moved(row.cell, unit), row.state + unit,
                            row.result + unit, moved(at.bias, unit), moved(row.update, unit)});
            sums += panels.gates * kUnits;
            scale += panels.gates * kUnits;
        }
    }

    SequenceShape shape_;
    bool reverse_;
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
    auto run = std::make_shared<RecurrentWork>(shape, op.direction == RecurrentDirection::reverse, b, node.name,
                                               lengths, parameters->bias, p.threads());
    PlannedProduct made;
    std::size_t first_gate = 0;
    for (const RecurrentCell& cell : cells_of(op)) {
        Phase phase{.panels = {shape.hidden, cell.gates()},
                    .first_gate = first_gate,
                    .of_kept = first_gate != 0,
                    .cell = cell};
        for (std::size_t d = 0; d < shape.directions; ++d) {
            const RecurrentWeights weights{parameters->r, shape.gates, d,
                                           first_gate,    integer,     !integer && p.uses_bfloats(),
                                           phase.panels};
            made = recurrent_product(p, shape.batch, cell, weights);
            phase.form = made.form;
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
