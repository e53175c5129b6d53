#pragma once
// Ops whose results are elements of their first operand, somewhere else.
#include "ir/op.hpp"

namespace octet::ir {

enum class PadMode : std::uint8_t { constant, edge, reflect, symmetric };
inline constexpr std::array<std::string_view, 4> kPadModeNames{"constant", "edge", "reflect", "symmetric"};
constexpr std::span<const std::string_view> enum_names(PadMode) { return kPadModeNames; }

enum class BroadcastMode : std::uint8_t { numpy, bidirectional, explicit_ };
inline constexpr std::array<std::string_view, 3> kBroadcastModeNames{"numpy", "bidirectional", "explicit"};
constexpr std::span<const std::string_view> enum_names(BroadcastMode) { return kBroadcastModeNames; }

enum class DepthMode : std::uint8_t { blocks_first, depth_first };
inline constexpr std::array<std::string_view, 2> kDepthModeNames{"blocks_first", "depth_first"};
constexpr std::span<const std::string_view> enum_names(DepthMode) { return kDepthModeNames; }

// Operands data, pattern. -1: the rest; 0 with special_zero: the dimension of the data at this place.
struct Reshape {
    static constexpr std::string_view name = "reshape";
    static constexpr Traits traits{.moves_data = true};
    bool special_zero = true;
    static constexpr auto fields() { return std::array{field<&Reshape::special_zero>("special_zero")}; }
};
Types infer(const Reshape& op, Inputs inputs);
Partials partial(const Reshape& op, Inputs inputs, const Types& outputs);

// Without the second operand every dimension of 1 is removed.
struct Squeeze {
    static constexpr std::string_view name = "squeeze";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Squeeze& op, Inputs inputs);
Partials partial(const Squeeze& op, Inputs inputs, const Types& outputs);

struct Unsqueeze {
    static constexpr std::string_view name = "unsqueeze";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Unsqueeze& op, Inputs inputs);
Partials partial(const Unsqueeze& op, Inputs inputs, const Types& outputs);

// Operands data, order; an empty order reverses the axes.
struct Transpose {
    static constexpr std::string_view name = "transpose";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Transpose& op, Inputs inputs);

struct Concat {
    static constexpr std::string_view name = "concat";
    std::int64_t axis = 0;
    static constexpr auto fields() { return std::array{field<&Concat::axis>("axis")}; }
};
Types infer(const Concat& op, Inputs inputs);
Partials partial(const Concat& op, Inputs inputs, const Types& outputs);

// Operands data, axis.
struct Split {
    static constexpr std::string_view name = "split";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t parts = 1;
    static constexpr auto fields() { return std::array{field<&Split::parts>("parts")}; }
};
Types infer(const Split& op, Inputs inputs);
Partials partial(const Split& op, Inputs inputs, const Types& outputs);

// Operands data, axis, lengths (one may be -1).
struct VariadicSplit {
    static constexpr std::string_view name = "variadic_split";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const VariadicSplit& op, Inputs inputs);
Partials partial(const VariadicSplit& op, Inputs inputs, const Types& outputs);

// Operands data, begin, end, strides (optional).
struct StridedSlice {
    static constexpr std::string_view name = "strided_slice";
    static constexpr Traits traits{.moves_data = true};
    std::vector<std::int64_t> begin_mask = {};
    std::vector<std::int64_t> end_mask = {};
    std::vector<std::int64_t> new_axis_mask = {};
    std::vector<std::int64_t> shrink_axis_mask = {};
    std::vector<std::int64_t> ellipsis_mask = {};
    static constexpr auto fields() {
        return std::array{field<&StridedSlice::begin_mask>("begin_mask"), field<&StridedSlice::end_mask>("end_mask"),
                          field<&StridedSlice::new_axis_mask>("new_axis_mask"),
                          field<&StridedSlice::shrink_axis_mask>("shrink_axis_mask"),
                          field<&StridedSlice::ellipsis_mask>("ellipsis_mask")};
    }
};
Types infer(const StridedSlice& op, Inputs inputs);
Partials partial(const StridedSlice& op, Inputs inputs, const Types& outputs);

// Operands data, start, stop, step, axes (optional).
struct Slice {
    static constexpr std::string_view name = "slice";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Slice& op, Inputs inputs);
Partials partial(const Slice& op, Inputs inputs, const Types& outputs);

// Operands data, indices, axis. Negative indices count from the end; those out of range give 0.
struct Gather {
    static constexpr std::string_view name = "gather";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t batch_dims = 0;
    static constexpr auto fields() { return std::array{field<&Gather::batch_dims>("batch_dims")}; }
};
Types infer(const Gather& op, Inputs inputs);
Partials partial(const Gather& op, Inputs inputs, const Types& outputs);

struct GatherElements {
    static constexpr std::string_view name = "gather_elements";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t axis = 0;
    static constexpr auto fields() { return std::array{field<&GatherElements::axis>("axis")}; }
};
Types infer(const GatherElements& op, Inputs inputs);

struct GatherNd {
    static constexpr std::string_view name = "gather_nd";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t batch_dims = 0;
    static constexpr auto fields() { return std::array{field<&GatherNd::batch_dims>("batch_dims")}; }
};
Types infer(const GatherNd& op, Inputs inputs);

struct ScatterNdUpdate {
    static constexpr std::string_view name = "scatter_nd_update";
    static constexpr NoFields fields() { return {}; }
};
Types infer(const ScatterNdUpdate& op, Inputs inputs);

// Operands data, indices, updates, axis.
struct ScatterUpdate {
    static constexpr std::string_view name = "scatter_update";
    static constexpr NoFields fields() { return {}; }
};
Types infer(const ScatterUpdate& op, Inputs inputs);

// Operands data, indices, updates, axis.
struct ScatterElementsUpdate {
    static constexpr std::string_view name = "scatter_elements_update";
    static constexpr NoFields fields() { return {}; }
};
Types infer(const ScatterElementsUpdate& op, Inputs inputs);

// Operands data, pads_begin, pads_end, value (optional, constant mode); negative pads cut.
struct Pad {
    static constexpr std::string_view name = "pad";
    PadMode mode = PadMode::constant;
    static constexpr auto fields() { return std::array{field<&Pad::mode>("mode")}; }
};
Types infer(const Pad& op, Inputs inputs);

struct Tile {
    static constexpr std::string_view name = "tile";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const Tile& op, Inputs inputs);

// Operands data, target shape, axes mapping (explicit_ only).
struct Broadcast {
    static constexpr std::string_view name = "broadcast";
    static constexpr Traits traits{.moves_data = true};
    BroadcastMode mode = BroadcastMode::numpy;
    static constexpr auto fields() { return std::array{field<&Broadcast::mode>("mode")}; }
};
Types infer(const Broadcast& op, Inputs inputs);
Partials partial(const Broadcast& op, Inputs inputs, const Types& outputs);

struct DepthToSpace {
    static constexpr std::string_view name = "depth_to_space";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t block_size = 1;
    DepthMode mode = DepthMode::blocks_first;
    static constexpr auto fields() {
        return std::array{field<&DepthToSpace::block_size>("block_size"), field<&DepthToSpace::mode>("mode")};
    }
};
Types infer(const DepthToSpace& op, Inputs inputs);

struct SpaceToDepth {
    static constexpr std::string_view name = "space_to_depth";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t block_size = 1;
    DepthMode mode = DepthMode::blocks_first;
    static constexpr auto fields() {
        return std::array{field<&SpaceToDepth::block_size>("block_size"), field<&SpaceToDepth::mode>("mode")};
    }
};
Types infer(const SpaceToDepth& op, Inputs inputs);

struct ShuffleChannels {
    static constexpr std::string_view name = "shuffle_channels";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t axis = 1;
    std::int64_t group = 1;
    static constexpr auto fields() {
        return std::array{field<&ShuffleChannels::axis>("axis"), field<&ShuffleChannels::group>("group")};
    }
};
Types infer(const ShuffleChannels& op, Inputs inputs);

// Operands data, block shape, crops begin, crops end.
struct BatchToSpace {
    static constexpr std::string_view name = "batch_to_space";
    static constexpr Traits traits{.moves_data = true};
    static constexpr NoFields fields() { return {}; }
};
Types infer(const BatchToSpace& op, Inputs inputs);

// Operands data, block shape, pads begin, pads end.
struct SpaceToBatch {
    static constexpr std::string_view name = "space_to_batch";
    static constexpr NoFields fields() { return {}; }
};
Types infer(const SpaceToBatch& op, Inputs inputs);

// Operands data, lengths.
struct ReverseSequence {
    static constexpr std::string_view name = "reverse_sequence";
    static constexpr Traits traits{.moves_data = true};
    std::int64_t batch_axis = 0;
    std::int64_t seq_axis = 1;
    static constexpr auto fields() {
        return std::array{field<&ReverseSequence::batch_axis>("batch_axis"),
                          field<&ReverseSequence::seq_axis>("seq_axis")};
    }
};
Types infer(const ReverseSequence& op, Inputs inputs);

struct ShapeOf {
    static constexpr std::string_view name = "shape_of";
    Element element = Element::i64;
    static constexpr auto fields() { return std::array{field<&ShapeOf::element>("element")}; }
};
Types infer(const ShapeOf& op, Inputs inputs);
Partials partial(const ShapeOf& op, Inputs inputs, const Types& outputs);

// Operands start, stop, step.
struct Range {
    static constexpr std::string_view name = "range";
    Element element = Element::i64;
    static constexpr auto fields() { return std::array{field<&Range::element>("element")}; }
};
Types infer(const Range& op, Inputs inputs);
Partials partial(const Range& op, Inputs inputs, const Types& outputs);

// Result [rank, count].
struct NonZero {
    static constexpr std::string_view name = "non_zero";
    Element element = Element::i64;
    static constexpr auto fields() { return std::array{field<&NonZero::element>("element")}; }
};
Types infer(const NonZero& op, Inputs inputs);

// Operands indices, depth, on value, off value.
struct OneHot {
    static constexpr std::string_view name = "one_hot";
    std::int64_t axis = -1;
    static constexpr auto fields() { return std::array{field<&OneHot::axis>("axis")}; }
};
Types infer(const OneHot& op, Inputs inputs);

}  // namespace octet::ir
