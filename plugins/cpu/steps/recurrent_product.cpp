#include "plugins/cpu/steps/recurrent_product.hpp"

#include <algorithm>

#include "plugins/cpu/kernels/portable/matmul.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/recurrent.hpp"
#include "plugins/cpu/kernels/x64/recurrent_cell.hpp"
#endif

namespace octet::cpu {

namespace {

#if defined(__x86_64__)
class X64Product final : public RecurrentProduct {
public:
    X64Product(const x64::RecurrentProductDesc& desc, x64::CodeBlock& code, const RecurrentWeights& weights)
        : kernel_(desc, code,
                  [weights](std::int64_t panel, std::int64_t column) {
                      return weights.column(static_cast<std::size_t>(panel), static_cast<std::size_t>(column));
                  }),
          with_cells_(desc.cell ? weights.panels.hidden / weights.panels.units() : 0) {}
    std::size_t packed_bytes() const override { return kernel_.packed_bytes(); }
    void run(const std::byte* states, std::size_t rows, std::size_t unit, std::byte*, float* sums) const override {
        kernel_.run(states, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(unit), sums);
    }
    std::size_t panels_with_cells() const override { return with_cells_; }
    void run_cells(const PanelsOfStep& step) const override {
        kernel_.run_cells({step.states, step.rows, static_cast<std::int64_t>(step.count), step.start_stride, step.scale,
                           step.bias, static_cast<std::int64_t>(step.begin), static_cast<std::int64_t>(step.end),
                           step.backwards});
    }

private:
    x64::RecurrentProduct kernel_;
    std::size_t with_cells_;
};
#endif

// Digits are rows of a product of their own, so that integers are the same as those of the generated kernel. A panel has the place of four
// vectors, also where it is narrower.
class PortableProduct final : public RecurrentProduct {
public:
    static constexpr std::size_t kPlace = RecurrentPanels::kVectors * RecurrentPanels::kUnits;

    PortableProduct(std::size_t batch, const RecurrentWeights& weights)
        : panels_(weights.panels.count()), columns_(weights.panels.columns()), integer_(weights.integer) {
        kernel_.rows = integer_ ? 2 * batch : batch;
        kernel_.depth = weights.panels.hidden;
        kernel_.columns = panels_ * kPlace;
        kernel_.input.type = integer_ ? DataType::u8 : DataType::f32;
        kernel_.input.zero_point = integer_ ? 128 : 0;
        kernel_.input.stride = integer_ ? state_stride(StateForm::bytes, kernel_.depth) / 2 : kernel_.depth;
        kernel_.second.type = integer_ ? DataType::s8 : DataType::f32;
        packed_ = portable::pack_weights(
            1, kernel_.depth, kernel_.columns, integer_, [&](std::size_t, std::size_t k, std::size_t column) {
                const std::size_t j = column % kPlace;
                const std::byte* from = j < columns_ ? weights.column(column / kPlace, j) : nullptr;
                if (!from) return 0.0F;
                return integer_ ? static_cast<float>(reinterpret_cast<const std::int8_t*>(from)[k])
                                : reinterpret_cast<const float*>(from)[k];
            });
    }
    std::size_t panels_per_unit() const override { return portable::kBlockColumns / kPlace; }
    std::size_t scratch_bytes() const override { return kernel_.rows * kernel_.columns * sizeof(float); }
    std::size_t packed_bytes() const override { return packed_.floats.size() * 4 + packed_.shorts.size() * 2; }
    // All rows, also where fewer count: a state may be anything.
    void run(const std::byte* state, std::size_t rows, std::size_t unit, std::byte* scratch,
             float* sums) const override {
        const portable::Arguments args{state, nullptr, {}, scratch};
        const std::size_t blocks = (kernel_.columns + portable::kBlockColumns - 1) / portable::kBlockColumns;
        for (std::size_t u = unit; u < kernel_.units(); u += blocks) kernel_.run(packed_, args, u, u + 1);
        const std::size_t first = unit * panels_per_unit();
        for (std::size_t panel = first; panel < std::min(first + panels_per_unit(), panels_); ++panel)
            for (std::size_t n = 0; n < rows; ++n, sums += columns_) join(scratch, n, panel * kPlace, sums);
    }

private:
    void join(const std::byte* scratch, std::size_t n, std::size_t column, float* sums) const {
        const auto* row = reinterpret_cast<const float*>(scratch) + n * (integer_ ? 2 : 1) * kernel_.columns + column;
        if (!integer_) {
            std::copy_n(row, columns_, sums);
            return;
        }
        // Exact before it is rounded to float, like the fused operation of the generated kernel.
        const float* low = row + kernel_.columns;
        for (std::size_t i = 0; i < columns_; ++i) sums[i] = static_cast<float>(256.0 * row[i] + low[i]);
    }

    portable::MatMul kernel_;
    portable::PackedWeights packed_;
    std::size_t panels_, columns_;
    bool integer_;
};

}  // namespace

RecurrentPanels::RecurrentPanels(std::size_t hidden_size, std::size_t gate_count)
    : hidden(hidden_size), gates(gate_count) {
    blocks = std::clamp<std::size_t>((hidden + kUnits - 1) / kUnits, 1, kVectors / gates);
}

std::size_t RecurrentWeights::row(std::size_t panel, std::size_t j) const {
    return (direction * gates + first_gate + panels.gate(j)) * panels.hidden + panels.unit(panel, j);
}

const std::byte* RecurrentWeights::column(std::size_t panel, std::size_t j) const {
    if (panels.unit(panel, j) >= panels.hidden) return nullptr;
    return tensor.data() + row(panel, j) * panels.hidden * (integer ? 1 : sizeof(float));
}

std::size_t state_stride(StateForm form, std::size_t hidden) {
    switch (form) {
        case StateForm::floats: return hidden * sizeof(float);
        case StateForm::bytes: return 2 * ((hidden + 3) / 4 * 4);
        case StateForm::bfloats: return 2 * sizeof(std::uint16_t) * ((hidden + 1) / 2 * 2);
    }
    return 0;
}

PlannedProduct recurrent_product([[maybe_unused]] Planner& p, std::size_t batch,
                                 [[maybe_unused]] const portable::RecurrentCell& cell,
                                 const RecurrentWeights& weights) {
    const StateForm form = weights.integer ? StateForm::bytes : StateForm::floats;
#if defined(__x86_64__)
    x64::RecurrentProductDesc desc{.rows = static_cast<std::int64_t>(batch),
                                   .depth = static_cast<std::int64_t>(weights.panels.hidden),
                                   .panels = static_cast<std::int64_t>(weights.panels.count()),
                                   .vectors = static_cast<int>(weights.panels.columns() / RecurrentPanels::kUnits),
                                   .integer = weights.integer,
                                   .narrow = weights.narrow,
                                   .split = weights.narrow};
    if (x64::accepts(cell, p.machine())) desc.cell = cell.kind;
    if (!x64::RecurrentProduct::accepts(desc, p.machine())) desc.split = false;
    if (!x64::RecurrentProduct::accepts(desc, p.machine())) desc.narrow = false;
    if (x64::RecurrentProduct::accepts(desc, p.machine()))
        return {std::make_unique<X64Product>(desc, p.code(), weights), "x64", desc.split ? StateForm::bfloats : form,
                desc.narrow};
#endif
    return {std::make_unique<PortableProduct>(batch, weights), "portable", form};
}

}  // namespace octet::cpu
