#pragma once
// Convolution in floats to up to four output channels: lanes hold neighbouring pixels, where other kernels hold output channels. The image
// is brought into planes of f32, a tile of a few rows and columns at a time. Weights [oc, ic, kernel height, kernel width], sums in f32. Of
// f32 and bf16 with f32 weights, and of u8 with s8 weights, whose sums of (value - zero point) * weight are exact.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/x64/aligned.hpp"
#include "plugins/cpu/kernels/x64/code.hpp"
#include "plugins/cpu/kernels/x64/epilogue_data.hpp"
#include "plugins/cpu/kernels/x64/planes.hpp"
#include "plugins/cpu/kernels/x64/window.hpp"
#include "plugins/cpu/machine.hpp"

namespace octet::cpu::x64 {

struct FloatFewOutputsDesc {
    DataType type = DataType::f32;  // of the image: f32, bf16 or u8
    bool planar = false;            // the image lies in planes [batch, ic, height, width] of f32, else channels last
    Window window = {};             // strides of 1
    std::int64_t ic = 0;
    std::int64_t oc = 0;
    std::int64_t in_stride = 0;   // elements between pixels; 0: dense
    std::uint8_t zero_point = 0;  // of u8; what padding holds
    Epilogue epilogue = {};       // without operands
    int threads = 1;
};

// The code for the sums of some neighbouring pixels, a few rows at a time, down a tile.
struct PlanesWalk {
    struct Args {
        const float* in = nullptr;  // the first channel at the first pixel's first tap
        const float* weights = nullptr;
        void* out = nullptr;
        const std::byte* ahead = nullptr;  // of the image, what comes into the cache meanwhile
        std::int64_t count = 0;            // of times `rows` rows
        EpilogueArgs epilogue;
    };

    Window window = {};
    int ic = 0, oc = 0;
    int rows = 0, vectors = 0;        // of results
    bool bounded = false;             // they stay within the range of i32
    std::int64_t row = 0, plane = 0;  // floats between rows and channels of the tile
    // Cache lines of each row that come nearer while a channel is multiplied, and bytes between rows of the image.
    std::int64_t ahead_lines = 0, ahead_row = 0;

    // What registers have room for: pixels beside each other, and sums in all.
    static int most_vectors(const VectorIsa& isa) { return isa.wide() ? 6 : 2; }
    static int most_sums(const VectorIsa& isa) { return isa.wide() ? 24 : 8; }
};

std::size_t add_walk(CodeBlock& block, const PlanesWalk& walk, const Epilogue& epilogue);

class FloatFewOutputs {
public:
    struct Args {
        const void* in = nullptr;
        void* out = nullptr;
        std::byte* scratch = nullptr;  // scratch_size bytes, of this call alone
    };

    static Acceptance accepts(const FloatFewOutputsDesc& desc, const Machine& machine);
    static std::size_t packed_size(const FloatFewOutputsDesc& desc);

    // The weights are read when the code is sealed.
    FloatFewOutputs(const FloatFewOutputsDesc& desc, std::span<const float> weights, CodeBlock& code);
    FloatFewOutputs(const FloatFewOutputsDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code);

    std::size_t scratch_size() const;
    // A unit is a strip of rows of the result.
    std::int64_t units() const { return desc_.window.batch * strips_; }
    void run(const Args& args, std::int64_t begin, std::int64_t end) const;

private:
    // Columns of the result.
    struct Span {
        std::int64_t first = 0, last = 0;
    };
    FloatFewOutputs(const FloatFewOutputsDesc& desc, CodeBlock& code);
    template <class T>
    void pack(std::span<const T> weights, CodeBlock& code);
    void fill(float* tile, const void* in, std::int64_t batch, std::int64_t y, Span columns) const;
    void fill_pixels(float* row, const void* in, std::int64_t batch, std::int64_t y, std::int64_t x,
                     std::int64_t count) const;
    const std::byte* ahead_of(const void* in, std::int64_t batch, std::int64_t y, std::int64_t x) const;
    void multiply(const float* tile, const Args& args, std::int64_t batch, std::int64_t y, std::int64_t rows,
                  Span columns) const;

    FloatFewOutputsDesc desc_;
    const CodeBlock* code_;
    PlanesWalk walk_;
    std::int64_t pixels_ = 0;                       // of a call, beside each other
    std::int64_t tile_width_ = 0, strip_rows_ = 0;  // of results
    std::int64_t strips_ = 0;
    std::size_t kernel_ = 0, last_rows_ = 0;  // last_rows_: for the rows that are left over
    std::optional<Planes> planes_;            // of pixels
    EpilogueData epilogue_;
    Aligned<float> weights_;  // [ic, kernel width, kernel height, oc]
};

}  // namespace octet::cpu::x64
