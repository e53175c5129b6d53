#pragma once
// Maximum and average over windows, channels last. The average divides the sum by the number of values it counts.
#include <array>
#include <cstdint>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct PoolDesc {
    enum class Kind : std::uint8_t { maximum, average };
    Kind kind = Kind::maximum;
    DataType type = DataType::u8;  // of the input: u8, s8, f32 or bf16
    Window window = {};
    std::int64_t channels = 0;
    std::int64_t in_stride = 0;  // elements between pixels; 0: dense
    std::int64_t out_stride = 0;
    bool divides = true;         // false: the average is a sum
    bool count_padding = false;  // the average counts padding, as `padding_value`, within the given pads
    std::int32_t padding_value = 0;
    Epilogue epilogue = {};
    std::array<std::int64_t, kMaxOperands> operand_strides =
        {};  // of full operands, elements between pixels; 0: `channels`
};

class Pool {
public:
    struct Args {
        const void* in = nullptr;
        void* out = nullptr;
        std::array<const void*, kMaxOperands> operands = {};
    };

    static Acceptance accepts(const PoolDesc& desc, const Machine& machine);

    Pool(const PoolDesc& desc, CodeBlock& code);

    std::int64_t units() const {
        return desc_.window.batch * desc_.window.out_height() * static_cast<std::int64_t>(blocks_.size());
    }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    struct Block {
        std::int64_t channel = 0;
        std::size_t any = 0;   // code for windows of any size
        std::size_t full = 0;  // for windows without padding
    };
    void run_row(const Args& args, const Block& block, std::int64_t batch, std::int64_t y) const;

    PoolDesc desc_;
    const CodeBlock* code_;
    EpilogueData epilogue_;
    std::vector<Block> blocks_;
};

}  // namespace octet::cpu::x64
