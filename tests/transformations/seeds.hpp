#pragma once
// How many random cases a test runs.
#include <cstdlib>
#include <ranges>

namespace octet {

// The seeds of a test: `budget` of them from 0 on, or what OCTET_RANDOM_GRAPHS and OCTET_RANDOM_SEED say.
inline auto seeds(unsigned budget) {
    const auto number = [](const char* variable, unsigned otherwise) {
        const char* text = std::getenv(variable);
        return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
    };
    const unsigned first = number("OCTET_RANDOM_SEED", 0);
    return std::views::iota(first, first + number("OCTET_RANDOM_GRAPHS", budget));
}

}  // namespace octet
