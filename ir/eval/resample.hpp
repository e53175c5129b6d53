#pragma once
// The arithmetic of resizing: which places of the data a place of the result is made of.
#include <cstdint>
#include <vector>

#include "ir/ops/detection.hpp"
#include "ir/tensor.hpp"

namespace octet::ir::eval {

// Along one axis every place of the result is a weighted sum of `count` places of the data.
struct Taps {
    std::size_t count = 0;
    std::vector<std::size_t> places = {};  // `count` for each place of the result
    std::vector<float> weights = {};

    void add(std::int64_t place, float weight) {
        places.push_back(static_cast<std::size_t>(place));
        weights.push_back(weight);
    }
};

// How many times longer each axis becomes. `given`: the second operand; `axes`: the third, null for all axes.
std::vector<float> axis_scales(const Interpolate& op, const Dims& data, const Dims& result, const Tensor& given,
                               const Tensor* axes);

// The taps of an axis of `size` places that becomes one of `result`. Nearest has one of weight 1.
Taps axis_taps(const Interpolate& op, std::int64_t size, std::int64_t result, float scale);

}  // namespace octet::ir::eval
