#include <algorithm>
#include <numeric>

#include "plugins/cpu/plan.hpp"

namespace octet::cpu {

std::size_t place_in_arena(std::vector<Buffer>& buffers) {
    // Vector kernels may read whole cache lines; buffers start on one and leave one free.
    constexpr std::size_t kLine = 64;
    const auto room = [](const Buffer& b) { return (b.bytes + 2 * kLine - 1) / kLine * kLine; };
    std::vector<BufferId> order;
    for (BufferId i = 0; i < buffers.size(); ++i)
        if (buffers[i].home == Buffer::Home::arena && buffers[i].first >= 0) order.push_back(i);
    // Largest first: the small ones find room between.
    std::ranges::stable_sort(order, [&](BufferId a, BufferId b) { return buffers[a].bytes > buffers[b].bytes; });
    std::vector<BufferId> placed;  // by offset
    std::size_t total = 0;
    for (BufferId id : order) {
        Buffer& buffer = buffers[id];
        std::size_t offset = 0;
        for (BufferId other_id : placed) {
            const Buffer& other = buffers[other_id];
            if (other.last < buffer.first || other.first > buffer.last) continue;
            if (offset + room(buffer) <= other.offset) break;
            offset = std::max(offset, other.offset + room(other));
        }
        buffer.offset = offset;
        total = std::max(total, offset + room(buffer));
        placed.insert(std::ranges::upper_bound(placed, offset, {}, [&](BufferId i) { return buffers[i].offset; }), id);
    }
    return total;
}

}  // namespace octet::cpu
