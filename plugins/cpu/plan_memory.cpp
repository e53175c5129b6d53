#include "plugins/cpu/plan_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace octet::cpu {

namespace {

constexpr std::align_val_t kLine{64};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// What no cache holds is found with fewer steps over the page tables: 3 to 5 % of models of large images. Only pages that lie in the
// memory as a whole, so that it takes no more.
constexpr std::size_t kLeastInHugePages = 4 * kHugePage;

void use_huge_pages([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
    if (bytes < kLeastInHugePages) return;
    const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(data) % kHugePage) % kHugePage;
    ::madvise(data + before, (bytes - before) / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

}  // namespace

void GrowingMemory::grow(std::size_t wanted) {
    if (wanted <= bytes_) return;
    release();
    data_ = static_cast<std::byte*>(::operator new(wanted, kLine));
    bytes_ = wanted;
    use_huge_pages(data_, bytes_);
}

void GrowingMemory::release() {
    if (data_ != nullptr) ::operator delete(data_, kLine);
    data_ = nullptr;
    bytes_ = 0;
}

void PlanMemory::fit(const Plan& plan) {
    plan_ = &plan;
    arena_.grow(plan.arena_bytes);
    scratch_.grow(plan.scratch_bytes);
    dynamic_.assign(plan.graph->size(), {});
    buffers_.assign(plan.buffers.size(), nullptr);
    for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
        const Buffer& b = plan.buffers[i];
        if (b.home == Buffer::Home::arena) buffers_[i] = arena_.get() + b.offset;
        else if (b.home == Buffer::Home::constant) buffers_[i] = const_cast<std::byte*>(plan.constants[b.index].get());
    }
}

Frame PlanMemory::frame(ThreadPool& pool, ir::eval::State& state) {
    for (const BufferId id : plan_->parts) {
        const Buffer& part = plan_->buffers[id];
        buffers_[id] = buffers_[part.index] + part.offset;
    }
    return {buffers_.data(), scratch_.get(), &pool, &state, &dynamic_};
}

}  // namespace octet::cpu
