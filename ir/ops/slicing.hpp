#pragma once
// The arithmetic of slices, shared by shape inference and kernels.
#include <optional>
#include <vector>

#include "ir/ops/movement.hpp"

namespace octet::ir {

// first, first + step, ...: `count` places of an axis.
struct AxisSlice {
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::int64_t step = 1;
    bool operator==(const AxisSlice&) const = default;
};
// Python's rules: negative bounds count from the end, bounds outside are cut; an absent bound is the end of the axis.
AxisSlice slice_axis(std::int64_t size, std::optional<std::int64_t> begin, std::optional<std::int64_t> end,
                     std::int64_t step);

// How entry after entry of a strided slice maps the axes of the data. `index` takes one place and drops the axis, `fresh` makes a new
// axis of 1. entry: into begin, end and strides; axis: of the data.
struct SliceStep {
    enum class Kind { copy, slice, index, fresh } kind = Kind::copy;
    std::size_t entry = 0;
    std::size_t axis = 0;
};
std::vector<SliceStep> strided_slice_steps(const StridedSlice& op, std::size_t count, std::size_t rank);
bool mask_at(const std::vector<std::int64_t>& mask, std::size_t entry);

}  // namespace octet::ir
