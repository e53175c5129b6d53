#include "plugins/cpu/kernels/x64/code.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
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

std::size_t CodeBlock::add(const std::string& key, Generate generate) {
    const auto [entry, fresh] = numbers_.try_emplace(key, kernels_.size());
    if (!fresh) {
        return entry->second;
    }
    if (sealed()) {
        throw std::logic_error("a kernel was added to a sealed code block");
    }
    Kernel& kernel = kernels_.emplace_back();
    if (const auto known = stored_.find(key); known != stored_.end()) {
        kernel.stored = true;
        kernel.offset = known->second;
    } else {
        later([this, &kernel, generate = std::move(generate)] { write(kernel, generate); });
    }
    return entry->second;
}

void CodeBlock::write(Kernel& kernel, const Generate& generate) {
    const auto start = std::chrono::steady_clock::now();
    Emitter emitter(isa_);
    emitter.enter();
    generate(emitter);
    const std::span<const std::uint8_t> code = emitter.finish();
    kernel.code.assign(code.begin(), code.end());
    nanoseconds_ += std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
}

std::map<std::string, std::size_t> CodeBlock::offsets() const {
    std::map<std::string, std::size_t> offsets;
    for (const auto& [key, number] : numbers_) {
        offsets.emplace(key, kernels_[number].offset);
    }
    return offsets;
}

// Kernels begin at a cache line, so that constants at the end of one keep their alignment.
void CodeBlock::place() {
    size_ = stored_bytes_.size();
    for (Kernel& kernel : kernels_) {
        if (!kernel.stored) {
            kernel.offset = (size_ + 63) / 64 * 64;
            size_ = kernel.offset + kernel.code.size();
        }
    }
}

void CodeBlock::seal() {
    for (const auto& task : take_tasks()) {
        task();
    }
    if (sealed()) {
        return;
    }
    place();
    if (size_ == 0) {
        return;
    }
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (size_ + page - 1) / page * page;
#if defined(MAP_POPULATE)
    constexpr int kAtOnce = MAP_POPULATE;  // all of it is written now
#else
    constexpr int kAtOnce = 0;
#endif
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | kAtOnce, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error(
            fmt::format("the system refused {} bytes for generated code: {}", mapped_, std::strerror(errno)));
    }
    auto* const bytes = static_cast<std::uint8_t*>(memory);
    std::copy(stored_bytes_.begin(), stored_bytes_.end(), bytes);
    std::size_t end = stored_bytes_.size();
    for (Kernel& kernel : kernels_) {
        addresses_.push_back(reinterpret_cast<std::uintptr_t>(memory) + kernel.offset);
        if (!kernel.stored) {
            std::fill(bytes + end, bytes + kernel.offset, std::uint8_t{0xCC});
            std::copy(kernel.code.begin(), kernel.code.end(), bytes + kernel.offset);
            end = kernel.offset + kernel.code.size();
            std::vector<std::uint8_t>().swap(kernel.code);
        }
    }
    std::vector<std::uint8_t>().swap(stored_bytes_);
    if (mprotect(memory, mapped_, PROT_READ | PROT_EXEC) != 0) {
        const int error = errno;
        munmap(memory, mapped_);
        throw std::runtime_error(
            fmt::format("the system refused to make generated code executable: {}", std::strerror(error)));
    }
    base_ = memory;
}

}  // namespace octet::cpu::x64
