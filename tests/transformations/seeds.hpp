#pragma once
// How many random cases a test runs.
#include <cstdlib>
#include <numeric>
#include <vector>

namespace octet {

// The seeds of a test: `budget` of them from 0 on, or what OCTET_RANDOM_GRAPHS and OCTET_RANDOM_SEED say.
inline std::vector<unsigned> seeds(unsigned budget) {
    const auto number = [](const char* variable, unsigned otherwise) {
        const char* text = std::getenv(variable);
        return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
    };
    const unsigned first = number("OCTET_RANDOM_SEED", 0);
    std::vector<unsigned> all(number("OCTET_RANDOM_GRAPHS", budget));
    std::iota(all.begin(), all.end(), first);
    return all;
}

}  // namespace octet
