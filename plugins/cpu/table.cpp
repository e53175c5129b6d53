#include "plugins/cpu/table.hpp"

#include <cstddef>
#include <vector>

#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

void spread(const low_precision::SpreadTable& table, const ir::Dims& dims, Layout layout, float* to) {
    const ir::Tensor values = table.table->aligned();
    const float* const from = values.as<float>().data();
    const auto steps = memory_steps(values.dims(), Layout::plain);
    // Where the places of each axis lie in the table; the axes in memory order.
    std::vector<std::vector<std::ptrdiff_t>> offsets(dims.size());
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        const auto& entries = table.entries[axis];
        auto& of_axis = offsets[memory_axis(axis, dims.size(), layout)];
        for (std::size_t i = 0; i < static_cast<std::size_t>(dims[axis]); ++i)
            of_axis.push_back(steps[axis] * (entries.empty() ? static_cast<std::ptrdiff_t>(i) : entries[i]));
    }
    const std::vector<std::ptrdiff_t> last = std::move(offsets.back());
    offsets.pop_back();
    std::vector<std::size_t> index(offsets.size(), 0);
    for (auto rows = ir::product(dims) / static_cast<std::int64_t>(last.size()); rows > 0; --rows) {
        std::ptrdiff_t base = 0;
        for (std::size_t a = 0; a < offsets.size(); ++a) base += offsets[a][index[a]];
        for (const std::ptrdiff_t offset : last) *to++ = from[base + offset];
        for (std::size_t a = offsets.size(); a-- > 0;) {
            if (++index[a] < offsets[a].size()) break;
            index[a] = 0;
        }
    }
}

}  // namespace octet::cpu
