#pragma once
#include "plugins/cpu/kernels/coded_weights.hpp"
#include "plugins/cpu/kernels/portable/dense.hpp"

namespace octet::cpu::portable {

// Coded weights in panels of 16 columns: of 8 bits [panel][depth][16] bytes, of 4 bits [panel][depth][8], each byte columns i and i + 8.
struct PackedCodes {
    int bits = 8;
    int flip = 0;  // of codes with a sign that bit: (code ^ flip) - flip
    std::size_t depth = 0;
    std::size_t columns = 0;
    std::size_t group = 0;
    std::vector<std::uint8_t> codes = {};
    std::vector<float> scale = {};  // [depth / group][panels][16]
    std::vector<float> shift = {};

    std::size_t panels() const { return (columns + kTileColumns - 1) / kTileColumns; }
    std::size_t bytes() const { return codes.size() + (scale.size() + shift.size()) * sizeof(float); }
};
PackedCodes pack_codes(const CodedWeights& weights);

// out[b] = epilogue(input[b] * second[b]): [rows, depth] by [depth, columns], the second matrix packed or given at run time. Integers
// (u8 or s8) are summed exactly into 32 bits; where one side is f32 the other is widened.
struct MatMul {
    // One side of the product. Matrix b begins at offsets[b], or at b times its size where offsets is empty; several b may share one.
    struct Side {
        DataType type = DataType::f32;
        std::int32_t zero_point = 0;
        bool transposed = false;  // stored [depth, rows], or [columns, depth] for the second
        std::size_t stride = 0;   // elements from one stored row to the next; 0 means dense
        std::vector<std::size_t> offsets = {};
    };
    std::size_t batch = 1;
    std::size_t rows = 1;
    std::size_t depth = 1;
    std::size_t columns = 1;
    std::size_t out_stride = 0;
    Side input = {};
    Side second = {};
    Epilogue epilogue = {};

    // One matrix for every b, stored as `second` says; zero points are none, one, or one for each column, and replace
    // second.zero_point.
    PackedWeights pack(const void* weights, std::span<const std::int32_t> zero_points = {}) const;

    std::size_t units() const;
    void run(const PackedWeights& weights, const Arguments& args, std::size_t begin, std::size_t end) const;
    // The second matrix is args.second, or coded weights; `second` says nothing of these, and the input is f32.
    void run(const PackedCodes& weights, const Arguments& args, std::size_t begin, std::size_t end) const;
    void run(const Arguments& args, std::size_t begin, std::size_t end) const;
};

}  // namespace octet::cpu::portable
