#include "plugins/cpu/machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <octet/error.hpp>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <xbyak/xbyak_util.h>
#endif

namespace octet::cpu {
namespace {

constexpr std::array<std::string_view, 6> kIsaNames = {
    "SSE41", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_AMX"};

#if defined(__x86_64__)

// Linux grants the tile registers (state component 18) to a process only when it asks.
bool tiles_granted() {
    constexpr long kRequestPermission = 0x1023;
    constexpr long kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool has(const Xbyak::util::Cpu& cpu, Isa isa) {
    using Xbyak::util::Cpu;
    switch (isa) {
        case Isa::sse41: return true;
        case Isa::avx2: return cpu.has(Cpu::tAVX2) && cpu.has(Cpu::tFMA);
        case Isa::avx2_vnni: return has(cpu, Isa::avx512_vnni) || (has(cpu, Isa::avx2) && cpu.has(Cpu::tAVX_VNNI));
        case Isa::avx512:
            return has(cpu, Isa::avx2) && cpu.has(Cpu::tAVX512F) && cpu.has(Cpu::tAVX512BW) &&
                   cpu.has(Cpu::tAVX512VL) && cpu.has(Cpu::tAVX512DQ);
        case Isa::avx512_vnni: return has(cpu, Isa::avx512) && cpu.has(Cpu::tAVX512_VNNI);
        case Isa::amx:
            return has(cpu, Isa::avx512_vnni) && cpu.has(Cpu::tAMX_TILE) && cpu.has(Cpu::tAMX_INT8) &&
                   cpu.has(Cpu::tAMX_BF16) && tiles_granted();
    }
    return false;
}

// Multiply-adds of vdpbf16ps against those of vfmadd231ps, in registers: twice as many on Zen 4 and Zen 5, half as many on Intel's cores
// before those with AMX, and on these without their tiles.
bool has_fast_bf16(const Xbyak::util::Cpu& cpu) {
    using Xbyak::util::Cpu;
    return has(cpu, Isa::avx512_vnni) && cpu.has(Cpu::tAVX512_BF16) && cpu.has(Cpu::tAMD);
}

std::string processor_name() {
    std::array<unsigned, 12> words{};
    for (unsigned i = 0; i < 3; ++i) {
        unsigned* part = &words[4 * i];
        if (__get_cpuid(0x80000002u + i, part, part + 1, part + 2, part + 3) == 0) {
            return "x86-64 processor";
        }
    }
    std::array<char, sizeof(words) + 1> text{};
    std::memcpy(text.data(), words.data(), sizeof(words));
    std::string_view name(text.data());
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    name = name.substr(0, name.find_last_not_of(' ') + 1);
    return std::string(name);
}

void detect_instructions(Machine& machine, Isa cap) {
    const Xbyak::util::Cpu cpu;
    for (const Isa isa : {Isa::amx, Isa::avx512_vnni, Isa::avx512, Isa::avx2_vnni, Isa::avx2}) {
        if (isa <= cap && has(cpu, isa)) {
            machine.isa = isa;
            break;
        }
    }
    machine.evex_dot = machine.isa == Isa::avx2_vnni && !cpu.has(Xbyak::util::Cpu::tAVX_VNNI);
    machine.vbmi = machine.isa >= Isa::avx512_vnni && cpu.has(Xbyak::util::Cpu::tAVX512_VBMI);
    machine.bf16 = machine.amx() || (cap == Isa::amx && has_fast_bf16(cpu));
    machine.name = processor_name();
    unsigned unused = 0;
    __get_cpuid(1, &machine.signature, &unused, &unused, &unused);
}

#else

void detect_instructions(Machine& machine, Isa) { machine.name = "processor without generated kernels"; }

#endif

std::size_t cache_bytes(int name, std::size_t otherwise) {
    const long bytes = sysconf(name);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : otherwise;
}

int cores_of_affinity() {
    const auto processors = allowed_processors();
    if (!processors.empty()) return static_cast<int>(processors.size());
    return static_cast<int>(std::clamp(sysconf(_SC_NPROCESSORS_ONLN), 1L, 1L << 16));
}

// The first `limit` bytes of a file, as kernel files have no size of their own.
std::string head_of(const std::filesystem::path& path, std::size_t limit) {
    std::ifstream file(path, std::ios::binary);
    std::string text(limit, '\0');
    file.read(text.data(), static_cast<std::streamsize>(limit));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    return text;
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

std::string_view after_space(std::string_view text) {
    const std::size_t space = text.find(' ');
    return space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
}

void take_quota(std::optional<int>& cores, std::optional<std::int64_t> quota, std::optional<std::int64_t> period) {
    if (quota && period && *quota > 0 && *period > 0) {
        const std::int64_t whole = std::clamp<std::int64_t>(*quota / *period, 1, std::numeric_limits<int>::max());
        cores = std::min(cores.value_or(std::numeric_limits<int>::max()), static_cast<int>(whole));
    }
}

// Limits of a group hold for all groups below it. Inside a container the path may name directories that only the host sees.
void take_quotas_upwards(std::optional<int>& cores, const std::filesystem::path& mount, std::string_view group) {
    for (std::string path(group);; path.resize(path.rfind('/'))) {
        const std::filesystem::path folder = mount.string() + path;
        const std::string v2 = head_of(folder / "cpu.max", 64);
        take_quota(cores, number_of(v2), number_of(after_space(v2)));
        take_quota(cores, number_of(head_of(folder / "cpu.cfs_quota_us", 32)),
                   number_of(head_of(folder / "cpu.cfs_period_us", 32)));
        if (path.find('/') == std::string::npos) {
            return;
        }
    }
}

}  // namespace

std::string_view name_of(Isa isa) { return kIsaNames[static_cast<std::size_t>(isa)]; }

std::optional<Isa> isa_of(std::string_view name) {
    const auto found = std::find(kIsaNames.begin(), kIsaNames.end(), name);
    return found == kIsaNames.end() ? std::nullopt : std::optional(static_cast<Isa>(found - kIsaNames.begin()));
}

std::vector<int> allowed_processors() {
    // The kernel refuses a mask smaller than its own; machines with more than 1024 processors exist.
    for (std::size_t words = 16; words <= 4096; words *= 4) {
        std::vector<unsigned long> mask(words);
        const std::size_t bytes = words * sizeof(unsigned long);
        if (sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(mask.data())) != 0) continue;
        std::vector<int> processors;
        for (std::size_t i = 0; i < bytes * 8; ++i)
            if (CPU_ISSET_S(i, bytes, reinterpret_cast<cpu_set_t*>(mask.data())))
                processors.push_back(static_cast<int>(i));
        return processors;
    }
    return {};
}

std::optional<int> cores_of_control_groups(const std::filesystem::path& root) {
    std::optional<int> cores;
    const std::filesystem::path mounts = root / "sys/fs/cgroup";
    std::string text = head_of(root / "proc/self/cgroup", 1 << 16);
    std::string_view lines = text;
    while (!lines.empty()) {
        // hierarchy ':' controllers ':' path
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos || line.find("..") != std::string_view::npos ||
            line.find('\0') != std::string_view::npos) {
            continue;
        }
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        std::string_view group = line.substr(second + 1);
        if (group == "/") {
            group = {};
        }
        if (controllers.empty()) {
            take_quotas_upwards(cores, mounts, group);
            take_quotas_upwards(cores, mounts / "unified", group);
        } else if (fmt::format(",{},", controllers).find(",cpu,") != std::string::npos) {
            take_quotas_upwards(cores, mounts / "cpu", group);
            take_quotas_upwards(cores, mounts / controllers, group);
        }
    }
    return cores;
}

Machine detect_machine(std::optional<Isa> cap) {
    Machine machine;
    machine.cap = cap;
    detect_instructions(machine, cap.value_or(Isa::amx));
    machine.cores = std::min(cores_of_affinity(),
                             cores_of_control_groups("/").value_or(std::numeric_limits<int>::max()));
    machine.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, machine.l1_bytes);
    machine.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, machine.l2_bytes);
    machine.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, machine.l3_bytes);
    return machine;
}

Machine detect_machine() {
    const char* value = std::getenv("OCTET_MAX_CPU_ISA");
    if (value == nullptr || *value == '\0') {
        return detect_machine(std::nullopt);
    }
    const std::optional<Isa> cap = isa_of(value);
    if (!cap) {
        throw Error(fmt::format("environment variable OCTET_MAX_CPU_ISA is '{}', wanted one of {}", value,
                                fmt::join(kIsaNames, ", ")));
    }
    return detect_machine(cap);
}

}  // namespace octet::cpu
