#pragma once
// What the processor can do and how much of it this process may use. Found once, then passed down as a value.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace octet::cpu {

// Levels of the instruction set in the order of preference. The order is not inclusion: avx512 lacks the dot products of avx2_vnni.
enum class Isa : std::uint8_t { sse41, avx2, avx2_vnni, avx512, avx512_vnni, amx };

// The spelling of OCTET_MAX_CPU_ISA: SSE41, AVX2, AVX2_VNNI, AVX512_CORE, AVX512_CORE_VNNI, AVX512_CORE_AMX.
std::string_view name_of(Isa isa);
std::optional<Isa> isa_of(std::string_view name);

struct Machine {
    Isa isa = Isa::sse41;
    std::optional<Isa> cap = std::nullopt;  // the level above which nothing may be used, where the user named one
    bool vbmi = false;                      // AVX512_VBMI, never above the cap
    bool bf16 = false;                      // products of bf16 are faster than those of f32; never above the cap
    bool evex_dot = false;                  // at avx2_vnni: AVX-VNNI is missing, AVX-512 encodes its dot product
    int cores = 1;                          // allowed by affinity and control groups
    std::size_t l1_bytes = 32 * 1024;
    std::size_t l2_bytes = 1024 * 1024;
    std::size_t l3_bytes = 0;
    std::string name = {};
    std::uint32_t signature = 0;  // family, model and stepping as the processor gives them

    bool avx2() const { return isa >= Isa::avx2; }
    bool avx512() const { return isa >= Isa::avx512; }
    // u8 x s8 dot products into 32 bits; without them pairs of products saturate 16 bits.
    bool vnni() const { return isa == Isa::avx2_vnni || isa >= Isa::avx512_vnni; }
    bool amx() const { return isa == Isa::amx; }
};

// The best level not above `cap` that the processor has; avx2_vnni stands for what AVX-512 VNNI does with 256 bits, too. Without AVX-512 and AMX on other architectures: sse41 stands for "portable".
Machine detect_machine(std::optional<Isa> cap);

// detect_machine under the cap OCTET_MAX_CPU_ISA; an unknown value is an octet::Error that lists the known ones.
Machine detect_machine();

// Processors that this process may run on, by number.
std::vector<int> allowed_processors();

// Whole cores that the control groups (v1 and v2) of this process grant, at least 1; nothing where there is no limit. `root` stands
// for "/": files under root/proc and root/sys are read. Unreadable or malformed files mean no limit.
std::optional<int> cores_of_control_groups(const std::filesystem::path& root);

}  // namespace octet::cpu
