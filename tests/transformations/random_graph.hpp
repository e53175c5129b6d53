#pragma once
// Random quantized graphs: every family of ops that low precision moves, computes with or stops at, with branches, shared
// FakeQuantize, mixed ranges, residual sums and concats of concats.
#include "ir/graph.hpp"

namespace octet {

struct RandomGraphOptions {
    // Scales are powers of two and sums stay below 2^24, so that float arithmetic is exact in any order and no value lies so near to
    // a tie that rounding decides: equal in real arithmetic means equal bit for bit. Otherwise scales are arbitrary, and functions
    // that round are among the ops.
    bool exact = true;
    // The first dimension of every input is unknown, and nothing moves elements across it.
    bool dynamic_batch = false;
    // Channels up to 70 and maps up to 12, for the kernels of a device; otherwise up to 8 and 6.
    bool wide = false;
    // One layer: quantized inputs, some ops, and results that are quantized, so that no rounding follows another.
    bool one_layer = false;
    // Every FakeQuantize of data has 129 levels, and what is joined is quantized: grids that could be one.
    bool equal_levels = false;
    // Some ops are Loop or TensorIterator, with random bodies.
    bool loops = false;
};

ir::Graph random_graph(unsigned seed, const RandomGraphOptions& options = {});

// Numbers for its parameters: multiples of 1/16 in -8..8, any 8-bit code; unknown dimensions become `batch`.
ir::Tensors random_inputs(const ir::Graph& graph, unsigned seed, std::int64_t batch = 2);

}  // namespace octet
