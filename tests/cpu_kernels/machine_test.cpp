#include "plugins/cpu/machine.hpp"

#include <gtest/gtest.h>
#include <octet/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace octet::cpu {
namespace {

class Environment {
public:
    explicit Environment(const char* value) {
        const char* before = std::getenv("OCTET_MAX_CPU_ISA");
        had_ = before != nullptr;
        before_ = had_ ? before : "";
        setenv("OCTET_MAX_CPU_ISA", value, 1);
    }
    ~Environment() { had_ ? setenv("OCTET_MAX_CPU_ISA", before_.c_str(), 1) : unsetenv("OCTET_MAX_CPU_ISA"); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    bool had_ = false;
    std::string before_;
};

// A directory that stands for "/", with files as the kernel would show them.
class Root {
public:
    Root() : path_(std::filesystem::temp_directory_path() / ("octet-root-XXXXXX")) {
        std::string text = path_.string();
        path_ = mkdtemp(text.data());
    }
    ~Root() { std::filesystem::remove_all(path_); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    Root& file(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
        return *this;
    }
    std::optional<int> cores() const { return cores_of_control_groups(path_); }

private:
    std::filesystem::path path_;
};

TEST(Machine, NamesOfLevelsReadBack) {
    for (const Isa isa : {Isa::sse41, Isa::avx2, Isa::avx2_vnni, Isa::avx512, Isa::avx512_vnni, Isa::amx}) {
        EXPECT_EQ(isa_of(name_of(isa)), isa);
    }
    EXPECT_EQ(isa_of("avx2"), std::nullopt);
    EXPECT_EQ(isa_of(""), std::nullopt);
}

TEST(Machine, CapIsNeverExceeded) {
    const Machine full = detect_machine(std::nullopt);
    for (const Isa cap : {Isa::sse41, Isa::avx2, Isa::avx2_vnni, Isa::avx512, Isa::avx512_vnni, Isa::amx}) {
        const Machine machine = detect_machine(cap);
        EXPECT_LE(machine.isa, cap);
        EXPECT_LE(machine.isa, full.isa);
        if (full.isa == cap) {
            EXPECT_EQ(machine.isa, cap);
        }
        EXPECT_TRUE(!machine.vbmi || machine.isa >= Isa::avx512_vnni);
    }
    EXPECT_EQ(detect_machine(Isa::sse41).isa, Isa::sse41);
}

TEST(Machine, VnniIsNotInclusion) {
    Machine machine;
    machine.isa = Isa::avx2_vnni;
    EXPECT_TRUE(machine.vnni());
    machine.isa = Isa::avx512;
    EXPECT_FALSE(machine.vnni());
    EXPECT_TRUE(machine.avx512());
}

// Where AVX-512 VNNI is, the level avx2_vnni is too, whichever encoding the dot product has.
TEST(Machine, Avx2VnniIsReachedBelowAvx512Vnni) {
    if (detect_machine(std::nullopt).isa < Isa::avx512_vnni) {
        GTEST_SKIP() << "needs AVX-512 VNNI";
    }
    EXPECT_EQ(detect_machine(Isa::avx2_vnni).isa, Isa::avx2_vnni);
    EXPECT_FALSE(detect_machine(Isa::avx512_vnni).evex_dot);
    EXPECT_FALSE(detect_machine(Isa::avx2).evex_dot);
}

TEST(Machine, EnvironmentCaps) {
    const Environment environment("AVX2");
    EXPECT_LE(detect_machine().isa, Isa::avx2);
}

TEST(Machine, EmptyEnvironmentIsNoCap) {
    const Environment environment("");
    EXPECT_EQ(detect_machine().isa, detect_machine(std::nullopt).isa);
}

TEST(Machine, UnknownEnvironmentIsOneSentence) {
    const Environment environment("AVX1024");
    try {
        detect_machine();
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_STREQ(
            error.what(),
            "environment variable OCTET_MAX_CPU_ISA is 'AVX1024', wanted one of SSE41, AVX2, AVX2_VNNI, AVX512_CORE, "
            "AVX512_CORE_VNNI, AVX512_CORE_AMX");
    }
}

TEST(Machine, DescribesThisOne) {
    const Machine machine = detect_machine(std::nullopt);
    EXPECT_GE(machine.cores, 1);
    EXPECT_GE(machine.l1_bytes, 8u * 1024);
    EXPECT_GE(machine.l2_bytes, machine.l1_bytes);
    EXPECT_FALSE(machine.name.empty());
    EXPECT_NE(machine.name.front(), ' ');
    EXPECT_NE(machine.name.back(), ' ');
}

TEST(ControlGroups, NothingThereIsNoLimit) { EXPECT_EQ(Root().cores(), std::nullopt); }

TEST(ControlGroups, Version2) {
    Root root;
    root.file("proc/self/cgroup", "0::/a/b\n").file("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    EXPECT_EQ(root.cores(), std::nullopt);
    root.file("sys/fs/cgroup/a/b/cpu.max", "350000 100000\n");
    EXPECT_EQ(root.cores(), 3);
    root.file("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
    EXPECT_EQ(root.cores(), 2) << "the limit of the group above holds too";
    root.file("sys/fs/cgroup/a/b/cpu.max", "5000 100000\n");
    EXPECT_EQ(root.cores(), 1) << "never below one";
}

TEST(ControlGroups, Version2InsideAContainer) {
    Root root;
    root.file("proc/self/cgroup", "0::/docker/of/the/host\n").file("sys/fs/cgroup/cpu.max", "400000 100000\n");
    EXPECT_EQ(root.cores(), 4);
}

TEST(ControlGroups, Version1) {
    Root root;
    root.file("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x/y\n1:name=systemd:/\n")
        .file("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "600000\n")
        .file("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(root.cores(), 6);
    root.file("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
    EXPECT_EQ(root.cores(), std::nullopt);
}

TEST(ControlGroups, MalformedFilesAreNoLimit) {
    const char* groups[] = {"", ":", "::", "0::", "0::/../../etc\n", "no colons at all", "0:cpu", "\n\n\n", "4:cpu:/x"};
    const std::string with_zero("0::/\0x\n", 7);
    const std::string quotas[] = {"",
                                  " ",
                                  "100000",
                                  "100000 ",
                                  "100000 0",
                                  "0 0",
                                  "-5 100000",
                                  "x y",
                                  "99999999999999999999 1",
                                  std::string(1000, '9')};
    for (const std::string& quota : quotas) {
        for (const std::string group :
             {groups[0], groups[1], groups[2], groups[3], groups[4], groups[5], groups[6], groups[7], groups[8]}) {
            Root root;
            root.file("proc/self/cgroup", group)
                .file("sys/fs/cgroup/cpu.max", quota)
                .file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", quota);
            EXPECT_EQ(root.cores(), std::nullopt) << "group '" << group << "' quota '" << quota << "'";
        }
        Root root;
        root.file("proc/self/cgroup", with_zero).file("sys/fs/cgroup/cpu.max", quota);
        EXPECT_EQ(root.cores(), std::nullopt);
    }
    EXPECT_EQ(Root().file("proc/self/cgroup/x", "").cores(), std::nullopt) << "a directory where a file was expected";
}

}  // namespace
}  // namespace octet::cpu
