#pragma once
#include "plugins/cpu/kernels/portable/columns.hpp"

namespace octet::cpu::portable {

// y = (x - mean) * factor with statistics of each column in double, of u8, s8 or f32; scale and shift that follow belong to the epilogue.
struct Normalize {
    enum class Kind : std::uint8_t {
        mean,                   // factor 1
        mean_variance_inside,   // factor 1 / sqrt(variance + epsilon)
        mean_variance_outside,  // factor 1 / (sqrt(variance) + epsilon)
        l2_add,                 // mean zero_point, factor 1 / sqrt(sum of squares + epsilon)
        l2_max                  // mean zero_point, factor 1 / sqrt(max(sum of squares, epsilon))
    };
    Kind kind = Kind::mean_variance_inside;
    DataType input = DataType::f32;
    float epsilon = 0;
    float zero_point = 0;  // of l2: subtracted from the input
    AxisShape shape = {};
    Epilogue epilogue = {};

    std::size_t units() const { return column_units(shape); }
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

// y = x / (bias + alpha * sum of squares over `size` neighbours along the axis, centred) ^ beta; alpha is already divided by size
// where the model says so.
struct LocalResponse {
    std::size_t size = 1;
    float alpha = 1;
    float beta = 0.5F;
    float bias = 1;
    AxisShape shape = {};
    Epilogue epilogue = {};

    std::size_t units() const;
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
