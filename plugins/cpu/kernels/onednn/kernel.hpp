#pragma once
// A oneDNN primitive, or several over parts of one output, with everything prepared but the addresses. oneDNN runs on the calling
// thread alone: who wants more threads runs the parts on them.
#include <cstddef>
#include <memory>
#include <string>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::onednn {

struct Args {
    const void* src = nullptr;
    const void* weights = nullptr;  // the second operand where it is not a constant
    void* dst = nullptr;
    const void* const* operands = nullptr;  // of the epilogue, by their index there
    void* scratch = nullptr;                // Kernel::scratch_bytes() at a multiple of 64
};

class Kernel {
public:
    struct Impl;
    explicit Kernel(std::unique_ptr<Impl> impl);
    ~Kernel();

    int parts() const;
    std::size_t scratch_bytes() const;          // for all parts together
    std::size_t packed_bytes() const;           // constants, shared by clones
    const std::string& implementation() const;  // oneDNN's name of what it chose
    // Packs weights and generates code where that was put off; on any thread, before the first run and before clone().
    void prepare();
    // Different parts may run at once; one part of one Kernel only once at a time. Needs no memory but `args`.
    void run(const Args& args, int part) const;
    // For another stream: shares code and packed constants.
    std::unique_ptr<Kernel> clone() const;

private:
    std::unique_ptr<Impl> impl_;
};

struct Creation {
    std::unique_ptr<Kernel> kernel;  // set exactly when accepted
    Acceptance acceptance;
};

// Hands the machine's cap to oneDNN, whose limit holds for the process: octet::Busy when oneDNN already works under another one.
void limit_isa(const Machine& machine);

// The level at which oneDNN works on this machine: it knows avx2_vnni only with the encoding of AVX-VNNI.
inline Isa reachable_isa(const Machine& machine) { return machine.evex_dot ? Isa::avx2 : machine.isa; }

// What oneDNN's kernels are made for; asking fixes it.
Isa effective_isa();

// "oneDNN 3.7.1"; empty where this build has none.
std::string version();

}  // namespace octet::cpu::onednn
