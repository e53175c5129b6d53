#pragma once
// Resizing, and the ops around detection heads.
#include "ir/op.hpp"

namespace octet::ir {

enum class InterpolateMode : std::uint8_t { nearest, linear, linear_onnx, cubic };
inline constexpr std::array<std::string_view, 4> kInterpolateModeNames{"nearest", "linear", "linear_onnx", "cubic"};
constexpr std::span<const std::string_view> enum_names(InterpolateMode) { return kInterpolateModeNames; }

enum class InterpolateFrom : std::uint8_t { sizes, scales };
inline constexpr std::array<std::string_view, 2> kInterpolateFromNames{"sizes", "scales"};
constexpr std::span<const std::string_view> enum_names(InterpolateFrom) { return kInterpolateFromNames; }

enum class CoordinateMode : std::uint8_t {
    half_pixel,
    pytorch_half_pixel,
    asymmetric,
    tf_half_pixel_for_nn,
    align_corners
};
inline constexpr std::array<std::string_view, 5> kCoordinateModeNames{"half_pixel", "pytorch_half_pixel", "asymmetric",
                                                                      "tf_half_pixel_for_nn", "align_corners"};
constexpr std::span<const std::string_view> enum_names(CoordinateMode) { return kCoordinateModeNames; }

enum class NearestMode : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil, simple };
inline constexpr std::array<std::string_view, 5> kNearestModeNames{"round_prefer_floor", "round_prefer_ceil", "floor",
                                                                   "ceil", "simple"};
constexpr std::span<const std::string_view> enum_names(NearestMode) { return kNearestModeNames; }

enum class BoxCode : std::uint8_t { corner, center_size };
inline constexpr std::array<std::string_view, 2> kBoxCodeNames{"corner", "center_size"};
constexpr std::span<const std::string_view> enum_names(BoxCode) { return kBoxCodeNames; }

enum class BoxEncoding : std::uint8_t { corner, center };
inline constexpr std::array<std::string_view, 2> kBoxEncodingNames{"corner", "center"};
constexpr std::span<const std::string_view> enum_names(BoxEncoding) { return kBoxEncodingNames; }

// Operands data, sizes or scales (as `calculation` says), axes (optional: all).
struct Interpolate {
    static constexpr std::string_view name = "interpolate";
    InterpolateMode mode = InterpolateMode::nearest;
    InterpolateFrom calculation = InterpolateFrom::sizes;
    CoordinateMode coordinates = CoordinateMode::half_pixel;
    NearestMode nearest = NearestMode::round_prefer_floor;
    bool antialias = false;
    std::vector<std::int64_t> pads_begin = {};
    std::vector<std::int64_t> pads_end = {};
    double cube_coeff = -0.75;
    static constexpr auto fields() {
        return std::array{field<&Interpolate::mode>("mode"),
                          field<&Interpolate::calculation>("calculation"),
                          field<&Interpolate::coordinates>("coordinates"),
                          field<&Interpolate::nearest>("nearest"),
                          field<&Interpolate::antialias>("antialias"),
                          field<&Interpolate::pads_begin>("pads_begin"),
                          field<&Interpolate::pads_end>("pads_end"),
                          field<&Interpolate::cube_coeff>("cube_coeff")};
    }
};
Types infer(const Interpolate& op, Inputs inputs);
std::int64_t interpolated_size(std::int64_t size, double scale);

// Operands: size of the feature map, size of the image, both [2]. Result f32 [2, count].
struct PriorBox {
    static constexpr std::string_view name = "prior_box";
    std::vector<double> min_size = {};
    std::vector<double> max_size = {};
    std::vector<double> aspect_ratio = {};
    std::vector<double> density = {};
    std::vector<double> fixed_ratio = {};
    std::vector<double> fixed_size = {};
    bool clip = false;
    bool flip = false;
    double step = 0;
    double offset = 0;
    std::vector<double> variance = {};
    bool scale_all_sizes = true;
    bool min_max_aspect_ratios_order = true;
    static constexpr auto fields() {
        return std::array{field<&PriorBox::min_size>("min_size"),
                          field<&PriorBox::max_size>("max_size"),
                          field<&PriorBox::aspect_ratio>("aspect_ratio"),
                          field<&PriorBox::density>("density"),
                          field<&PriorBox::fixed_ratio>("fixed_ratio"),
                          field<&PriorBox::fixed_size>("fixed_size"),
                          field<&PriorBox::clip>("clip"),
                          field<&PriorBox::flip>("flip"),
                          field<&PriorBox::step>("step"),
                          field<&PriorBox::offset>("offset"),
                          field<&PriorBox::variance>("variance"),
                          field<&PriorBox::scale_all_sizes>("scale_all_sizes"),
                          field<&PriorBox::min_max_aspect_ratios_order>("min_max_aspect_ratios_order")};
    }
};
Types infer(const PriorBox& op, Inputs inputs);
std::vector<float> prior_box_ratios(const PriorBox& op);  // 1 first, then the others, flipped ones behind theirs
std::int64_t prior_box_count(const PriorBox& op);         // boxes per place of the feature map

// Operands as PriorBox.
struct PriorBoxClustered {
    static constexpr std::string_view name = "prior_box_clustered";
    std::vector<double> width = {};
    std::vector<double> height = {};
    bool clip = false;
    double step = 0;
    double step_w = 0;
    double step_h = 0;
    double offset = 0;
    std::vector<double> variance = {};
    static constexpr auto fields() {
        return std::array{field<&PriorBoxClustered::width>("width"),   field<&PriorBoxClustered::height>("height"),
                          field<&PriorBoxClustered::clip>("clip"),     field<&PriorBoxClustered::step>("step"),
                          field<&PriorBoxClustered::step_w>("step_w"), field<&PriorBoxClustered::step_h>("step_h"),
                          field<&PriorBoxClustered::offset>("offset"), field<&PriorBoxClustered::variance>("variance")};
    }
};
Types infer(const PriorBoxClustered& op, Inputs inputs);

// Operands: box logits, class predictions, proposals, and optionally additional class predictions and box predictions. Result [1, 1, n, 7].
struct DetectionOutput {
    static constexpr std::string_view name = "detection_output";
    std::int64_t background_label_id = 0;
    std::int64_t top_k = -1;
    bool variance_encoded_in_target = false;
    std::vector<std::int64_t> keep_top_k = {};
    BoxCode code_type = BoxCode::corner;
    bool share_location = true;
    double nms_threshold = 0;
    double confidence_threshold = 0;
    bool clip_after_nms = false;
    bool clip_before_nms = false;
    bool decrease_label_id = false;
    bool normalized = false;
    std::int64_t input_height = 1;
    std::int64_t input_width = 1;
    double objectness_score = 0;
    static constexpr auto fields() {
        return std::array{field<&DetectionOutput::background_label_id>("background_label_id"),
                          field<&DetectionOutput::top_k>("top_k"),
                          field<&DetectionOutput::variance_encoded_in_target>("variance_encoded_in_target"),
                          field<&DetectionOutput::keep_top_k>("keep_top_k"),
                          field<&DetectionOutput::code_type>("code_type"),
                          field<&DetectionOutput::share_location>("share_location"),
                          field<&DetectionOutput::nms_threshold>("nms_threshold"),
                          field<&DetectionOutput::confidence_threshold>("confidence_threshold"),
                          field<&DetectionOutput::clip_after_nms>("clip_after_nms"),
                          field<&DetectionOutput::clip_before_nms>("clip_before_nms"),
                          field<&DetectionOutput::decrease_label_id>("decrease_label_id"),
                          field<&DetectionOutput::normalized>("normalized"),
                          field<&DetectionOutput::input_height>("input_height"),
                          field<&DetectionOutput::input_width>("input_width"),
                          field<&DetectionOutput::objectness_score>("objectness_score")};
    }
};
Types infer(const DetectionOutput& op, Inputs inputs);

// Operands boxes, scores, then optionally max boxes per class, iou threshold, score threshold, soft nms sigma.
// Results: selected indices [n, 3], selected scores f32 [n, 3], valid count [1].
struct NonMaxSuppression {
    static constexpr std::string_view name = "non_max_suppression";
    BoxEncoding box_encoding = BoxEncoding::corner;
    bool sort_result_descending = true;
    Element index_element = Element::i64;
    static constexpr auto fields() {
        return std::array{field<&NonMaxSuppression::box_encoding>("box_encoding"),
                          field<&NonMaxSuppression::sort_result_descending>("sort_result_descending"),
                          field<&NonMaxSuppression::index_element>("index_element")};
    }
};
Types infer(const NonMaxSuppression& op, Inputs inputs);

// Operands logits [T, N, C], sequence mask [T, N]. Result [N, T, 1, 1], filled up with -1.
struct CtcGreedyDecoder {
    static constexpr std::string_view name = "ctc_greedy_decoder";
    bool merge_repeated = true;
    static constexpr auto fields() { return std::array{field<&CtcGreedyDecoder::merge_repeated>("merge_repeated")}; }
};
Types infer(const CtcGreedyDecoder& op, Inputs inputs);

// Operands logits [N, T, C], lengths [N], blank index (optional). Results: classes [N, T], lengths [N].
struct CtcGreedyDecoderSeqLen {
    static constexpr std::string_view name = "ctc_greedy_decoder_seq_len";
    bool merge_repeated = true;
    Element classes_element = Element::i32;
    Element lengths_element = Element::i32;
    static constexpr auto fields() {
        return std::array{field<&CtcGreedyDecoderSeqLen::merge_repeated>("merge_repeated"),
                          field<&CtcGreedyDecoderSeqLen::classes_element>("classes_element"),
                          field<&CtcGreedyDecoderSeqLen::lengths_element>("lengths_element")};
    }
};
Types infer(const CtcGreedyDecoderSeqLen& op, Inputs inputs);

}  // namespace octet::ir
