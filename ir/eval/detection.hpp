#pragma once
// Kernels of resizing and of detection heads.
#include "ir/eval/eval.hpp"
#include "ir/ops/detection.hpp"

namespace octet::ir::eval {

Tensors interpolate(const Interpolate& op, std::span<const Tensor> in);
Tensors detection_output(const DetectionOutput& op, std::span<const Tensor> in);
Tensors non_max_suppression(const NonMaxSuppression& op, std::span<const Tensor> in);

struct Box {
    float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};
// Area of the intersection over that of the union; 0 where there is no area.
float intersection_over_union(const Box& a, const Box& b);

}  // namespace octet::ir::eval
