#pragma once
// Cases that may crash, hang or ask for too much memory, each in turn in another process.
#include <functional>
#include <string>
#include <vector>

namespace octet::ir {

struct IsolatedLimits {
    std::size_t memory = std::size_t{3} << 30;  // of address space
    unsigned seconds = 60;                      // a case
};

// Runs `check` for first .. first + count - 1 in child processes, many in one as long as all goes well. `check` gives what is wrong, or
// nothing. Returns one sentence for each that is wrong: "17: it ends with signal 11".
std::vector<std::string> run_isolated(std::uint64_t first, std::uint64_t count,
                                      const std::function<std::string(std::uint64_t)>& check,
                                      const IsolatedLimits& limits = {});

}  // namespace octet::ir
