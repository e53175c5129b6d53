#include <octet/explain.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "ir/support/check.hpp"

namespace octet {

namespace {

struct Advice {
    std::string_view code;
    std::string_view text;
};

// Every code a device gives. The texts speak to who owns the model and the tool that quantized it.
constexpr std::array kAdvice{
    Advice{"NO_ACT_FQ",
           "have the tool that quantizes the model put a FakeQuantize on the output of the layer named; the model's "
           "inputs and layers "
           "that were excluded on purpose may stay as they are"},
    Advice{"NO_WEIGHTS_FQ",
           "quantize the weights too: a FakeQuantize on the constant, or an i8 constant with Convert and Multiply"},
    Advice{"LEVELS_UNSUPPORTED", "quantize to 8 bits: FakeQuantize with 255 or 256 levels"},
    Advice{"INTERVALS_NOT_CONST",
           "make the four interval inputs of the FakeQuantize constants: fold what computes them"},
    Advice{"SHAPE_UNSUPPORTED",
           "give the FakeQuantize one interval per tensor or per channel, and the layer operands of the usual rank"},
    Advice{"PRECISION_CONFLICT",
           "let the layers that share the FakeQuantize ask for one type, or give each its own FakeQuantize"},
    Advice{"PORT_DISABLED", "nothing: this input of the layer takes floats only"},
    Advice{"ACT_SCALE_PER_CHANNEL",
           "quantize the data per tensor; where branches meet in a Concat, give them one common interval (quantizers "
           "call it unified "
           "scales)"},
    Advice{"SCALE_ALONG_K", "quantize the weights per output channel, not along the axis that is summed"},
    Advice{"WEIGHTS_ZP", "quantize the weights symmetrically: intervals with -low and high alike, 255 levels"},
    Advice{"ZP_OUT_OF_RANGE", "let the interval of the data contain 0"},
    Advice{"ZP_WITH_RELU", "quantize behind the ReLU instead of before it, or with an interval that begins at 0"},
    Advice{"ZP_WITH_MVN", "quantize the data of the layer symmetrically"},
    Advice{"ZP_FRACTIONAL",
           "move the interval of the data so that 0 is one of its levels; quantizers do that unless told otherwise"},
    Advice{"NEGATIVE_SCALE",
           "write the interval with low below high, and factors between quantization and the layer above 0"},
    Advice{"ZERO_SCALE",
           "repair the interval that is empty or not finite: the data it was calibrated on never changed there"},
    Advice{"DYNAMIC_RANK", "give the model's inputs a known rank (Model::reshape)"},
    Advice{"DYNAMIC_CHANNELS", "give the model's inputs a known number of channels (Model::reshape)"},
    Advice{"BOTH_ZP_MULTIPLY", "quantize one of the two operands symmetrically"},
    Advice{"CONCAT_UNQUANTIZED_INPUT", "quantize every input of the Concat"},
    Advice{"CONCAT_MIXED_TYPES", "quantize all inputs of the Concat alike: all with or all without negative numbers"},
    Advice{"CONCAT_AXIS", "quantize the inputs of the Concat with one common interval"},
    Advice{"ALIGN_LEVELS_COLLAPSE", "quantize the inputs of the Concat with intervals of similar width"},
    Advice{"RESHAPE_MIXES_CHANNELS", "quantize the data per tensor above the reshape, or per channel below it"},
    Advice{"TRANSPOSE_MOVES_CHANNEL", "quantize the data per tensor above the transpose, or per channel below it"},
    Advice{"PAD_MULTI_DIM", "pad with 0 and let the interval of the data contain it, or pad above the quantization"},
    Advice{"PLUGIN_VETO", "nothing in the model: the restrictions of the device keep this layer in float"},
    Advice{"EXECUTOR_FALLBACK",
           "nothing in the model: this device computes the layer in float; where it takes much of the time, use a "
           "cheaper layer"},
    Advice{"REVERTED_IN_CLEANUP", "nothing: no layer would have used the integers"},
    Advice{"SATURATION_RISK", "quantize the weights to 7 bits, or run on a processor with VNNI"},
    Advice{"ACC_OVERFLOW",
           "split the layer, or quantize its data and weights with fewer levels: its sums need more than 32 bits"},
    Advice{"DYNAMIC_SHAPE", "give the model's inputs a known shape (Model::reshape)"},
    Advice{"TYPE_UNSUPPORTED", "use f32 data with FakeQuantize, or u8 and i8 constants with Convert and Multiply"},
    Advice{"VALUE_UNSUPPORTED", "simplify the constants of the layer; the sentence says which"},
    Advice{"ATTRIBUTE_UNSUPPORTED", "change the attribute of the layer that the sentence names"},
    Advice{"NOT_CONSTANT", "make the operand a constant: fold what computes it"},
    Advice{"USED_ELSEWHERE", "let only this layer read the value, or quantize it for every reader"},
    Advice{"INEXACT", "nothing: results would change"},
    Advice{"NOT_PROFITABLE",
           "nothing: integers would be slower here; LOW_PRECISION_PLAN=INTEGERS takes them all the same"},
    Advice{"LOW_PRECISION_OFF", "compile with INFERENCE_LOW_PRECISION=YES, which is the default"},
    Advice{"REFERENCE", "nothing: REFERENCE shows what is right, compile for CPU to run in int8"},
};

bool is_float(const LayerReport& row) {
    const bool runs = row.status == LayerStatus::executed || row.status == LayerStatus::fused;
    return row.compute && !row.added && runs && !row.int8;
}

std::string replaced(std::string text, const std::string& from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

// The row whose step computes this one, unless that is int8 and has parts that are not.
const LayerReport& runs_in(const std::map<std::string_view, const LayerReport*>& rows, const LayerReport& row) {
    const auto found = rows.find(row.fused_into);
    const bool other = row.status == LayerStatus::fused && found != rows.end() && !found->second->code.empty();
    return other ? *found->second : row;
}

template <class T, class Size>
void largest_first(std::vector<T>& items, Size size) {
    std::ranges::stable_sort(items, [&](const T& a, const T& b) { return size(a) > size(b); });
}

class Grouping {
public:
    void add(const LayerReport& row, const LayerReport& cause) {
        const std::string own = "'" + cause.name + "'";
        const std::string alike = replaced(cause.reason, own, "the layer");
        const auto [at, fresh] = places_.try_emplace(cause.code, groups_.size());
        if (fresh) groups_.push_back({cause.code, std::string(advice_for(cause.code)), {}, 0});
        FloatGroup& group = groups_[at->second];
        group.time_us += row.real_time_us;
        auto found = std::ranges::find(group.causes, alike, &FloatCause::reason);
        if (found == group.causes.end()) found = group.causes.insert(found, {alike, {}});
        found->layers.push_back(row.name);
        auto& one = sentences_[{at->second, alike}];
        if (one.empty()) one = cause.reason;
        else if (one != cause.reason) one = alike;
    }

    std::vector<FloatGroup> take() {
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            for (FloatCause& cause : groups_[g].causes) cause.reason = sentences_[{g, cause.reason}];
            largest_first(groups_[g].causes, [](const FloatCause& c) { return c.layers.size(); });
        }
        largest_first(groups_, [](const FloatGroup& g) { return g.count(); });
        return std::move(groups_);
    }

private:
    std::vector<FloatGroup> groups_;
    std::map<std::string, std::size_t> places_;  // by code
    std::map<std::pair<std::size_t, std::string>, std::string>
        sentences_;  // of a group and a sentence without own names
};

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

}  // namespace

std::string_view advice_for(std::string_view code) {
    const auto found = std::ranges::find(kAdvice, code, &Advice::code);
    return found == kAdvice.end() ? "" : found->text;
}

std::size_t FloatGroup::count() const {
    std::size_t sum = 0;
    for (const FloatCause& cause : causes) sum += cause.layers.size();
    return sum;
}

double Int8Summary::layer_share() const {
    return layers == 0 ? 1 : static_cast<double>(int8_layers) / static_cast<double>(layers);
}
double Int8Summary::time_share() const { return time_us > 0 ? int8_time_us / time_us : 1; }

Int8Summary summarize_int8(const Report& report) {
    std::map<std::string_view, const LayerReport*> rows;
    for (const LayerReport& row : report.layers)
        if (!row.added) rows.emplace(row.name, &row);
    Int8Summary summary;
    Grouping groups;
    for (const LayerReport& row : report.layers) {
        const bool runs = row.status == LayerStatus::executed || row.status == LayerStatus::fused;
        if (!row.compute || row.added || !runs) continue;
        ++summary.layers;
        summary.time_us += row.real_time_us;
        if (row.int8) {
            ++summary.int8_layers;
            summary.int8_time_us += row.real_time_us;
        }
        if (is_float(row)) groups.add(row, runs_in(rows, row));
    }
    summary.groups = groups.take();
    if (summary.time_us > 0) largest_first(summary.groups, [](const FloatGroup& g) { return g.time_us; });
    return summary;
}

Int8Requirement Int8Requirement::parse(std::string_view text) {
    Int8Requirement result;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), result.share,
                                               std::chars_format::fixed);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    ir::require(
        status == std::errc() && result.share >= 0 && result.share <= 100 && (unit == "%" || unit == "%time"),
        "got '{}', wanted a share of int8 such as '95%' (of the layers that compute) or '95%time' (of their time)",
        text);
    result.share /= 100;
    result.of_time = unit == "%time";
    return result;
}

std::string Int8Requirement::shortfall(const Int8Summary& summary) const {
    if (of_time && summary.layers > 0 && summary.time_us <= 0)
        return fmt::format("{} of the time was to be int8, but no times were measured", percent(share));
    constexpr double kRounding = 1e-9;
    const double reached = of_time ? summary.time_share() : summary.layer_share();
    if (reached + kRounding >= share) return {};
    std::string text = of_time ? fmt::format("{} of the time of the layers that compute is int8", percent(reached))
                               : fmt::format("{} of the layers that compute are int8 ({} of {})", percent(reached),
                                             summary.int8_layers, summary.layers);
    text += fmt::format(", {} {} required", percent(share), of_time ? "was" : "were");
    std::vector<FloatGroup> groups = summary.groups;
    if (!of_time) largest_first(groups, [](const FloatGroup& g) { return g.count(); });
    constexpr std::size_t kShown = 3;
    for (std::size_t i = 0; i < std::min(groups.size(), kShown); ++i) {
        const FloatGroup& g = groups[i];
        text += i == 0 ? "; float: " : ", ";
        if (of_time) text += percent(g.time_us / summary.time_us) + " in ";
        text += fmt::format("{} x {} ({}: {})", g.count(), g.code, g.causes[0].layers[0], g.causes[0].reason);
    }
    return text;
}

}  // namespace octet
