#pragma once
// Everything that moves elements without looking at them: transposes, broadcasts, slices, concatenation, splits, padding.
#include <cstddef>
#include <span>
#include <vector>

namespace octet::cpu::portable {

// out[out_offset + sum i_d * out_step_d] = in[in_offset + sum i_d * in_step_d] for every index; steps and offsets count elements.
// A step of 0 in the input repeats, a negative one walks backwards.
struct StridedCopy {
    struct Dim {
        std::size_t extent = 1;
        std::ptrdiff_t in_step = 0;
        std::ptrdiff_t out_step = 0;
    };
    std::size_t element_size = 1;  // bytes: any where the last dimension is contiguous on both sides, else 1, 2, 4 or 8
    std::vector<Dim> dims = {};
    std::ptrdiff_t in_offset = 0;
    std::ptrdiff_t out_offset = 0;

    // Drops dimensions of extent 1, merges neighbours, orders them for writing, and makes a contiguous end one larger element. Call
    // it once before units() and run().
    void simplify();

    std::size_t units() const;
    void run(const void* in, void* out, std::size_t begin, std::size_t end) const;
};

// The dense result of transposing `shape`: result axis i is input axis order[i]. Simplified.
StridedCopy transpose(std::span<const std::size_t> shape, std::span<const std::size_t> order, std::size_t element_size);

// A block of `extents`, from position `from` with steps `step` in a dense tensor `in_shape` to position `to` in a dense tensor
// `out_shape`: a slice (to = 0), a part of a concatenation (from = 0), or the inside of a padded tensor. Simplified.
StridedCopy copy_block(std::span<const std::size_t> extents, std::span<const std::size_t> in_shape,
                       std::span<const std::size_t> from, std::span<const std::ptrdiff_t> step,
                       std::span<const std::size_t> out_shape, std::span<const std::size_t> to,
                       std::size_t element_size);

// A dense `shape` repeated to the dense `result`; axes are aligned at the end. Simplified.
StridedCopy broadcast(std::span<const std::size_t> shape, std::span<const std::size_t> result,
                      std::size_t element_size);

// `count` elements of 1, 2, 4 or 8 bytes, all equal to *value.
void fill(void* out, std::size_t count, const void* value, std::size_t element_size);

}  // namespace octet::cpu::portable
