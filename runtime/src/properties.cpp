#include <octet/properties.hpp>

#include <array>
#include <charconv>
#include <limits>

#include "ir/support/check.hpp"

namespace octet {

std::ostream& operator<<(std::ostream& out, const Any& value) { return out << value.text(); }

namespace detail {

using hint::ExecutionMode;
using hint::PerformanceMode;

namespace {

constexpr std::array<std::string_view, 3> kModes{"LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"};

template <class T>
T number(std::string_view text) {
    T value{};
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    ir::require(status == std::errc() && end == text.data() + text.size(),
                "the value '{}' was asked for as a number of {}..{}", text, std::numeric_limits<T>::min(),
                std::numeric_limits<T>::max());
    return value;
}

}  // namespace

std::string to_text(bool value) { return value ? "YES" : "NO"; }
std::string to_text(std::int64_t value) { return std::to_string(value); }
std::string to_text(streams::Num value) { return value.num == -1 ? "AUTO" : std::to_string(value.num); }
std::string to_text(PerformanceMode value) { return std::string(kModes[static_cast<std::size_t>(value)]); }
std::string to_text(ExecutionMode value) { return value == ExecutionMode::ACCURACY ? "ACCURACY" : "PERFORMANCE"; }

std::string to_text(const std::vector<std::string>& value) {
    std::string text;
    for (const std::string& word : value) text += (text.empty() ? "" : " ") + word;
    return text;
}

void from_text(const std::string& text, bool& value) {
    const bool yes = text == "YES" || text == "true" || text == "1";
    ir::require(yes || text == "NO" || text == "false" || text == "0", "the value '{}' was asked for as YES or NO",
                text);
    value = yes;
}

void from_text(const std::string& text, std::int64_t& value) { value = number<std::int64_t>(text); }
void from_text(const std::string& text, std::int32_t& value) { value = number<std::int32_t>(text); }
void from_text(const std::string& text, std::uint32_t& value) { value = number<std::uint32_t>(text); }
void from_text(const std::string& text, streams::Num& value) {
    value = text == "AUTO" ? streams::AUTO : streams::Num(number<std::int32_t>(text));
}
void from_text(const std::string& text, std::string& value) { value = text; }

void from_text(const std::string& text, PerformanceMode& value) {
    for (std::size_t i = 0; i < kModes.size(); ++i)
        if (kModes[i] == text) {
            value = static_cast<PerformanceMode>(i);
            return;
        }
    ir::fail("the value '{}' was asked for as LATENCY, THROUGHPUT or CUMULATIVE_THROUGHPUT", text);
}

void from_text(const std::string& text, ExecutionMode& value) {
    ir::require(text == "PERFORMANCE" || text == "ACCURACY", "the value '{}' was asked for as PERFORMANCE or ACCURACY",
                text);
    value = text == "ACCURACY" ? ExecutionMode::ACCURACY : ExecutionMode::PERFORMANCE;
}

void from_text(const std::string& text, std::vector<std::string>& value) {
    value.clear();
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find(' ', from), text.size());
        if (end > from) value.push_back(text.substr(from, end - from));
        from = end + 1;
    }
}

}  // namespace detail

}  // namespace octet
