#pragma once
// FakeQuantize and the two ops it becomes.
#include "ir/op.hpp"

namespace octet::ir {

// Operands: x, input_low, input_high, output_low, output_high, all broadcasting to x:
//   x' = min(max(x, min(il, ih)), max(il, ih)), q = round_half_even((x' - il) / (ih - il) * (levels - 1)), y = q / (levels - 1) * (oh - ol) + ol.
struct FakeQuantize {
    static constexpr std::string_view name = "fake_quantize";
    static constexpr Traits traits{.elementwise = true};
    std::int64_t levels = 256;
    static constexpr auto fields() { return std::array{field<&FakeQuantize::levels>("levels")}; }
};
Types infer(const FakeQuantize& op, Inputs inputs);

// code = round_half_even((clamp(x, low, high) - low) / (high - low) * (levels - 1)); result = code + qmin. low and high have full rank,
// every extent 1 or the data's. low == high as FakeQuantize defines it.
struct Quantize {
    static constexpr std::string_view name = "quantize";
    static constexpr Traits traits{.elementwise = true};
    Tensor low = {};
    Tensor high = {};
    std::int64_t levels = 256;
    std::int64_t qmin = 0;
    Element element = Element::u8;
    static constexpr auto fields() {
        return std::array{field<&Quantize::low>("low"), field<&Quantize::high>("high"),
                          field<&Quantize::levels>("levels"), field<&Quantize::qmin>("qmin"),
                          field<&Quantize::element>("element")};
    }
};
Types infer(const Quantize& op, Inputs inputs);

// (q - zero_point) * scale in `element`. scale and zero_point are f32 tensors of full rank, every extent 1 or the data's. A zero point is a
// real number.
struct Dequantize {
    static constexpr std::string_view name = "dequantize";
    static constexpr Traits traits{.elementwise = true};
    Tensor scale = {};
    Tensor zero_point = {};
    Element element = Element::f32;
    static constexpr auto fields() {
        return std::array{field<&Dequantize::scale>("scale"), field<&Dequantize::zero_point>("zero_point"),
                          field<&Dequantize::element>("element")};
    }
};
Types infer(const Dequantize& op, Inputs inputs);

}  // namespace octet::ir
