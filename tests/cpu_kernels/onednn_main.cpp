// The level of the instruction set is oneDNN's for the whole process, so each level is a run of its own.
#include <gtest/gtest.h>

#include <cstdio>

#include "plugins/cpu/kernels/onednn/kernel.hpp"

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    const octet::cpu::Machine machine = octet::cpu::detect_machine();
    octet::cpu::onednn::limit_isa(machine);
    const octet::cpu::Isa isa = octet::cpu::onednn::effective_isa();
    std::printf("oneDNN works at the level %s\n", std::string(octet::cpu::name_of(isa)).c_str());
    const octet::cpu::Isa wanted = octet::cpu::onednn::reachable_isa(machine);
    if (isa != wanted) {
        std::printf("wanted %s\n", std::string(octet::cpu::name_of(wanted)).c_str());
        return 1;
    }
    return RUN_ALL_TESTS();
}
