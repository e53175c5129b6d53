#include "ir/ops/detection.hpp"

#include <algorithm>

#include "ir/xml/upgrade.hpp"

namespace octet::ir::xml::rows {
namespace {

// Opset 1 keeps the axes and the corner rule in attributes, its operands are data and sizes.
bool interpolate_1(LayerIn& layer, Interpolate& op) {
    const auto zero = [](std::int64_t pad) { return pad == 0; };
    if (!std::ranges::all_of(op.pads_begin, zero) || !std::ranges::all_of(op.pads_end, zero)) return false;
    op.pads_begin.clear();  // here one number stands for all axes
    op.pads_end.clear();
    // Up to four dimensions this form's "linear" is what later forms call linear_onnx.
    if (op.mode == InterpolateMode::linear && layer.type(0).shape.rank() < 5) op.mode = InterpolateMode::linear_onnx;
    op.calculation = InterpolateFrom::sizes;
    op.nearest = NearestMode::simple;
    const bool corners = parse_bool(layer.text("align_corners", "true"));
    op.coordinates = corners ? CoordinateMode::align_corners : CoordinateMode::asymmetric;
    std::vector<std::int64_t> axes;
    parse_field(&axes, layer.text("axes"));
    require(layer.inputs.size() == 2, "got {} inputs, wanted 2", layer.inputs.size());
    layer.inputs.push_back(layer.integers(axes));
    return true;
}

// Opset 4 has both sizes and scales and says which of them counts.
bool interpolate_4(LayerIn& layer, Interpolate& op) {
    require(layer.inputs.size() == 3 || layer.inputs.size() == 4, "got {} inputs, wanted 3 or 4", layer.inputs.size());
    layer.inputs.erase(layer.inputs.begin() + (op.calculation == InterpolateFrom::sizes ? 2 : 1));
    return true;
}

void write_detection_output(const DetectionOutput& op, LayerOut& layer) {
    const bool center = op.code_type == BoxCode::center_size;
    layer.attribute("code_type", center ? "caffe.PriorBoxParameter.CENTER_SIZE" : "caffe.PriorBoxParameter.CORNER");
}

bool read_detection_output(LayerIn& layer, DetectionOutput& op) {
    return parse_field(EnumRef{reinterpret_cast<std::uint8_t*>(&op.code_type), kBoxCodeNames},
                       layer.text("code_type", "corner"));
}

constexpr Names kInterpolate = {needed("mode"),
                                needed("calculation", "shape_calculation_mode"),
                                {"coordinates", "coordinate_transformation_mode"},
                                {"nearest", "nearest_mode"}};
constexpr Names kNonMaxSuppression = {{"index_element", "output_type"}};

constexpr Row kRows[] = {
    older<Interpolate, interpolate_1>("Interpolate", 1,
                                      {needed("mode"), elsewhere("calculation"), elsewhere("coordinates"),
                                       elsewhere("nearest")}),
    older<Interpolate, interpolate_4>("Interpolate", 4, kInterpolate),
    row<Interpolate>("Interpolate", 11, kInterpolate),
    older<PriorBox>("PriorBox", 1),
    row<PriorBox>("PriorBox", 8),
    row<PriorBoxClustered>("PriorBoxClustered", 1),
    older<DetectionOutput, read_detection_output>("DetectionOutput", 1,
                                                  {needed("keep_top_k"), needed("nms_threshold"),
                                                   elsewhere("code_type")}),
    row<DetectionOutput, read_detection_output, write_detection_output>("DetectionOutput", 8,
                                                                        {needed("keep_top_k"), needed("nms_threshold"),
                                                                         elsewhere("code_type")}),
    older<NonMaxSuppression>("NonMaxSuppression", 1, {elsewhere("index_element")}),
    older<NonMaxSuppression>("NonMaxSuppression", 3, kNonMaxSuppression),
    row<NonMaxSuppression>("NonMaxSuppression", 9, kNonMaxSuppression),
    row<CtcGreedyDecoder>("CTCGreedyDecoder", 1, {{"merge_repeated", "ctc_merge_repeated"}}),
    row<CtcGreedyDecoderSeqLen>("CTCGreedyDecoderSeqLen", 6,
                                {{"classes_element", "classes_index_type"},
                                 {"lengths_element", "sequence_length_type"}}),
};

}  // namespace

std::span<const Row> detection() { return kRows; }

}  // namespace octet::ir::xml::rows
