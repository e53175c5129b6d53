#pragma once
#include "plugins/cpu/kernels/portable/columns.hpp"

namespace octet::cpu::portable {

// exp(x - max) / sum over the axis, f32 in; the epilogue may quantize.
struct SoftMax {
    AxisShape shape = {};
    Epilogue epilogue = {};
    // Pixels of an image, where takes_planes holds and the result is to be [image, axis, pixel] of f32; 0: it lies like the data.
    std::size_t plane = 0;

    static bool takes_planes(const AxisShape& shape) { return shape.inner == 1 && shape.axis >= 2 && shape.axis <= 8; }
    std::size_t units() const;
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
