#pragma once
// Convolution to up to four output channels, channels last: the lanes of a register hold input channels of neighbouring pixels, where
// other kernels hold output channels. u8 activations, s8 weights [oc, ic, kernel height, kernel width], exact 32-bit sums of
// (value - zero point) * weight. Padding equals the zero point.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct FewOutputsDesc {
    Window window = {};   // strides and dilations of 1
    std::int64_t ic = 0;  // 4, 8 or 16: a pixel lies within a lane of 128 bits
    std::int64_t oc = 0;
    std::uint8_t zero_point = 0;
    Epilogue epilogue = {};  // without operands
};

class FewOutputs {
public:
    struct Args {
        const std::uint8_t* in = nullptr;
        void* out = nullptr;
        std::byte* scratch = nullptr;  // scratch_size bytes, of this call alone
    };

    static Acceptance accepts(const FewOutputsDesc& desc, const Machine& machine);

    FewOutputs(const FewOutputsDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code);

    std::size_t packed_size() const { return weights_.size(); }
    std::size_t scratch_size() const;
    std::int64_t units() const { return desc_.window.batch * strips_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    std::int64_t row_bytes() const;  // of a row with its padding
    void pack(std::span<const std::int8_t> weights);
    void fill(std::uint8_t* row, const std::uint8_t* image, std::int64_t y) const;

    FewOutputsDesc desc_;
    const CodeBlock* code_;
    std::int64_t strips_ = 0;
    std::size_t kernel_ = 0;
    EpilogueData epilogue_;
    Aligned<std::int8_t> weights_;  // 64 bytes for each tap and channel, then where the sums of each channel start
};

}  // namespace octet::cpu::x64
