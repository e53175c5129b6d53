#pragma once
/// What a Report says about int8: shares, why the rest is float, and what to do about it.
#include <cstddef>
#include <octet/report.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

/// Float layers with one reason.
struct FloatCause {
    std::string reason;               ///< a sentence; of several layers it says "the layer" where each has its own name
    std::vector<std::string> layers;  ///< with those that run inside them
};

/// Float layers whose reasons have one code, and so one thing to do about them.
struct FloatGroup {
    std::string code;                ///< NO_ACT_FQ
    std::string advice;              ///< what can be done about it
    std::vector<FloatCause> causes;  ///< most layers first
    double time_us = 0;              ///< of one inference; 0 when not measured
    std::size_t count() const;       ///< layers
};

/// The layers that compute: how many of them, and how much of their time, is int8.
struct Int8Summary {
    std::size_t layers = 0;
    std::size_t int8_layers = 0;
    double time_us = 0;  ///< of one inference; 0 when not measured
    double int8_time_us = 0;
    std::vector<FloatGroup> groups;  ///< most time first, or where it was not measured most layers

    double layer_share() const;  ///< 0 to 1; 1 of no layers
    double time_share() const;   ///< 0 to 1; 1 of no time
};
Int8Summary summarize_int8(const Report& report);

/// What can be done about a layer that is float for this reason (LayerReport::code). Empty for a code that is not known.
std::string_view advice_for(std::string_view code);

/// The least share of int8 that somebody asks for.
struct Int8Requirement {
    double share = 0;      ///< 0 to 1
    bool of_time = false;  ///< of the time of the layers that compute, rather than of their number

    /// "95%" (of layers) or "95%time". Throws Error for anything else.
    static Int8Requirement parse(std::string_view text);
    /// Empty when it is met, else a sentence that says what was reached and the largest causes. `of_time` needs a summary of a report
    /// with times; one without them does not meet it.
    std::string shortfall(const Int8Summary& summary) const;
};

}  // namespace octet
