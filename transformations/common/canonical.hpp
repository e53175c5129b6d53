#pragma once
// One spelling for each idea.
#include <cstdint>
#include <vector>

#include "transformations/rewrite/rule.hpp"

namespace octet::common {

// convert(fake_quantize(x)) -> quantize(x), multiply(subtract(convert(q), zero_point), scale) -> dequantize(q).
std::vector<rewrite::Rule> dequantize_rules();

// FakeQuantize divides a code by levels - 1 and multiplies it again: for some counts of levels, up to 2^24, that is not a whole number any
// more in f32. 255 and 256 are not among them. `first`: the lowest of its outputs.
bool gives_whole_numbers(std::int64_t levels, std::int64_t first);

// f16, bf16 and f64 inside the graph become f32. Parameters and Results keep their element type behind a Convert.
bool widen(ir::Graph& graph);

// Ops that do nothing give way to their operand.
bool remove_identities(ir::Graph& graph);

// Equal ops on equal operands become one: files repeat a FakeQuantize for each reader.
bool merge_equal(ir::Graph& graph);

// x * sigmoid(x) -> swish(x) and its like.
std::vector<rewrite::Rule> activation_rules();

// scaled_dot_product_attention -> its products and its softmax; transposes of transposes become one.
std::vector<rewrite::Rule> attention_rules();

// The products of a recurrent op's inputs become a matmul of their own, for all time steps at once.
std::vector<rewrite::Rule> recurrent_rules();

// reshape, transpose and reshape that make space of blocks of channels -> depth_to_space; functions of what is only moved join the layer
// that computes it.
std::vector<rewrite::Rule> rearranging_rules();

// Constant factors and summands in a row become one of each; subtract and divide become add and multiply.
std::vector<rewrite::Rule> linear_rules();

// BatchNorm -> multiply, add; constant factors and summands move into the weights and biases before them.
std::vector<rewrite::Rule> scale_shift_rules();

}  // namespace octet::common
