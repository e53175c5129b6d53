#include "samples/benchmark_app/summary.hpp"

#include <fmt/format.h>

#include <array>

#include "samples/benchmark_app/counters.hpp"

namespace octet::benchmark {

void Summary::add(Section section, std::string_view label, std::string_view value) {
    rows_.push_back({section, std::string(label), std::string(value)});
}

void Summary::add_number(Section section, std::string_view label, double value) {
    add(section, label, fmt::format("{:.6f}", value));
}

std::string Summary::csv() const {
    struct Title {
        Section section;
        std::string_view text;
    };
    constexpr std::array kTitles{Title{Section::command_line, "Command line parameters"},
                                 Title{Section::configuration, "Configuration setup"},
                                 Title{Section::results, "Execution results"}};
    std::string text;
    for (const auto& title : kTitles) {
        text += fmt::format("{};\n", title.text);
        for (const auto& row : rows_)
            if (row.section == title.section)
                text += fmt::format("{};{};\n", csv_field(row.label), csv_field(row.value));
        text += '\n';
    }
    return text;
}

}  // namespace octet::benchmark
