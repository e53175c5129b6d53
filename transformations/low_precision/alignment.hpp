#pragma once
// One grid for several FakeQuantize, so that whatever joins their codes has one scale. Values change: an interval keeps only the levels of
// the common grid that lie within it.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.hpp"
#include "transformations/low_precision/fake_quantize.hpp"

namespace octet::low_precision {

// The union of the intervals, in as many levels as each has; with u8 codes from 0 on
//   scale = (high - low) / (levels - 1),  zero_point = round(-low / scale).
struct CommonGrid {
    struct Member {
        ir::NodeId fake_quantize = 0;
        std::int64_t first = 0;  // its lowest code
        std::int64_t levels = 0;
    };
    float scale = 0;
    float zero_point = 0;
    std::int64_t levels = 0;
    std::vector<Member> members;
};

// Nothing where one of them cannot have 8-bit codes, has several output intervals or one that is turned around, or where they have
// different numbers of levels.
std::optional<CommonGrid> common_grid(const ir::Graph& graph, std::span<const ir::NodeId> fake_quantizes);
// Of the member with the fewest. With 2 or 1 of them nothing is left of its values.
std::int64_t fewest_levels(const CommonGrid& grid);
inline constexpr std::int64_t kCollapsed = 2;
// The refusal of a layer whose data would have to be on such a grid.
rewrite::Decision levels_collapse(const std::string& layer, const CommonGrid& grid);

// A FakeQuantize as codes of the grid that it is a member of; nothing where there is none.
std::optional<Decomposition> decompose_on(const ir::Graph& graph, std::span<const CommonGrid> grids,
                                          ir::NodeId fake_quantize);

// What a FakeQuantize lost.
struct Alignment {
    std::string layer;
    ir::Origins origins;
    std::string reader;  // the first layer that has one scale by it
    std::int64_t before = 0;
    std::int64_t after = 0;
};
// "256 -> 102 levels, on one grid with the other data of 'conv'"
std::string to_string(const Alignment& alignment);

}  // namespace octet::low_precision
