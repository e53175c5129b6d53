#pragma once
// Rows of floats less their mean, over their standard deviation: y = (x - mean) * factor, stored once or twice, each time through an
// epilogue of its own. A row is read from memory once.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct NormalizeDesc {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    float epsilon = 0;
    bool epsilon_inside = true;          // factor 1 / sqrt(variance + epsilon), else 1 / (sqrt(variance) + epsilon)
    std::vector<Epilogue> results = {};  // without operands
};

class Normalize {
public:
    static constexpr std::size_t kMostResults = 2;
    struct Args {
        const float* in = nullptr;
        std::array<void*, kMostResults> out = {};
    };

    static Acceptance accepts(const NormalizeDesc& desc, const Machine& machine);

    Normalize(const NormalizeDesc& desc, CodeBlock& code);

    std::int64_t units() const { return desc_.rows; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    NormalizeDesc desc_;
    const CodeBlock* code_;
    std::vector<EpilogueData> epilogues_;
    std::size_t kernel_ = 0;
};

}  // namespace octet::cpu::x64
