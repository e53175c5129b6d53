#pragma once
// The answer of a kernel to a problem: it can, or it cannot and says why.
#include <string>
#include <utility>

namespace octet::cpu {

struct Acceptance {
    bool ok = true;
    std::string reason = {};  // lower case, no full stop; empty when accepted
    std::string code = {};    // a name that reports know, such as SATURATION_RISK; may be empty
    explicit operator bool() const { return ok; }
};

inline Acceptance accepted() { return {}; }
inline Acceptance declined(std::string reason, std::string code = {}) {
    return {false, std::move(reason), std::move(code)};
}

}  // namespace octet::cpu
