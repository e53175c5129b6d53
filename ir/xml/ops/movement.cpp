#include "ir/ops/movement.hpp"

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// A later form may leave an axis alone that is not 1.
bool squeeze_15(LayerIn& layer, Squeeze&) { return !parse_bool(layer.text("allow_axis_skip", "false")); }

bool split(LayerIn& layer, Split& op) {
    const auto outputs = static_cast<std::int64_t>(layer.declared.size());
    require(op.parts == outputs, "attribute 'num_splits' is {}, the layer has {} outputs", op.parts, outputs);
    return true;
}

// Opset 5 flattens the batch axes in its result.
bool gather_nd_5(LayerIn&, GatherNd& op) { return op.batch_dims < 2; }

// Later forms can combine what is written with what was there.
template <class T>
bool overwrites(LayerIn& layer, T&) {
    const std::string_view reduction = layer.text("reduction", "none");
    return reduction == "none" || reduction == "NONE";
}

bool range_1(LayerIn& layer, Range& op) {
    op.element = layer.type(0).element;
    return true;
}

bool one_hot_16(LayerIn& layer, OneHot&) {
    const std::string_view mode = layer.text("negative_indices_mode", "ignore_negative");
    return mode == "ignore_negative" || mode == "IGNORE_NEGATIVE";
}

constexpr Row kRows[] = {
    row<Reshape>("Reshape", 1, {needed("special_zero")}),
    row<Squeeze>("Squeeze", 1),
    older<Squeeze, squeeze_15>("Squeeze", 15),
    row<Unsqueeze>("Unsqueeze", 1),
    row<Transpose>("Transpose", 1),
    row<Concat>("Concat", 1, {needed("axis")}),
    row<Split, split>("Split", 1, {needed("parts", "num_splits")}),
    row<VariadicSplit>("VariadicSplit", 1),
    row<StridedSlice>("StridedSlice", 1, {needed("begin_mask"), needed("end_mask")}),
    row<Slice>("Slice", 8),
    older<Gather>("Gather", 1, {elsewhere("batch_dims")}),
    older<Gather>("Gather", 7),
    row<Gather>("Gather", 8),
    row<GatherElements>("GatherElements", 6, {needed("axis")}),
    older<GatherNd, gather_nd_5>("GatherND", 5),
    row<GatherNd>("GatherND", 8),
    row<ScatterNdUpdate>("ScatterNDUpdate", 4),
    older<ScatterNdUpdate>("ScatterNDUpdate", 3),
    older<ScatterNdUpdate, overwrites<ScatterNdUpdate>>("ScatterNDUpdate", 15),
    row<ScatterUpdate>("ScatterUpdate", 3),
    row<ScatterElementsUpdate>("ScatterElementsUpdate", 3),
    older<ScatterElementsUpdate, overwrites<ScatterElementsUpdate>>("ScatterElementsUpdate", 12),
    older<Pad>("Pad", 1, {needed("mode", "pad_mode")}),
    row<Pad>("Pad", 12, {needed("mode", "pad_mode")}),
    row<Tile>("Tile", 1),
    older<Broadcast>("Broadcast", 1),
    row<Broadcast>("Broadcast", 3),
    row<DepthToSpace>("DepthToSpace", 1, {needed("mode")}),
    row<SpaceToDepth>("SpaceToDepth", 1, {needed("mode")}),
    row<ShuffleChannels>("ShuffleChannels", 1),
    row<BatchToSpace>("BatchToSpace", 2),
    row<SpaceToBatch>("SpaceToBatch", 2),
    row<ReverseSequence>("ReverseSequence", 1),
    older<ShapeOf>("ShapeOf", 1, {elsewhere("element")}),
    row<ShapeOf>("ShapeOf", 3, {{"element", "output_type"}}),
    older<Range, range_1>("Range", 1, {elsewhere("element")}),
    row<Range>("Range", 4, {needed("element", "output_type")}),
    row<NonZero>("NonZero", 3, {{"element", "output_type"}}),
    row<OneHot>("OneHot", 1, {needed("axis")}),
    older<OneHot, one_hot_16>("OneHot", 16, {needed("axis")}),
};

}  // namespace

std::span<const Row> movement() { return kRows; }

}  // namespace octet::ir::xml::rows
