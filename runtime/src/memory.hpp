#pragma once
// Running out of memory as an error of one sentence.
#include <new>
#include <stdexcept>
#include <string_view>

#include "ir/support/check.hpp"

namespace octet::runtime {

// f(); where memory ends within it, or a list would be longer than lists can be, an Error says what for.
template <class F>
decltype(auto) with_memory_for(std::string_view what, F&& f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        ir::fail("there is not enough memory to {}", what);
    } catch (const std::length_error&) {
        ir::fail("there is not enough memory to {}", what);
    }
}

}  // namespace octet::runtime
