#pragma once
// Rows of one activation times a matrix that is an activation, too, and is packed while it is read. Of codes
//   out[m, n] = epilogue(sum over k of (a[m, k] - a_zero) * (w[k, n] - w_zero)), u8 times u8 or s8, exact in 32 bits;
// packed u8 codes become s8 by taking 128 off, which moves w_zero. Of floats the same without zero points, also of floats rounded to bf16.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct PanelProductDesc {
    std::int64_t rows = 0;
    std::int64_t k = 0;
    std::int64_t columns = 0;
    // Elements between the rows of a, of w as it is stored, and of the result.
    std::int64_t a_stride = 0;
    std::int64_t w_stride = 0;
    std::int64_t out_stride = 0;
    DataType type = DataType::u8;  // of w; a is f32 where w is, else u8
    bool transposed = false;       // w is stored as [columns, k]
    std::uint8_t a_zero = 0;
    std::int32_t w_zero = 0;
    bool bfloats = false;  // a is bf16, with a zero behind rows of odd length; w, of f32, is rounded when it is packed
    Epilogue epilogue = {};
    std::int64_t channels = 0;  // of the epilogue, where the columns are some of them; 0: the columns are all
    // Of full operands, elements between rows; 0: `columns`.
    std::array<std::int64_t, kMaxOperands> operand_strides = {};

    bool floats() const { return type == DataType::f32; }
    std::int64_t epilogue_channels() const { return channels != 0 ? channels : columns; }
};

class PanelProduct {
public:
    struct Strip {
        const void* a = nullptr;            // the strip's first row
        const std::byte* panels = nullptr;  // a packed w
        std::int32_t* terms = nullptr;      // memory for one number a row
        void* out = nullptr;
        std::int64_t rows = 0;
        std::int64_t operand_row = 0;  // of full operands
        std::int64_t channel = 0;      // of the epilogue, of the first column: a multiple of 16
    };

    static Acceptance accepts(const PanelProductDesc& desc, const Machine& machine);

    // strip_rows: of all strips but the last; a multiple of kTileRows, or all rows.
    PanelProduct(const PanelProductDesc& desc, std::int64_t strip_rows, CodeBlock& code);

    const PanelProductDesc& desc() const { return desc_; }
    std::size_t panel_bytes() const { return static_cast<std::size_t>(panel_bytes_); }
    void pack(const void* w, std::byte* panels) const;
    void run(const Strip& strip, const std::array<const void*, kMaxOperands>& operands) const;

private:
    struct Block : ColumnBlock {
        std::size_t full = 0;  // code for whole tiles, and for the rows that remain
        std::size_t rest = 0;
    };

    void pack_codes(const std::uint8_t* w, std::byte* panels) const;
    void pack_floats(const float* w, std::byte* panels) const;
    void pack_bfloats(const float* w, std::byte* panels) const;
    void sum_rows(const std::uint8_t* a, std::int64_t rows, std::int32_t* terms) const;
    std::int32_t packed_zero() const { return desc_.type == DataType::u8 ? desc_.w_zero - 128 : desc_.w_zero; }
    bool has_terms() const { return !desc_.floats() && packed_zero() != 0; }
    std::int64_t k_bytes() const {
        if (desc_.bfloats) return (desc_.k + 1) / 2 * 4;
        return desc_.floats() ? desc_.k * 4 : desc_.k;
    }
    std::int64_t a_bytes() const {  // between rows
        return desc_.a_stride * (desc_.bfloats ? 2 : desc_.floats() ? 4 : 1);
    }

    PanelProductDesc desc_;
    const CodeBlock* code_;
    std::vector<Block> blocks_;
    std::int64_t panel_bytes_ = 0;
    EpilogueData epilogue_;
};

}  // namespace octet::cpu::x64
