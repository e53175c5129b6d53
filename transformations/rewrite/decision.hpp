#pragma once
// Yes, or no with a reason: what rules, plans, kernels and devices answer.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octet::rewrite {

// Stable names of reasons; reports print them in capitals. A reason that users can act on has its own code.
enum class Code : std::uint8_t {
    none,
    no_act_fq,
    no_weights_fq,
    levels_unsupported,
    intervals_not_const,
    shape_unsupported,
    precision_conflict,
    port_disabled,
    act_scale_per_channel,
    scale_along_k,
    weights_zp,
    zp_out_of_range,
    zp_with_relu,
    zp_with_mvn,
    zp_fractional,
    negative_scale,
    zero_scale,
    dynamic_rank,
    dynamic_channels,
    both_zp_multiply,
    concat_unquantized_input,
    concat_mixed_types,
    concat_axis,
    align_levels_collapse,
    reshape_mixes_channels,
    transpose_moves_channel,
    pad_multi_dim,
    plugin_veto,
    executor_fallback,
    reverted_in_cleanup,
    saturation_risk,
    acc_overflow,
    // Of rules in general.
    dynamic_shape,
    type_unsupported,
    value_unsupported,      // a constant holds numbers the rule has no meaning for
    attribute_unsupported,  // a field of the op does
    not_constant,
    used_elsewhere,
    inexact,
    not_profitable,
};
std::string_view name_of(Code code);  // "NEGATIVE_SCALE"

// What a text speaks of: a layer by name, and numbers.
struct Detail {
    std::string layer = {};
    std::vector<double> values = {};
    bool operator==(const Detail&) const = default;
};

struct Decision {
    bool ok = true;
    Code code = Code::none;
    std::string text = {};  // may hold {layer}, {0}, {1}, ... for the detail
    Detail detail = {};

    static Decision yes() { return {}; }
    static Decision no(Code code, std::string text, Detail detail = {}) {
        return {false, code, std::move(text), std::move(detail)};
    }
    explicit operator bool() const { return ok; }
};
std::string to_string(const Decision& decision);  // "yes", "NEGATIVE_SCALE: the scale of 'dq' is negative"

// The text with {name} replaced by `lookup(name)`; "{{" and "}}" stand for braces.
template <class Lookup>
std::string fill(std::string_view text, Lookup lookup) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
        if (i + 1 < text.size() && (text[i] == '{' || text[i] == '}') && text[i + 1] == text[i]) {
            result += text[i++];
        } else if (end != std::string_view::npos) {
            result += lookup(text.substr(i + 1, end - i - 1));
            i = end;
        } else {
            result += text[i];
        }
    }
    return result;
}
// Placeholders of a detail: {layer}, {0}, {1}, ...; `known` is false for any other.
std::string detail_text(const Detail& detail, std::string_view placeholder, bool& known);

}  // namespace octet::rewrite
