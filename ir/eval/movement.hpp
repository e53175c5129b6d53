#pragma once
// Kernels of data movement that pad, repeat or rearrange blocks.
#include "ir/eval/eval.hpp"
#include "ir/ops/movement.hpp"

namespace octet::ir::eval {

Tensors pad(const Pad& op, std::span<const Tensor> in);
Tensors tile(const Tile& op, std::span<const Tensor> in);
Tensors broadcast_kernel(const Broadcast& op, std::span<const Tensor> in);
Tensors depth_to_space(const DepthToSpace& op, std::span<const Tensor> in);
Tensors space_to_depth(const SpaceToDepth& op, std::span<const Tensor> in);
Tensors shuffle_channels(const ShuffleChannels& op, std::span<const Tensor> in);
Tensors batch_to_space(const BatchToSpace& op, std::span<const Tensor> in);
Tensors space_to_batch(const SpaceToBatch& op, std::span<const Tensor> in);
Tensors reverse_sequence(const ReverseSequence& op, std::span<const Tensor> in);

// `begin` and `end` elements of a value more on every axis; negative ones cut. `value` holds one element.
Tensor padded(const Tensor& data, const Dims& begin, const Dims& end, const Tensor& value);

// The place of an axis of `size` that a place outside of it repeats.
std::int64_t mirrored(std::int64_t place, std::int64_t size, PadMode mode);

}  // namespace octet::ir::eval
