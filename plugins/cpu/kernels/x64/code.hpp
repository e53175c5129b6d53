#pragma once
// Generated code: kernels are named while a plan is made, written by any thread, and laid one after the other into a block that is sealed
// once per plan. The system sees it written, then executable, never both.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/cpu/kernels/x64/vector_isa.hpp"

namespace octet::cpu::x64 {

class Emitter;

class CodeBlock {
public:
    using Generate = std::function<void(Emitter&)>;

    explicit CodeBlock(const VectorIsa& isa = {}) : isa_(isa) {}
    CodeBlock(const CodeBlock&) = delete;
    CodeBlock& operator=(const CodeBlock&) = delete;
    ~CodeBlock();

    // What its kernels are generated for.
    const VectorIsa& isa() const { return isa_; }

    // The number of the kernel that `key` names. For a new key `generate` is put off like the work of later(), so it has to own what it
    // uses. Not after seal().
    std::size_t add(const std::string& key, Generate generate);

    // Puts off work that kernels need done before they run, such as the packing of their weights: any thread may do it, in any order.
    void later(std::function<void()> task) { tasks_.push_back(std::move(task)); }
    // Hands it over, to be done before seal().
    std::vector<std::function<void()>> take_tasks() { return std::exchange(tasks_, {}); }

    // Does what was put off and not taken, and makes the code executable; std::runtime_error when the system refuses. Kernels run only afterwards.
    void seal();

    // Of a sealed block: where kernels begin, by name, and the bytes they lie in, which depend on the order of add() alone.
    std::map<std::string, std::size_t> offsets() const;
    std::span<const std::uint8_t> bytes() const { return {static_cast<const std::uint8_t*>(base_), size_}; }
    // Takes kernels from those of another block, instead of generating them. Before the first add().
    void restore(std::map<std::string, std::size_t> offsets, std::vector<std::uint8_t> bytes) {
        stored_ = std::move(offsets);
        stored_bytes_ = std::move(bytes);
    }

    bool sealed() const { return base_ != nullptr; }
    std::size_t size() const { return size_; }  // of a sealed block
    std::size_t kernels() const { return kernels_.size(); }
    double seconds() const { return 1e-9 * static_cast<double>(nanoseconds_.load()); }  // of all threads in generating

    template <class Args>
    void call(std::size_t kernel, const Args& args) const {
        reinterpret_cast<void (*)(const Args*)>(addresses_[kernel])(&args);
    }

private:
    struct Kernel {
        std::vector<std::uint8_t> code;  // until the block is sealed
        std::size_t offset = 0;
        bool stored = false;
    };
    void write(Kernel& kernel, const Generate& generate);
    void place();

    VectorIsa isa_;
    std::map<std::string, std::size_t> numbers_;
    std::deque<Kernel> kernels_;  // by number; tasks that write them stay valid while others are added
    std::map<std::string, std::size_t> stored_;
    std::vector<std::uint8_t> stored_bytes_;
    std::vector<std::function<void()>> tasks_;
    std::atomic<std::int64_t> nanoseconds_ = 0;
    std::vector<std::uintptr_t> addresses_;  // by number
    void* base_ = nullptr;
    std::size_t mapped_ = 0;
    std::size_t size_ = 0;
};

}  // namespace octet::cpu::x64
