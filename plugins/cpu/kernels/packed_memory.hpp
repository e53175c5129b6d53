#pragma once
// Memory for packed weights and constants: one after the other in the order in which they are asked for, which is the order in which
// they are read, in huge pages where the system has them; or that of a file in which they lie already.
#include <cstddef>
#include <memory>
#include <vector>

namespace octet::cpu {

// Bytes at a cache line. They live as long as the pointer; the memory goes back to the system together with what was asked for before
// and after, up to a few megabytes.
struct PackedMemory {
    std::shared_ptr<std::byte> data = nullptr;
    std::size_t bytes = 0;
    bool filled = false;  // holds its values already; else zeroed

    std::byte* get() const { return data.get(); }
};

// In a PackedSession that has a block of this size next, that one; else new.
PackedMemory packed_memory(std::size_t bytes);

// Gives back what the last huge page holds beyond the blocks, where that is much; it comes back when more blocks are asked for.
void give_back_unused();

// Bytes from the beginning of a block to the next.
std::size_t packed_step(std::size_t bytes);

// Whether this thread is in a session that had a filled block for every wish so far.
bool all_filled();

// Follows what its thread asks packed_memory for. Who asks twice for the same things gets the same blocks in the same order.
class PackedSession {
public:
    PackedSession();  // takes down the blocks
    // Hands out these, which are filled.
    explicit PackedSession(std::vector<PackedMemory> stored);
    ~PackedSession();
    PackedSession(const PackedSession&) = delete;
    PackedSession& operator=(const PackedSession&) = delete;

    const std::vector<PackedMemory>& blocks() const { return blocks_; }  // what was handed out
    bool all_stored() const { return fits_ && blocks_.size() == stored_.size(); }

private:
    friend PackedMemory packed_memory(std::size_t bytes);
    friend bool all_filled();
    PackedMemory take(std::size_t bytes);

    std::vector<PackedMemory> stored_;
    std::vector<PackedMemory> blocks_;
    bool fits_ = true;
    PackedSession* outer_;
};

}  // namespace octet::cpu
