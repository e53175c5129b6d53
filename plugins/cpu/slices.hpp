#pragma once
// Concatenations without copies: which values their producers can write straight into the concatenation that reads them.
#include <map>

#include "plugins/cpu/plan.hpp"

namespace octet::cpu {

// A value as a part of a concatenation: rows of its own width, `pitch` elements apart.
struct ConcatPart {
    ir::Value whole;
    Layout layout = Layout::plain;
    std::size_t offset = 0;  // elements from the first of the whole
    std::size_t pitch = 0;   // 0: one piece of memory
};

// Values with one concatenation among their readers, and beside it only readers that can step over a pitch; and what is split and mostly
// put together again.
std::map<ir::Value, ConcatPart> slices_of(const ir::Graph& graph);

// Whether all readers of a value can step over a pitch.
bool read_in_rows(const ir::Graph& graph, ir::Value v);

}  // namespace octet::cpu
