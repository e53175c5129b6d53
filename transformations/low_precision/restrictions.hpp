#pragma once
// What a device can do in low precision: rows of pure functions.
#include <optional>
#include <span>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/low_precision/cost.hpp"
#include "transformations/low_precision/dequantization.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::low_precision {

// An operand of an op that is asked about.
struct Operand {
    std::optional<Dequantization> codes;           // absent: float
    ir::Element element = ir::Element::undefined;  // of the codes
    bool constant = false;
};

struct Restriction {
    std::uint64_t op;
    // Whether the op can work on its operands' codes. Called only when each data operand has codes.
    rewrite::Decision (*accepts)(const ir::Graph& graph, const ir::Node& node, std::span<const Operand> operands);
};

struct Restrictions {
    std::string_view device;
    std::span<const Restriction> rows;
    Costs costs;
    std::int64_t levels = kLevels8;  // the most that a FakeQuantize may have
    const Restriction* find(const ir::Op& op) const;
};

// u8 data, i8 weights per output channel, i32 sums; elementwise ops, pools and means on codes inside one kernel.
Restrictions cpu_restrictions();
// OpenCL: as the CPU, with backward convolutions of whole blocks of channels and without zero points.
Restrictions gpu_restrictions();
// No integers at all.
Restrictions no_restrictions();

// Rows to build sets of: a weighted op that the integer rules take; a normalisation of codes; an op whose kernels read codes, compute in
// float and write codes.
rewrite::Decision accepts_weighted(const ir::Graph& graph, const ir::Node& node, std::span<const Operand> operands);
rewrite::Decision accepts_normalization(const ir::Graph& graph, const ir::Node& node,
                                        std::span<const Operand> operands);
rewrite::Decision accepts_fused(const ir::Graph& graph, const ir::Node& node, std::span<const Operand> operands);

// Whether an operand of the op must have codes: weights and data of weighted ops, weights of recurrences, all but constants of the others.
bool needs_codes(const ir::Graph& graph, const ir::Node& node, std::size_t operand);

}  // namespace octet::low_precision
