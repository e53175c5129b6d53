#include "plugins/cpu/kernels/packed_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <new>

#include "plugins/cpu/kernels/huge_pages.hpp"

namespace octet::cpu {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kMuch = kHugePage / 4;        // less is not worth taking a huge page apart
constexpr std::size_t kLeastChunk = 4 * kHugePage;  // what is not touched costs nothing

std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

class Chunk {
public:
    explicit Chunk(std::size_t bytes) : mapped_(rounded_up(bytes, kHugePage) + kHugePage) {
        void* memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            throw std::bad_alloc();
        }
        base_ = static_cast<std::byte*>(memory);
        const auto misplaced = reinterpret_cast<std::uintptr_t>(base_) % kHugePage;
        next_ = base_ + (misplaced == 0 ? 0 : kHugePage - misplaced);
        use_huge_pages(next_, mapped_ - kHugePage);
    }
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    ~Chunk() { ::munmap(base_, mapped_); }

    // Null where it is full.
    std::byte* take(std::size_t bytes) {
        if (static_cast<std::size_t>(base_ + mapped_ - next_) < bytes) {
            return nullptr;
        }
        std::byte* const taken = next_;
        next_ += bytes;
        return taken;
    }

    void give_back_unused() {
        const auto at = reinterpret_cast<std::uintptr_t>(next_);
        const std::size_t used = rounded_up(at, kPage) - at, unused = rounded_up(at, kHugePage) - at;
        const std::size_t left = static_cast<std::size_t>(base_ + mapped_ - next_);
        if (unused <= left && unused >= kMuch) ::madvise(next_ + used, unused - used, MADV_DONTNEED);
    }

private:
    std::size_t mapped_;
    std::byte* base_ = nullptr;
    std::byte* next_ = nullptr;
};

std::mutex g_mutex;
std::weak_ptr<Chunk> g_latest;

PackedMemory fresh(std::size_t bytes) {
    const std::size_t wanted = packed_step(bytes);
    const std::scoped_lock lock(g_mutex);
    std::shared_ptr<Chunk> chunk = g_latest.lock();
    std::byte* data = chunk ? chunk->take(wanted) : nullptr;
    if (data == nullptr) {
        chunk = std::make_shared<Chunk>(std::max(wanted, kLeastChunk));
        data = chunk->take(wanted);
        g_latest = chunk;
    }
    return {{std::move(chunk), data}, bytes};
}

thread_local PackedSession* t_session = nullptr;

}  // namespace

// Kernels may read the whole last line.
std::size_t packed_step(std::size_t bytes) { return rounded_up(std::max<std::size_t>(bytes, 1), kLine); }

void give_back_unused() {
    const std::scoped_lock lock(g_mutex);
    if (const std::shared_ptr<Chunk> chunk = g_latest.lock()) chunk->give_back_unused();
}

PackedMemory packed_memory(std::size_t bytes) { return t_session != nullptr ? t_session->take(bytes) : fresh(bytes); }

bool all_filled() { return t_session != nullptr && t_session->fits_; }

PackedSession::PackedSession() : PackedSession(std::vector<PackedMemory>{}) { fits_ = false; }

PackedSession::PackedSession(std::vector<PackedMemory> stored) : stored_(std::move(stored)), outer_(t_session) {
    t_session = this;
}

PackedSession::~PackedSession() { t_session = outer_; }

PackedMemory PackedSession::take(std::size_t bytes) {
    const std::size_t next = blocks_.size();
    fits_ = fits_ && next < stored_.size() && stored_[next].bytes == bytes;
    blocks_.push_back(fits_ ? stored_[next] : fresh(bytes));
    return blocks_.back();
}

}  // namespace octet::cpu
