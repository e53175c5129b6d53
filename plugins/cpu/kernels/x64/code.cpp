#include "plugins/cpu/kernels/x64/code.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <stdexcept>

#include "plugins/cpu/kernels/x64/emitter.hpp"

namespace octet::cpu::x64 {

CodeBlock::~CodeBlock() {
    if (base_ != nullptr) {
        munmap(base_, mapped_);
    }
}

std::size_t CodeBlock::add(const std::string& key, const Generate& generate) {
    if (const auto known = offsets_.find(key); known != offsets_.end()) {
        return known->second;
    }
    if (sealed()) {
        throw std::logic_error("a kernel was added to a sealed code block");
    }
    const auto start = std::chrono::steady_clock::now();
    Emitter emitter(isa_);
    emitter.enter();
    generate(emitter);
    const std::span<const std::uint8_t> code = emitter.finish();
    // Kernels begin at a cache line, so that constants at the end of one keep their alignment.
    const std::size_t offset = (bytes_.size() + 63) / 64 * 64;
    bytes_.resize(offset, 0xCC);
    bytes_.insert(bytes_.end(), code.begin(), code.end());
    offsets_.emplace(key, offset);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return offset;
}

std::span<const std::uint8_t> CodeBlock::bytes() const {
    return sealed() ? std::span(static_cast<const std::uint8_t*>(base_), size_) : std::span(bytes_);
}

void CodeBlock::seal() {
    for (const auto& task : take_tasks()) {
        task();
    }
    if (sealed() || bytes_.empty()) {
        return;
    }
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes_.size() + page - 1) / page * page;
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error(
            fmt::format("the system refused {} bytes for generated code: {}", mapped_, std::strerror(errno)));
    }
    std::memcpy(memory, bytes_.data(), bytes_.size());
    if (mprotect(memory, mapped_, PROT_READ | PROT_EXEC) != 0) {
        const int error = errno;
        munmap(memory, mapped_);
        throw std::runtime_error(
            fmt::format("the system refused to make generated code executable: {}", std::strerror(error)));
    }
    base_ = memory;
    size_ = bytes_.size();
    std::vector<std::uint8_t>().swap(bytes_);
}

}  // namespace octet::cpu::x64
