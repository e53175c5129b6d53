#include "plugins/cpu/steps/other.hpp"

#include <algorithm>

namespace octet::cpu {

using namespace ir;

namespace {

constexpr std::size_t kUnitsInTurn = 4;

}  // namespace

void Copies::add(portable::StridedCopy copy, BufferId source, BufferId target) {
    if (std::ranges::any_of(copy.dims, [](const auto& d) { return d.extent == 0; })) return;
    copy.simplify();
    parts.push_back({std::move(copy), source, target});
}

// A thread does the same share of every part, and a few units of each in turn: parts that lie in rows beside each other fill the same
// rows, which are whole before they leave the cache.
void Copies::run(const Frame& f) const {
    std::size_t units = 0;
    for (const Part& part : parts) units = std::max(units, part.copy.units());
    f.pool->parallel(units, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t first = begin; first < end; first += kUnitsInTurn) {
            const std::size_t past = std::min(first + kUnitsInTurn, end);
            for (const Part& part : parts) {
                const std::size_t own = part.copy.units();
                part.copy.run(f.at(part.source), f.at(part.target), own * first / units, own * past / units);
            }
        }
    });
}

void Copies::note(Step& step) const {
    for (const Part& part : parts) {
        step.reads.push_back(part.source);
        step.writes.push_back(part.target);
    }
}

void add_copies(Planner& p, const Group& group, std::string kernel, Copies copies, bool bfloat) {
    Step step = p.step_for(group, std::move(kernel));
    copies.note(step);
    if (bfloat) step.data = step.result = Element::bf16;
    step.work = work([copies = std::move(copies)](const Frame& f) { copies.run(f); });
    p.add(std::move(step));
}

}  // namespace octet::cpu
