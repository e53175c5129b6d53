#pragma once
#include <fmt/format.h>

#include <octet/error.hpp>
#include <string>
#include <utility>

namespace octet::ir {

// Throws Error with a formatted sentence: got and wanted, names quoted, lower case, no full stop.
template <class... A>
[[noreturn]] void fail(fmt::format_string<A...> text, A&&... args) {
    throw Error(fmt::format(text, std::forward<A>(args)...));
}

template <class... A>
void require(bool condition, fmt::format_string<A...> text, A&&... args) {
    if (!condition) throw Error(fmt::format(text, std::forward<A>(args)...));
}

// For what only a defect of this library can break.
template <class... A>
void check(bool condition, fmt::format_string<A...> text, A&&... args) {
    if (!condition) throw InternalError("internal error: " + fmt::format(text, std::forward<A>(args)...));
}

}  // namespace octet::ir
