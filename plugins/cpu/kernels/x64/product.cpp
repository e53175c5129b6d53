#include "plugins/cpu/kernels/x64/product.hpp"

#include <algorithm>

namespace octet::cpu::x64 {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

const std::byte* element(const void* base, std::int64_t index, DataType type) {
    return static_cast<const std::byte*>(base) + index * static_cast<std::int64_t>(size_of(type));
}

}  // namespace

std::int64_t strip_rows(std::int64_t batch, std::int64_t rows, int threads) {
    const std::int64_t strips = threads == 1 || batch % threads == 0 ? 1 : (2 * threads + batch - 1) / batch;
    return std::min(rows, round_up((rows + strips - 1) / strips, kTileRows));
}

Acceptance Product::accepts(const ProductDesc& desc, const Machine& machine) {
    if (desc.batch() < 1) return declined("an empty product");
    return PanelProduct::accepts(desc.one, machine);
}

Product::Product(const ProductDesc& desc, CodeBlock& code)
    : desc_(desc),
      strip_rows_(strip_rows(desc.batch(), desc.one.rows, desc.threads)),
      strips_((desc.one.rows + strip_rows_ - 1) / strip_rows_),
      product_(desc.one, strip_rows_, code) {}

std::size_t Product::scratch_size() const {
    return product_.panel_bytes() + static_cast<std::size_t>(round_up(strip_rows_ * 4, 64));
}

void Product::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const PanelProductDesc& one = desc_.one;
    const DataType a_type = one.floats() ? DataType::f32 : DataType::u8;
    const auto at = [](const std::vector<std::int64_t>& offsets, std::int64_t i) {
        return offsets[static_cast<std::size_t>(i)];
    };
    std::int64_t packed = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t matrix = unit / strips_;
        const std::int64_t first = unit % strips_ * strip_rows_;
        const std::int64_t w = at(desc_.w_offsets, matrix);
        if (packed != w) product_.pack(element(args.w, w, one.type), args.scratch);
        packed = w;
        PanelProduct::Strip strip;
        strip.a = element(args.a, at(desc_.a_offsets, matrix) + first * one.a_stride, a_type);
        strip.panels = args.scratch;
        strip.terms = reinterpret_cast<std::int32_t*>(args.scratch + product_.panel_bytes());
        strip.out = const_cast<std::byte*>(
            element(args.out, at(desc_.out_offsets, matrix) + first * one.out_stride, one.epilogue.result));
        strip.rows = std::min(strip_rows_, one.rows - first);
        strip.operand_row = matrix * one.rows + first;
        product_.run(strip, args.operands);
    }
}

}  // namespace octet::cpu::x64
