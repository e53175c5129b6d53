#pragma once
// Inside this folder only: an Epilogue in oneDNN's terms.
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/onednn/part.hpp"

namespace octet::cpu::onednn {

// result = post_ops(acc * scale[c] + shift[c]); what linear steps could be moved into scale and shift is there.
struct PostOp {
    enum class Kind : std::uint8_t { eltwise, sum, binary_constant, binary_operand, prelu };
    Kind kind = Kind::eltwise;
    dnnl::algorithm algorithm = dnnl::algorithm::undef;
    float alpha = 0;  // of the function; the factor of a sum
    float beta = 0;
    std::vector<float> values = {};  // one per channel
    std::uint32_t operand = 0;
    DataType type = DataType::f32;
    Spread spread = Spread::full;
};

struct MappedEpilogue {
    std::vector<double> scale = {};  // empty, one value, or one per channel
    std::vector<double> shift = {};  // empty or one per channel
    std::vector<PostOp> post_ops = {};
    DataType result = DataType::f32;
    bool sum = false;  // the result's memory holds the operand `in_place` before the run
};

// `in_place` is the index of the operand whose memory the result takes, or -1.
Acceptance map_epilogue(const Epilogue& epilogue, std::int64_t channels, int in_place, MappedEpilogue& mapped);

// Where a part of the result lies in the whole.
struct Window {
    dnnl::memory::dims extents;  // of the part
    dnnl::memory::dims strides;  // of the whole, in elements
    dnnl::memory::dims begin;    // of the part in the whole
    std::size_t channel = 1;     // the axis of channels
    std::int64_t channels = 0;   // of the whole
};

std::size_t first_element(const Window& window);
dnnl::memory::desc desc_of(const Window& window, DataType type);

// Adds the post operations to the attributes, and their operands to the part. Call the first before the primitive is made.
void add_post_ops(const MappedEpilogue& mapped, const Window& window, dnnl::primitive_attr& attributes);
void bind_post_ops(const MappedEpilogue& mapped, const Window& window, Part& part);

// The values of channels [begin, begin + count).
std::vector<float> channel_values(const std::vector<double>& values, std::int64_t begin, std::int64_t count);

}  // namespace octet::cpu::onednn
