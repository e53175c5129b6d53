#pragma once
// The product of a state with recurrent weights, a panel of columns at a time.
#include <memory>
#include <string>
#include <utility>

#include "plugins/cpu/kernels/portable/recurrent.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

// The columns of a panel: for each of `blocks` blocks of kUnits hidden units their `gates` gates, kUnits columns each. Blocks are as many as
// fit four vectors, so that sums wait for each other less.
struct RecurrentPanels {
    static constexpr std::size_t kUnits = portable::RecurrentCell::kUnits;
    static constexpr std::size_t kVectors = 4;
    std::size_t hidden = 0, gates = 1, blocks = 1;

    RecurrentPanels(std::size_t hidden_size, std::size_t gate_count);
    std::size_t units() const { return blocks * kUnits; }
    std::size_t columns() const { return gates * units(); }
    std::size_t count() const { return (hidden + units() - 1) / units(); }
    // Column j of a panel: its gate and its hidden unit, which may be beyond the last.
    std::size_t gate(std::size_t j) const { return j / kUnits % gates; }
    std::size_t unit(std::size_t panel, std::size_t j) const {
        return (panel * blocks + j / (gates * kUnits)) * kUnits + j % kUnits;
    }
};

// Those of R [D, G * H, H] for one direction and the gates from `first_gate` on.
struct RecurrentWeights {
    ir::Tensor tensor;
    std::size_t gates = 1;  // G
    std::size_t direction = 0, first_gate = 0;
    bool integer = false;
    bool narrow = false;  // floats that may be kept as bf16
    RecurrentPanels panels;

    // The row of R behind a column, whose unit is not beyond the last.
    std::size_t row(std::size_t panel, std::size_t j) const;
    const std::byte* column(std::size_t panel, std::size_t j) const;  // null beyond the last unit
};

// How a product reads a state: two digits of 8 bits, two of bf16, or as it is.
enum class StateForm : std::uint8_t { floats, bytes, bfloats };
std::size_t state_stride(StateForm form, std::size_t hidden);  // in bytes

// A time step of some sequences: panels [begin, end).
struct PanelsOfStep {
    const std::byte* states = nullptr;
    const portable::RecurrentRow* rows = nullptr;
    std::size_t count = 0;         // of the rows
    std::size_t start_stride = 0;  // values between the gates of a row
    const float* scale = nullptr;  // of each column of all panels
    const float* bias = nullptr;   // of each unit, of a GRU that multiplies before it resets
    std::size_t begin = 0, end = 0;
    bool backwards = false;
};

class RecurrentProduct {
public:
    RecurrentProduct() = default;
    RecurrentProduct(const RecurrentProduct&) = delete;
    RecurrentProduct& operator=(const RecurrentProduct&) = delete;
    virtual ~RecurrentProduct() = default;
    virtual std::size_t panels_per_unit() const { return 1; }
    virtual std::size_t scratch_bytes() const { return 0; }  // shared by all threads
    virtual std::size_t packed_bytes() const = 0;
    // sums[panel of the unit][sequence][columns], of `rows` sequences
    virtual void run(const std::byte* states, std::size_t rows, std::size_t unit, std::byte* scratch,
                     float* sums) const = 0;
    // So many of the panels, from the first on, may be run together with their cells.
    virtual std::size_t panels_with_cells() const { return 0; }
    virtual void run_cells(const PanelsOfStep&) const {}
};

struct PlannedProduct {
    std::unique_ptr<const RecurrentProduct> product = {};
    std::string family = "portable";
    StateForm form = StateForm::floats;
    bool narrow = false;  // weights are bf16
};
// The fastest kernel for up to `batch` states, of which `cell` makes the next.
PlannedProduct recurrent_product(Planner& p, std::size_t batch, const portable::RecurrentCell& cell,
                                 const RecurrentWeights& weights);

}  // namespace octet::cpu
