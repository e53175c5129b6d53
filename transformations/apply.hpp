#pragma once
// The low-precision transformations as one function, for plugins, tools and applications.
#include "transformations/pipelines.hpp"

namespace octet {

struct LowPrecisionOptions {
    // What the device can do; its rows must live as long as the call. Rows of the caller's own go before those of a device: the first one
    // for an op counts.
    low_precision::Restrictions restrictions = low_precision::cpu_restrictions();
    low_precision::Policy policy = low_precision::cheapest_policy();
    // Further steps: on the graph as it was read, and on the canonical graph before precisions are planned.
    rewrite::Pipeline first = {};
    rewrite::Pipeline before_plan = {};
    // Integers, for devices of this library; or quantize and dequantize as FakeQuantize, Convert, Subtract and Multiply, for model files.
    enum class Form : std::uint8_t { integers, qdq };
    Form form = Form::integers;
    // Whether the device multiplies floats by constant weights that stay codes of 4 or 8 bits, and spreads tables (keeps_table) itself;
    // else such constants become plain floats.
    bool weight_only = false;
    rewrite::Options engine = {};
};

struct LowPrecisionResult {
    ir::Graph graph;
    // Every layer that was asked about: on codes, or why not.
    low_precision::PrecisionPlan plan;
    rewrite::RunLog log;  // every application and refusal; `rewrite::describe` and `rewrite::explain` tell it
};

// The graph in low precision. It computes the same values, up to the rounding of float sums. Throws Error for a graph that is wrong, and
// for a rule that breaks it (Options::verify).
LowPrecisionResult apply_low_precision(ir::Graph graph, const LowPrecisionOptions& options = {});

}  // namespace octet
