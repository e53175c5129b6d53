#include "plugins/cpu/kernels/x64/emit_pixels.hpp"

namespace octet::cpu::x64 {

using Xbyak::Xmm;
using Xbyak::Ymm;

std::vector<std::int64_t> channel_of_lane(std::int64_t channels, int lanes) {
    std::vector<std::int64_t> result(static_cast<std::size_t>(lanes * channels));
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = static_cast<std::int64_t>(i) / lanes;
    }
    return result;
}

void emit_transpose(Emitter& c, const std::array<Vec, 4>& rows, const std::array<Vec, 4>& temps) {
    c.vunpcklps(temps[0], rows[0], rows[1]);
    c.vunpckhps(temps[1], rows[0], rows[1]);
    c.vunpcklps(temps[2], rows[2], rows[3]);
    c.vunpckhps(temps[3], rows[2], rows[3]);
    c.vshufps(rows[0], temps[0], temps[2], 0x44);
    c.vshufps(rows[1], temps[0], temps[2], 0xEE);
    c.vshufps(rows[2], temps[1], temps[3], 0x44);
    c.vshufps(rows[3], temps[1], temps[3], 0xEE);
}

void PixelStore::prepare(const Xbyak::Reg64& scratch) {
    if (is_code(result_)) {
        c.set_mask(c.k2, low_bits(c.lanes() * channels_), scratch);
    }
}

// Each 128 bits of the registers, one register after the other, become the values of four pixels in the order of memory.
void PixelStore::join(std::span<const Vec> x) {
    const auto t = [this](int i) { return epilogue_.temp(i); };
    if (channels_ == 2) {
        c.vmovaps(t(0), x[0]);
        c.vunpcklps(x[0], t(0), x[1]);
        c.vunpckhps(x[1], t(0), x[1]);
    } else if (channels_ == 3) {  // of a, b and c: a0 a2 b0 b2, b1 b3 c1 c3, c0 c2 a1 a3
        c.vshufps(t(0), x[0], x[1], 0x88);
        c.vshufps(t(1), x[1], x[2], 0xDD);
        c.vshufps(t(2), x[2], x[0], 0xD8);
        c.vshufps(x[0], t(0), t(2), 0x88);
        c.vshufps(x[1], t(1), t(0), 0xD8);
        c.vshufps(x[2], t(2), t(1), 0xDD);
    } else if (channels_ == 4) {
        emit_transpose(c, {x[0], x[1], x[2], x[3]}, {t(0), t(1), t(2), t(3)});
    }
}

// The values of each 128 bits of a joined register; `index`: which of the registers.
void PixelStore::store_part(const Vec& part, std::int64_t index, const Xbyak::RegExp& to) {
    const std::int64_t size = 4 * static_cast<std::int64_t>(size_of(result_));
    const auto at = [&](int lane) { return c.ptr[to + static_cast<std::size_t>((lane * channels_ + index) * size)]; };
    const Ymm half(part.getIdx());
    const Xmm low(part.getIdx()), high(epilogue_.temp(0).getIdx());
    if (result_ == DataType::bf16) {
        c.vcvtneps2bf16(half, part, Xbyak::EvexEncoding);
        c.vextracti32x4(high, half, 1);
        c.vmovq(at(0), low);
        c.vmovhps(at(1), low);
        c.vmovq(at(2), high);
        c.vmovhps(at(3), high);
        return;
    }
    c.vmovups(at(0), low);
    for (int lane = 1; lane < c.lanes() / 4; ++lane) {
        if (c.wide()) {
            c.vextractf32x4(at(lane), Xbyak::Zmm(part.getIdx()), static_cast<std::uint8_t>(lane));
        } else {
            c.vextractf128(at(lane), part, 1);
        }
    }
}

// The codes of each channel lie four pixels by four beside each other; they are put pixel by pixel.
void PixelStore::store_codes(std::span<const Vec> x, const Xbyak::RegExp& to) {
    epilogue_.pack(0, channels_, [&](int, int vector) { return x[static_cast<std::size_t>(vector)]; });
    const auto channels = static_cast<std::uint32_t>(channels_);
    std::array<std::uint8_t, 64> order_in_lane{};
    std::array<std::uint32_t, 16> dwords{};
    for (std::uint32_t i = 0; i < 64; ++i) {
        const std::uint32_t at = i % 16;
        order_in_lane[i] = static_cast<std::uint8_t>(at < 4 * channels ? at % channels * 4 + at / channels : 0x80);
    }
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c.lanes() / 4) * channels; ++i) {
        dwords[i] = i / channels * 4 + i % channels;
    }
    const Vec packed = x[0], order = epilogue_.temp(0);
    c.vpshufb(packed, packed, c.table(order_in_lane));
    c.move(order, c.table(dwords));
    c.vpermd(packed, order, packed);
    if (c.wide()) {
        c.vmovdqu8(c.ptr[to] | c.k2, packed);
    } else {
        c.store_bytes(to, packed, static_cast<int>(bytes()));
    }
}

void PixelStore::store(std::span<const Vec> x, const Xbyak::RegExp& to) {
    if (is_code(result_)) {
        return store_codes(x, to);
    }
    if (channels_ > 1) {
        join(x);
        for (std::size_t i = 0; i < x.size(); ++i) {
            store_part(x[i], static_cast<std::int64_t>(i), to);
        }
    } else if (result_ == DataType::bf16) {
        const Ymm half(x[0].getIdx());
        c.vcvtneps2bf16(half, x[0], Xbyak::EvexEncoding);
        c.vmovups(c.ptr[to], half);
    } else {
        c.vmovups(c.ptr[to], x[0]);
    }
}

}  // namespace octet::cpu::x64
