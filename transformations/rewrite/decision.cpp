#include "transformations/rewrite/decision.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace octet::rewrite {
namespace {

constexpr auto kNames = std::to_array<std::string_view>({
    "NONE",
    "NO_ACT_FQ",
    "NO_WEIGHTS_FQ",
    "LEVELS_UNSUPPORTED",
    "INTERVALS_NOT_CONST",
    "SHAPE_UNSUPPORTED",
    "PRECISION_CONFLICT",
    "PORT_DISABLED",
    "ACT_SCALE_PER_CHANNEL",
    "SCALE_ALONG_K",
    "WEIGHTS_ZP",
    "ZP_OUT_OF_RANGE",
    "ZP_WITH_RELU",
    "ZP_WITH_MVN",
    "ZP_FRACTIONAL",
    "NEGATIVE_SCALE",
    "ZERO_SCALE",
    "DYNAMIC_RANK",
    "DYNAMIC_CHANNELS",
    "BOTH_ZP_MULTIPLY",
    "CONCAT_UNQUANTIZED_INPUT",
    "CONCAT_MIXED_TYPES",
    "CONCAT_AXIS",
    "ALIGN_LEVELS_COLLAPSE",
    "RESHAPE_MIXES_CHANNELS",
    "TRANSPOSE_MOVES_CHANNEL",
    "PAD_MULTI_DIM",
    "PLUGIN_VETO",
    "EXECUTOR_FALLBACK",
    "REVERTED_IN_CLEANUP",
    "SATURATION_RISK",
    "ACC_OVERFLOW",
    "DYNAMIC_SHAPE",
    "TYPE_UNSUPPORTED",
    "VALUE_UNSUPPORTED",
    "ATTRIBUTE_UNSUPPORTED",
    "NOT_CONSTANT",
    "USED_ELSEWHERE",
    "INEXACT",
    "NOT_PROFITABLE",
});
static_assert(kNames.size() == static_cast<std::size_t>(Code::not_profitable) + 1);

}  // namespace

std::string_view name_of(Code code) { return kNames[static_cast<std::size_t>(code)]; }

std::string detail_text(const Detail& detail, std::string_view placeholder, bool& known) {
    known = true;
    if (placeholder == "layer") return detail.layer;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(placeholder.data(), placeholder.data() + placeholder.size(), index);
    known = error == std::errc() && end == placeholder.data() + placeholder.size();
    return known && index < detail.values.size() ? fmt::format("{}", detail.values[index]) : "?";
}

std::string to_string(const Decision& decision) {
    if (decision.ok) return "yes";
    const auto text = fill(decision.text, [&](std::string_view placeholder) {
        bool known = false;
        return detail_text(decision.detail, placeholder, known);
    });
    return fmt::format("{}: {}", name_of(decision.code), text);
}

}  // namespace octet::rewrite
