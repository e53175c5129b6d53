#pragma once
// Generated code: kernels are written one after the other into a growing buffer, which is sealed once per plan. The system sees it
// written, then executable, never both.
#include <cstddef>
#include <cstdint>
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

    // The offset of the kernel that `key` names; `generate` runs only for a new key. Not after seal().
    std::size_t add(const std::string& key, const Generate& generate);

    // Puts off work that kernels need done before they run, such as the packing of their weights: any thread may do it, in any order.
    void later(std::function<void()> task) { tasks_.push_back(std::move(task)); }
    // Hands it over to be done before the first kernel runs.
    std::vector<std::function<void()>> take_tasks() { return std::exchange(tasks_, {}); }

    // Does what was put off and not taken, and makes the code executable; std::runtime_error when the system refuses. Kernels run only afterwards.
    void seal();

    // Kernels by name and the bytes they lie in; and the same taken from another block, instead of generating them. Before the first add().
    const std::map<std::string, std::size_t>& offsets() const { return offsets_; }
    std::span<const std::uint8_t> bytes() const;
    void restore(std::map<std::string, std::size_t> offsets, std::vector<std::uint8_t> bytes) {
        offsets_ = std::move(offsets);
        bytes_ = std::move(bytes);
    }

    bool sealed() const { return base_ != nullptr; }
    std::size_t size() const { return bytes().size(); }
    std::size_t kernels() const { return offsets_.size(); }
    double seconds() const { return seconds_; }  // spent in generating

    template <class Args>
    void call(std::size_t offset, const Args& args) const {
        reinterpret_cast<void (*)(const Args*)>(reinterpret_cast<std::uintptr_t>(base_) + offset)(&args);
    }

private:
    VectorIsa isa_;
    std::vector<std::uint8_t> bytes_;  // until it is sealed
    std::map<std::string, std::size_t> offsets_;
    std::vector<std::function<void()>> tasks_;
    double seconds_ = 0;
    void* base_ = nullptr;
    std::size_t mapped_ = 0;
    std::size_t size_ = 0;
};

}  // namespace octet::cpu::x64
