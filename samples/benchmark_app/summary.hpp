#pragma once
// benchmark_report.csv: what was asked for, how it was set up, what came out.
#include <string>
#include <string_view>
#include <vector>

namespace octet::benchmark {

inline constexpr std::string_view kSummaryFile = "benchmark_report.csv";

class Summary {
public:
    enum class Section { command_line, configuration, results };

    void add(Section section, std::string_view label, std::string_view value);
    void add_number(Section section, std::string_view label, double value);  // with six decimals
    std::string csv() const;

private:
    struct Row {
        Section section;
        std::string label;
        std::string value;
    };
    std::vector<Row> rows_;
};

}  // namespace octet::benchmark
