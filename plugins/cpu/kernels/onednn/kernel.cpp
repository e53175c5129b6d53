#include "plugins/cpu/kernels/onednn/kernel.hpp"

#include <fmt/format.h>

#include <array>
#include <new>
#include <numeric>
#include <octet/error.hpp>
#include <utility>

#include "plugins/cpu/kernels/onednn/part.hpp"
#include "plugins/cpu/pool.hpp"

namespace octet::cpu::onednn {
namespace {

struct Level {
    Isa isa;
    dnnl_cpu_isa_t value;
};
constexpr std::array<Level, 6> kLevels = {{{Isa::sse41, dnnl_cpu_isa_sse41},
                                           {Isa::avx2, dnnl_cpu_isa_avx2},
                                           {Isa::avx2_vnni, dnnl_cpu_isa_avx2_vnni},
                                           {Isa::avx512, dnnl_cpu_isa_avx512_core},
                                           {Isa::avx512_vnni, dnnl_cpu_isa_avx512_core_vnni},
                                           {Isa::amx, dnnl_cpu_isa_avx512_core_amx}}};

void check(dnnl_status_t status, const char* what) {
    if (status != dnnl_success) {
        throw InternalError(fmt::format("internal error: onednn cannot {}: {}", what, sentence_of(status)));
    }
}

}  // namespace

void limit_isa(const Machine& machine) {
    if (!machine.cap) {
        return;
    }
    const dnnl_cpu_isa_t wanted = kLevels[static_cast<std::size_t>(*machine.cap)].value;
    if (dnnl_set_max_cpu_isa(wanted) != dnnl_success && effective_isa() != reachable_isa(machine)) {
        throw Busy(fmt::format("onednn already works at the level {} in this process, wanted {}",
                               name_of(effective_isa()), name_of(reachable_isa(machine))));
    }
}

Isa effective_isa() {
    const unsigned bits = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
    Isa best = Isa::sse41;
    for (const Level& level : kLevels) {
        // Each level's value holds the bits of the levels it includes.
        if ((bits & static_cast<unsigned>(level.value)) == static_cast<unsigned>(level.value)) {
            best = level.isa;
        }
    }
    return best;
}

std::string version() {
    const dnnl_version_t& v = *dnnl_version();
    return fmt::format("oneDNN {}.{}.{}", v.major, v.minor, v.patch);
}

const dnnl::engine& engine() {
    // Never destroyed: kernels of static objects may outlive every static of this file.
    static const dnnl::engine& only = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
    return only;
}

std::string sentence_of(dnnl_status_t status) {
    switch (status) {
        case dnnl_success: return "no error";
        case dnnl_out_of_memory: return "there is not enough memory";
        case dnnl_invalid_arguments: return "the arguments contradict each other";
        case dnnl_unimplemented: return "there is no kernel for this combination of shapes, types and attributes";
        case dnnl_last_impl_reached: return "there is no further kernel";
        case dnnl_runtime_error: return "the kernel failed while running";
        case dnnl_not_required: return "the primitive is not required";
        default: return fmt::format("unknown status {}", static_cast<int>(status));
    }
}

dnnl::memory::data_type type_of(DataType type) {
    using data_type = dnnl::memory::data_type;
    switch (type) {
        case DataType::u8: return data_type::u8;
        case DataType::s8: return data_type::s8;
        case DataType::s32: return data_type::s32;
        case DataType::f32: return data_type::f32;
        case DataType::f16: return data_type::f16;
        case DataType::bf16: return data_type::bf16;
        case DataType::i64: break;
    }
    return data_type::undef;
}

Packed::Packed(std::size_t bytes) : memory_(packed_memory(bytes)) {}

void pack(const dnnl::memory::desc& from, const void* data, const dnnl::memory::desc& to, const Packed& packed) {
    dnnl::memory source(from, engine(), const_cast<void*>(data));
    dnnl::memory target(to, engine(), packed.data());
    dnnl::stream stream(engine());
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
}

void Part::bind(int arg, const dnnl::memory::desc& desc, Source source, std::size_t offset, std::uint32_t operand) {
    bindings_.push_back({arg, dnnl::memory(desc, engine(), nullptr), source, offset, operand});
}

void Part::constant(int arg, const dnnl::memory::desc& desc, std::shared_ptr<const Packed> data) {
    dnnl::memory memory(desc, engine(), data->data());
    constants_.push_back({arg, std::move(memory), std::move(data)});
}

void Part::finish(const dnnl::memory::desc& scratchpad) {
    stream_ = dnnl::stream(engine());
    scratch_bytes_ = (scratchpad.get_size() + 63) / 64 * 64;
    scratch_ = dnnl::memory(scratchpad, engine(), nullptr);
    list_arguments();
}

void Part::list_arguments() {
    args_.clear();
    for (const Binding& binding : bindings_) {
        args_.push_back({binding.arg, binding.memory.get()});
    }
    for (const Constant& constant : constants_) {
        args_.push_back({constant.arg, constant.memory.get()});
    }
    args_.push_back({DNNL_ARG_SCRATCHPAD, scratch_.get()});
}

void Part::list_packed(std::set<std::shared_ptr<const Packed>>& all) const {
    for (const Constant& constant : constants_) {
        all.insert(constant.data);
    }
}

void Part::run(const Args& args, std::size_t scratch_offset) const {
    for (const Binding& binding : bindings_) {
        const void* base = nullptr;
        switch (binding.source) {
            case Source::src: base = args.src; break;
            case Source::weights: base = args.weights; break;
            case Source::dst: base = args.dst; break;
            case Source::operand: base = args.operands[binding.operand]; break;
        }
        check(dnnl_memory_set_data_handle(binding.memory.get(),
                                          static_cast<std::byte*>(const_cast<void*>(base)) + binding.offset),
              "bind a tensor");
    }
    if (scratch_bytes_ != 0) {
        check(dnnl_memory_set_data_handle(scratch_.get(), static_cast<std::byte*>(args.scratch) + scratch_offset),
              "bind its scratch memory");
    }
    check(dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(args_.size()), args_.data()),
          "run a primitive");
}

Part Part::clone() const {
    Part copy;
    copy.primitive_ = primitive_;
    copy.stream_ = dnnl::stream(engine());
    copy.constants_ = constants_;
    for (const Binding& binding : bindings_) {
        copy.bind(binding.arg, binding.memory.get_desc(), binding.source, binding.offset, binding.operand);
    }
    copy.scratch_ = dnnl::memory(scratch_.get_desc(), engine(), nullptr);
    copy.scratch_bytes_ = scratch_bytes_;
    copy.list_arguments();
    return copy;
}

Kernel::Kernel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Kernel::~Kernel() = default;

int Kernel::parts() const { return static_cast<int>(impl_->parts.size()); }
std::size_t Kernel::scratch_bytes() const { return impl_->scratch_bytes; }
const std::string& Kernel::implementation() const { return impl_->implementation; }

std::size_t Kernel::packed_bytes() const {
    std::set<std::shared_ptr<const Packed>> all;
    for (const Part& part : impl_->parts) {
        part.list_packed(all);
    }
    return std::accumulate(all.begin(), all.end(), std::size_t{0},
                           [](std::size_t sum, const auto& packed) { return sum + packed->size(); });
}

void Kernel::prepare() {
    const OneOpenMpThread single;
    try {
        for (const auto& task : std::exchange(impl_->tasks, {})) {
            task();
        }
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) {
            throw std::bad_alloc();
        }
        throw InternalError(
            fmt::format("internal error: onednn cannot make the kernel it has chosen: {}", sentence_of(error.status)));
    }
}

void Kernel::run(const Args& args, int part) const {
    const OneOpenMpThread single;
    const auto index = static_cast<std::size_t>(part);
    impl_->parts[index].run(args, impl_->scratch_offsets[index]);
}

std::unique_ptr<Kernel> Kernel::clone() const {
    auto copy = std::make_unique<Impl>();
    for (const Part& part : impl_->parts) {
        copy->parts.push_back(part.clone());
    }
    copy->scratch_offsets = impl_->scratch_offsets;
    copy->scratch_bytes = impl_->scratch_bytes;
    copy->implementation = impl_->implementation;
    return std::make_unique<Kernel>(std::move(copy));
}

Creation create_kernel(bool allow_reference, const std::function<Acceptance(Kernel::Impl&)>& build) {
    const OneOpenMpThread single;
    auto impl = std::make_unique<Kernel::Impl>();
    try {
        if (Acceptance answer = build(*impl); !answer) {
            return {nullptr, std::move(answer)};
        }
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) {
            throw std::bad_alloc();
        }
        return {nullptr, declined("onednn: " + sentence_of(error.status))};
    }
    if (!allow_reference && impl->implementation.find("ref") != std::string::npos) {
        return {nullptr,
                declined(fmt::format("onednn has only its slow implementation '{}' for this", impl->implementation))};
    }
    for (const Part& part : impl->parts) {
        impl->scratch_offsets.push_back(impl->scratch_bytes);
        impl->scratch_bytes += part.scratch_bytes();
    }
    return {std::make_unique<Kernel>(std::move(impl)), accepted()};
}

}  // namespace octet::cpu::onednn
