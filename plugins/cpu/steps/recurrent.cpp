// The recurrence of an LSTM: in every time step one product with the state and one pass over the cell.
#include <algorithm>
#include <cstring>

#include "ir/eval/recurrent.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/steps/other.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/lstm_cell.hpp"
#include "plugins/cpu/kernels/x64/recurrent.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

constexpr std::size_t kUnits = portable::LstmCell::kUnits;
constexpr std::size_t kColumns = portable::LstmCell::kGates * kUnits;  // of a panel: the gates of kUnits hidden units
// Below this many bytes of weights a step is faster than waking threads for it.
constexpr std::size_t kFewWeights = 96 * 1024;

struct SequenceShape {
    std::size_t batch = 0, steps = 0, directions = 1, hidden = 0;
    std::size_t panels() const { return (hidden + kUnits - 1) / kUnits; }
};

// Recurrent weights [4H, H] of one direction.
struct Weights {
    Tensor tensor;  // of all directions
    std::size_t direction = 0;
    bool integer = false;
    std::size_t hidden = 0;

    // Those of a column of a panel: column j is gate j / kUnits of the panel's hidden unit j % kUnits. Null beyond the last unit.
    const std::byte* column(std::size_t panel, std::size_t j) const {
        const std::size_t unit = panel * kUnits + j % kUnits;
        if (unit >= hidden) return nullptr;
        const std::size_t row = (direction * portable::LstmCell::kGates + j / kUnits) * hidden + unit;
        return tensor.data() + row * hidden * (integer ? 1 : sizeof(float));
    }
};

// The product of the state with the weights of one direction.
class Product {
public:
    virtual ~Product() = default;
    virtual std::size_t panels_per_unit() const { return 1; }
    virtual std::size_t scratch_bytes() const { return 0; }  // shared by all threads
    virtual std::size_t packed_bytes() const = 0;
    // sums[panel of the unit][sequence][kColumns]
    virtual void run(const std::byte* state, std::size_t unit, std::byte* scratch, float* sums) const = 0;
};

#if defined(__x86_64__)
class X64Product final : public Product {
public:
    X64Product(const x64::RecurrentProductDesc& desc, x64::CodeBlock& code, const Weights& weights)
        : kernel_(desc, code, [weights](std::int64_t panel, std::int64_t column) {
              return weights.column(static_cast<std::size_t>(panel), static_cast<std::size_t>(column));
          }) {}
    std::size_t packed_bytes() const override { return kernel_.packed_bytes(); }
    void run(const std::byte* state, std::size_t unit, std::byte*, float* sums) const override {
        kernel_.run(state, static_cast<std::int64_t>(unit), sums);
    }

private:
    x64::RecurrentProduct kernel_;
};
#endif

// Digits are rows of a product of their own, so that integers are the same as those of the generated kernel.
class PortableProduct final : public Product {
public:
    PortableProduct(const SequenceShape& shape, std::size_t state_stride, const Weights& weights)
        : batch_(shape.batch), panels_(shape.panels()), integer_(weights.integer) {
        kernel_.rows = integer_ ? 2 * shape.batch : shape.batch;
        kernel_.depth = shape.hidden;
        kernel_.columns = panels_ * kColumns;
        kernel_.input.type = integer_ ? DataType::u8 : DataType::f32;
        kernel_.input.zero_point = integer_ ? 128 : 0;
        kernel_.input.stride = integer_ ? state_stride / 2 : shape.hidden;
        kernel_.second.type = integer_ ? DataType::s8 : DataType::f32;
        packed_ = portable::pack_weights(
            1, shape.hidden, kernel_.columns, integer_, [&](std::size_t, std::size_t k, std::size_t column) {
                const std::byte* from = weights.column(column / kColumns, column % kColumns);
                if (!from) return 0.0F;
                return integer_ ? static_cast<float>(reinterpret_cast<const std::int8_t*>(from)[k])
                                : reinterpret_cast<const float*>(from)[k];
            });
    }
    std::size_t panels_per_unit() const override { return portable::kBlockColumns / kColumns; }
    std::size_t scratch_bytes() const override { return kernel_.rows * kernel_.columns * sizeof(float); }
    std::size_t packed_bytes() const override { return packed_.floats.size() * 4 + packed_.shorts.size() * 2; }
    void run(const std::byte* state, std::size_t unit, std::byte* scratch, float* sums) const override {
        const portable::Arguments args{state, nullptr, {}, scratch};
        const std::size_t blocks = (kernel_.columns + portable::kBlockColumns - 1) / portable::kBlockColumns;
        for (std::size_t u = unit; u < kernel_.units(); u += blocks) kernel_.run(packed_, args, u, u + 1);
        const std::size_t first = unit * panels_per_unit();
        for (std::size_t panel = first; panel < std::min(first + panels_per_unit(), panels_); ++panel)
            for (std::size_t n = 0; n < batch_; ++n, sums += kColumns) join(scratch, n, panel * kColumns, sums);
    }

private:
    void join(const std::byte* scratch, std::size_t n, std::size_t column, float* sums) const {
        const auto* row = reinterpret_cast<const float*>(scratch) + n * (integer_ ? 2 : 1) * kernel_.columns + column;
        if (!integer_) {
            std::copy_n(row, kColumns, sums);
            return;
        }
        // Exact before it is rounded to float, like the fused operation of the generated kernel.
        const float* low = row + kernel_.columns;
        for (std::size_t i = 0; i < kColumns; ++i) sums[i] = static_cast<float>(256.0 * row[i] + low[i]);
    }

    portable::MatMul kernel_;
    portable::PackedWeights packed_;
    std::size_t batch_, panels_;
    bool integer_;
};

// What makes of the gates of up to kUnits hidden units their next state.
class Cell {
public:
    virtual ~Cell() = default;
    virtual void run(const portable::LstmCell::Arguments& args) const = 0;
};

class PortableCell : public Cell {
public:
    explicit PortableCell(portable::LstmCell cell) : cell_(cell) {}
    void run(const portable::LstmCell::Arguments& args) const override { cell_.run(args); }

private:
    portable::LstmCell cell_;
};

#if defined(__x86_64__)
class X64Cell final : public PortableCell {
public:
    X64Cell(portable::LstmCell cell, x64::CodeBlock& code)
        : PortableCell(cell), code_(&code), offset_(x64::add_lstm_cell(code)) {}
    void run(const portable::LstmCell::Arguments& args) const override {
        if (args.units == kUnits) code_->call(offset_, args);
        else PortableCell::run(args);
    }

private:
    const x64::CodeBlock* code_;
    std::size_t offset_;
};
#endif

struct Buffers {
    BufferId gates = 0, h = 0, c = 0, lengths = 0, y = 0, h_out = 0, c_out = 0;
};

class LstmWork final : public Work {
public:
    LstmWork(SequenceShape shape, bool reverse, bool integer, std::unique_ptr<const Cell> cell, Buffers buffers,
             std::string layer, Element lengths, int threads)
        : shape_(shape),
          reverse_(reverse),
          integer_(integer),
          cell_(std::move(cell)),
          b_(buffers),
          layer_(std::move(layer)),
          lengths_(lengths),
          threads_(static_cast<std::size_t>(threads)) {}

    // One for each direction, with the scale of each of its columns.
    void add(std::unique_ptr<const Product> product, std::vector<float> scale) {
        products_.push_back(std::move(product));
        scales_.push_back(std::move(scale));
    }

    std::size_t digits() const { return (shape_.hidden + 3) / 4 * 4; }
    std::size_t state_stride() const { return integer_ ? 2 * digits() : shape_.hidden * sizeof(float); }
    std::size_t packed_bytes() const {
        std::size_t bytes = 0;
        for (const auto& product : products_) bytes += product->packed_bytes();
        return bytes;
    }
    std::size_t scratch_bytes() const {
        return sums_offset() + threads_ * sums_size() * sizeof(float) + products_[0]->scratch_bytes();
    }

    void run(const Frame& f) const override {
        auto* lengths = reinterpret_cast<std::size_t*>(f.scratch);
        std::size_t longest = 0;
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            lengths[n] = length(f, n);
            longest = std::max(longest, lengths[n]);
        }
        const std::size_t bytes = shape_.batch * shape_.directions * shape_.hidden * sizeof(float);
        std::memcpy(f.at(b_.h_out), f.at(b_.h), bytes);
        std::memcpy(f.at(b_.c_out), f.at(b_.c), bytes);
        clear_rest(f, lengths);
        for (std::size_t d = 0; d < shape_.directions; ++d)
            for (std::size_t i = 0; i < longest; ++i) step(f, lengths, d, i);
    }

private:
    static std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
    // The scratch memory: lengths, factors, states, sums of each thread, the product's own.
    std::size_t factors_offset() const { return aligned(shape_.batch * sizeof(std::size_t)); }
    std::size_t states_offset() const { return factors_offset() + aligned(shape_.batch * sizeof(float)); }
    std::size_t sums_offset() const { return states_offset() + aligned(shape_.batch * state_stride()); }
    std::size_t sums_size() const { return products_[0]->panels_per_unit() * shape_.batch * kColumns; }

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

    void prepare_direction(const Frame& f, std::size_t d) const {
        auto* factors = reinterpret_cast<float*>(f.scratch + factors_offset());
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            const auto* state = reinterpret_cast<const float*>(f.at(b_.h_out)) +
                                (n * shape_.directions + d) * shape_.hidden;
            std::byte* to = f.scratch + states_offset() + n * state_stride();
            factors[n] = 1;
            if (integer_) {
                auto* high = reinterpret_cast<std::uint8_t*>(to);
                factors[n] = portable::split_state(state, shape_.hidden, high, high + digits());
            } else {
                std::memcpy(to, state, state_stride());
            }
        }
    }

    void step(const Frame& f, const std::size_t* lengths, std::size_t d, std::size_t i) const {
        prepare_direction(f, d);
        const std::size_t each = products_[d]->panels_per_unit();
        const std::size_t units = (shape_.panels() + each - 1) / each;
        const auto run_units = [&](std::size_t begin, std::size_t end, int thread) {
            auto* sums = reinterpret_cast<float*>(f.scratch + sums_offset()) +
                         static_cast<std::size_t>(thread) * sums_size();
            std::byte* scratch = f.scratch + sums_offset() + threads_ * sums_size() * sizeof(float);
            for (std::size_t k = begin; k < end; ++k) {
                // Every other step begins with the weights that the one before ended with, which are still near.
                const std::size_t unit = i % 2 == 0 ? k : begin + end - 1 - k;
                products_[d]->run(f.scratch + states_offset(), unit, scratch, sums);
                for (std::size_t p = 0; p < each && unit * each + p < shape_.panels(); ++p)
                    update(f, lengths, d, i, unit * each + p, sums + p * shape_.batch * kColumns);
            }
        };
        if (4 * shape_.hidden * shape_.hidden * (integer_ ? 1 : 4) < kFewWeights) run_units(0, units, 0);
        else f.pool->parallel(units, run_units);
    }

    void update(const Frame& f, const std::size_t* lengths, std::size_t d, std::size_t i, std::size_t panel,
                const float* sums) const {
        const auto* factors = reinterpret_cast<const float*>(f.scratch + factors_offset());
        const bool backwards = reverse_ || d == 1;
        const std::size_t gates = portable::LstmCell::kGates * shape_.hidden;
        for (std::size_t n = 0; n < shape_.batch; ++n) {
            if (i >= lengths[n]) continue;
            const std::size_t t = backwards ? lengths[n] - 1 - i : i;
            const std::size_t at = n * shape_.directions + d, unit = panel * kUnits;
            portable::LstmCell::Arguments args;
            args.start = reinterpret_cast<const float*>(f.at(b_.gates)) +
                         ((n * shape_.steps + t) * shape_.directions + d) * gates + unit;
            args.start_stride = shape_.hidden;
            args.sums = sums + n * kColumns;
            args.scale = scales_[d].data() + panel * kColumns;
            args.factor = factors[n];
            args.units = std::min(kUnits, shape_.hidden - unit);
            args.cell = reinterpret_cast<float*>(f.at(b_.c_out)) + at * shape_.hidden + unit;
            args.state = reinterpret_cast<float*>(f.at(b_.h_out)) + at * shape_.hidden + unit;
            args.result = reinterpret_cast<float*>(f.at(b_.y)) + (at * shape_.steps + t) * shape_.hidden + unit;
            cell_->run(args);
        }
    }

    SequenceShape shape_;
    bool reverse_, integer_;
    std::unique_ptr<const Cell> cell_;
    Buffers b_;
    std::string layer_;
    Element lengths_;
    std::size_t threads_;
    std::vector<std::unique_ptr<const Product>> products_;
    std::vector<std::vector<float>> scales_;
};

portable::CellActivation activation_of(const eval::CellActivation& given) {
    using F = portable::CellFunction;
    constexpr std::array<std::pair<std::string_view, F>, 11> kNames{{{"sigmoid", F::sigmoid},
                                                                     {"tanh", F::tanh},
                                                                     {"relu", F::relu},
                                                                     {"hardsigmoid", F::hard_sigmoid},
                                                                     {"affine", F::affine},
                                                                     {"elu", F::elu},
                                                                     {"leakyrelu", F::leaky_relu},
                                                                     {"scaledtanh", F::scaled_tanh},
                                                                     {"softplus", F::softplus},
                                                                     {"softsign", F::softsign},
                                                                     {"thresholdedrelu", F::thresholded_relu}}};
    const auto found = std::ranges::find(kNames, given.name, &std::pair<std::string_view, F>::first);
    check(found != kNames.end(), "no kernel for the activation '{}'", given.name);
    return {found->second, given.alpha, given.beta};
}

portable::LstmCell cell_of(const LstmRecurrence& op) {
    const auto given = eval::cell_activations(op);
    portable::LstmCell cell;
    cell.f = activation_of(given[0]), cell.g = activation_of(given[1]), cell.h = activation_of(given[2]);
    cell.clip = static_cast<float>(op.clip);
    return cell;
}

std::unique_ptr<const Cell> make_cell(Planner& p, const LstmRecurrence& op) {
    const portable::LstmCell cell = cell_of(op);
#if defined(__x86_64__)
    if (x64::accepts(cell, p.machine())) return std::make_unique<X64Cell>(cell, p.code());
#endif
    return std::make_unique<PortableCell>(cell);
}

// The scale of each column of each panel; 1 for float weights.
std::vector<float> scales_of(const Tensor* scale, std::size_t d, const SequenceShape& shape) {
    std::vector<float> result(shape.panels() * kColumns, 1.0F);
    if (!scale) return result;
    const auto values = scale->as<float>();
    for (std::size_t i = 0; i < result.size(); ++i) {
        const std::size_t unit = i / kColumns * kUnits + i % kUnits, gate = i % kColumns / kUnits;
        if (unit < shape.hidden) result[i] = values[(d * portable::LstmCell::kGates + gate) * shape.hidden + unit];
    }
    return result;
}

// The fastest kernel for the product of one direction, and its name.
std::pair<std::unique_ptr<const Product>, std::string> product_of(Planner& p, const SequenceShape& shape,
                                                                  const Weights& weights, std::size_t state_stride) {
    const std::string type = weights.integer ? "s8" : "f32";
#if defined(__x86_64__)
    const x64::RecurrentProductDesc desc{.rows = static_cast<std::int64_t>(shape.batch),
                                         .depth = static_cast<std::int64_t>(shape.hidden),
                                         .panels = static_cast<std::int64_t>(shape.panels()),
                                         .integer = weights.integer};
    if (x64::RecurrentProduct::accepts(desc, p.machine()))
        return {std::make_unique<X64Product>(desc, p.code(), weights), "x64_lstm_" + type};
#endif
    return {std::make_unique<PortableProduct>(shape, state_stride, weights), "portable_lstm_" + type};
}

}  // namespace

bool plan_lstm(Planner& p, const Group& group) {
    const Graph& graph = p.graph();
    const Node& node = graph.node(group.core);
    const auto& op = node.op.get<LstmRecurrence>();
    const Tensor* r = graph.constant(node.inputs[4]);
    const Tensor* scale = node.inputs.size() > 5 ? graph.constant(node.inputs[5]) : nullptr;
    const Element lengths = graph.element(node.inputs[3]);
    if (!r || (node.inputs.size() > 5 && !scale) || graph.element(node.inputs[0]) != Element::f32 ||
        (lengths != Element::i32 && lengths != Element::i64))
        return false;
    const Dims gates = dims_of(p, node.inputs[0]);
    const SequenceShape shape{static_cast<std::size_t>(gates[0]), static_cast<std::size_t>(gates[1]),
                              op.direction == RecurrentDirection::bidirectional ? 2u : 1u,
                              static_cast<std::size_t>(op.hidden_size)};
    if (shape.batch == 0 || shape.hidden == 0) return false;
    Buffers b;
    b.gates = p.input(node.inputs[0], Layout::plain).buffer;
    b.h = p.input(node.inputs[1], Layout::plain).buffer;
    b.c = p.input(node.inputs[2], Layout::plain).buffer;
    b.lengths = p.input(node.inputs[3], Layout::plain).buffer;
    b.y = p.output({group.core, 0}, Layout::plain).buffer;
    b.h_out = p.output({group.core, 1}, Layout::plain).buffer;
    b.c_out = p.output({group.core, 2}, Layout::plain).buffer;
    const bool integer = scale != nullptr;
    auto run = std::make_shared<LstmWork>(shape, op.direction == RecurrentDirection::reverse, integer, make_cell(p, op),
                                          b, node.name, lengths, p.threads());
    const Tensor weights = r->aligned(), scales = scale ? scale->aligned() : Tensor();
    std::string kernel;
    for (std::size_t d = 0; d < shape.directions; ++d) {
        auto made = product_of(p, shape, {weights, d, integer, shape.hidden}, run->state_stride());
        run->add(std::move(made.first), scales_of(scale ? &scales : nullptr, d, shape));
        kernel = std::move(made.second);
    }
    Step step = p.step_for(group, kernel);
    step.int8 = integer;
    step.reads = {b.gates, b.h, b.c, b.lengths};
    step.writes = {b.y, b.h_out, b.c_out};
    step.scratch_bytes = run->scratch_bytes();
    step.packed_bytes = run->packed_bytes();
    step.work = std::move(run);
    p.add(std::move(step));
    return true;
}

}  // namespace octet::cpu
