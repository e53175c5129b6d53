#pragma once
#include "plugins/cpu/kernels/portable/columns.hpp"

namespace octet::cpu::portable {

// exp(x - max) / sum over the axis, f32 in; the epilogue may quantize.
struct SoftMax {
    AxisShape shape = {};
    Epilogue epilogue = {};

    std::size_t units() const;
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
