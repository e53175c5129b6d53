#pragma once
// Inside this folder only: how a Kernel is put together from oneDNN objects.
#include <cstdint>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#include "plugins/cpu/kernels/packed_memory.hpp"

namespace octet::cpu::onednn {

const dnnl::engine& engine();

// One sentence for any status of the library; the only place that knows them.
std::string sentence_of(dnnl_status_t status);

dnnl::memory::data_type type_of(DataType type);

// Bytes at a multiple of 64, never changed once shared.
class Packed {
public:
    explicit Packed(std::size_t bytes);
    Packed(const Packed&) = delete;
    Packed& operator=(const Packed&) = delete;
    std::byte* data() const { return memory_.get(); }
    std::size_t size() const { return memory_.bytes; }
    bool filled() const { return memory_.filled; }  // holds its values already

private:
    PackedMemory memory_;
};

template <class T>
std::shared_ptr<const Packed> packed_copy(const std::vector<T>& values) {
    auto packed = std::make_shared<Packed>(values.size() * sizeof(T));
    if (!packed->filled()) {
        std::copy(values.begin(), values.end(), reinterpret_cast<T*>(packed->data()));
    }
    return packed;
}

// `from` in the layout `to`; the source is read once.
void pack(const dnnl::memory::desc& from, const void* data, const dnnl::memory::desc& to, const Packed& packed);

enum class Source : std::uint8_t { src, weights, dst, operand };

// One primitive and its arguments: those bound at each run by source and byte offset, and constants.
class Part {
public:
    void bind(int arg, const dnnl::memory::desc& desc, Source source, std::size_t offset, std::uint32_t operand = 0);
    void constant(int arg, const dnnl::memory::desc& desc, std::shared_ptr<const Packed> data);
    void finish(const dnnl::memory::desc& scratchpad);
    // The code; the only thing that may come later than the rest.
    void set(dnnl::primitive primitive) { primitive_ = std::move(primitive); }

    std::size_t scratch_bytes() const { return scratch_bytes_; }
    void list_packed(std::set<std::shared_ptr<const Packed>>& all) const;
    void run(const Args& args, std::size_t scratch_offset) const;
    Part clone() const;

private:
    struct Binding {
        int arg;
        dnnl::memory memory;
        Source source;
        std::size_t offset;
        std::uint32_t operand;
    };
    struct Constant {
        int arg;
        dnnl::memory memory;
        std::shared_ptr<const Packed> data;
    };
    void list_arguments();

    dnnl::primitive primitive_;
    dnnl::stream stream_;
    std::vector<Binding> bindings_;
    std::vector<Constant> constants_;
    dnnl::memory scratch_;
    std::size_t scratch_bytes_ = 0;
    std::vector<dnnl_exec_arg_t> args_;
};

struct Kernel::Impl {
    std::vector<Part> parts;
    std::vector<std::size_t> scratch_offsets;
    std::size_t scratch_bytes = 0;
    std::string implementation;
    std::vector<std::function<void()>> tasks;  // of Kernel::prepare
};

// Runs `build` (which fills parts and implementation) with one OpenMP thread and turns what the library throws into a reason.
Creation create_kernel(bool allow_reference, const std::function<Acceptance(Kernel::Impl&)>& build);

}  // namespace octet::cpu::onednn
