#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "ir/support/check.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

std::size_t parse_count(std::string_view key, std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    ir::require(error == std::errc() && end == text.data() + text.size(), "OCTET_DEBUG: '{}' is '{}', wanted a number",
                key, text);
    return value;
}

Verify parse_verify(std::string_view text) {
    if (text == "nothing") return Verify::nothing;
    if (text == "steps") return Verify::steps;
    if (text == "applications") return Verify::applications;
    ir::fail("OCTET_DEBUG: 'verify' is '{}', wanted 'nothing', 'steps' or 'applications'", text);
}

void set(Options& options, std::string_view key, std::string_view value) {
    if (key == "dump") options.dump.emplace_back(value);
    else if (key == "disable") options.disabled.emplace_back(value);
    else if (key == "only") options.only.emplace_back(value);
    else if (key == "explain") options.explain.emplace_back(value);
    else if (key == "stop-after") options.stop_after = parse_count(key, value);
    else if (key == "verify") options.verify = parse_verify(value);
    else
        ir::fail("OCTET_DEBUG: unknown key '{}', wanted 'dump', 'disable', 'only', 'explain', 'stop-after' or 'verify'",
                 key);
}

}  // namespace

Options Options::parse(std::string_view text) {
    Options options;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view item = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        if (item.empty()) continue;
        const std::size_t equals = item.find('=');
        ir::require(equals != std::string_view::npos, "OCTET_DEBUG: got '{}', wanted 'key=value'", item);
        set(options, item.substr(0, equals), item.substr(equals + 1));
    }
    return options;
}

Options Options::from_environment() {
    const char* text = std::getenv("OCTET_DEBUG");
    return text ? parse(text) : Options{};
}

bool matches(std::string_view name, const std::vector<std::string>& patterns) {
    return std::ranges::any_of(patterns, [&](std::string_view p) {
        return p.ends_with('*') ? name.starts_with(p.substr(0, p.size() - 1)) : name == p;
    });
}

}  // namespace octet::rewrite
