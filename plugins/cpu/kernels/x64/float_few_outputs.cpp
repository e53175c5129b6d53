#include "plugins/cpu/kernels/x64/float_few_outputs.hpp"

#include <algorithm>
#include <cstring>

#include "plugins/cpu/kernels/x64/emit_pixels.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr std::int64_t kStripRows = 16;               // of a unit: each reads the rows above again
constexpr std::int64_t kTileBytes = 160 * 1024;       // of a second-level cache
constexpr std::int64_t kMostTileBytes = 1024 * 1024;  // of a large one
constexpr std::int64_t kMostCode = 2048;              // multiplications of a channel
constexpr double kLargestProduct = 255.0 * 128;       // of codes

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

// How results are cut.
struct Cut {
    std::int64_t pixels = 0;                   // of a call
    std::int64_t strip_rows = 0, columns = 0;  // of a tile
    std::int64_t tile_rows = 0, row = 0;       // of its image: rows, floats between them
    std::int64_t bytes = 0;
    PlanesWalk walk;
};

std::int64_t pixel_stride(const FloatFewOutputsDesc& desc) { return desc.in_stride != 0 ? desc.in_stride : desc.ic; }

Cut cut_of(const FloatFewOutputsDesc& desc, const VectorIsa& isa) {
    const Window& w = desc.window;
    Cut cut;
    cut.walk = {.window = w, .ic = static_cast<int>(desc.ic), .oc = static_cast<int>(desc.oc)};
    cut.walk.bounded = desc.type == DataType::u8 &&
                       !may_exceed_i32(desc.epilogue, kLargestProduct * static_cast<double>(w.taps() * desc.ic));
    // Calls of nearly one size; the last pixels of a row are computed once more with those before them.
    const std::int64_t vectors = divide_up(w.out_width(), isa.lanes);
    const std::int64_t calls = divide_up(vectors, PlanesWalk::most_vectors(isa));
    cut.walk.vectors = static_cast<int>(divide_up(vectors, calls));
    cut.pixels = std::min<std::int64_t>(cut.walk.vectors * isa.lanes, w.out_width());
    const std::int64_t sums = cut.walk.vectors * desc.oc;
    cut.walk.rows = static_cast<int>(std::min(PlanesWalk::most_sums(isa) / sums, w.out_height()));
    // Behind each row is room for what Planes writes too much.
    const auto row = [&](std::int64_t columns) {
        return round_up(columns + (w.kernel_width - 1) * w.dilation_width, 16) + 16;
    };
    const auto bytes = [&](std::int64_t columns) { return desc.ic * cut.tile_rows * row(columns) * 4; };
    const std::int64_t units = desc.threads == 1 ? 1 : std::int64_t{2} * desc.threads;
    std::int64_t strip = std::min(kStripRows, divide_up(w.batch * w.out_height(), units));
    do {
        cut.strip_rows = round_up(strip, cut.walk.rows);
        cut.tile_rows = cut.strip_rows + (w.kernel_height - 1) * w.dilation_height;
        strip = cut.strip_rows - cut.walk.rows;
    } while (strip > 0 && bytes(cut.pixels) > kMostTileBytes / 2);
    cut.columns = cut.pixels;
    while (cut.columns < w.out_width() && bytes(cut.columns + cut.pixels) <= kTileBytes) cut.columns += cut.pixels;
    cut.row = row(cut.columns);
    cut.bytes = bytes(cut.columns);
    cut.walk.row = cut.row;
    cut.walk.plane = cut.tile_rows * cut.row;
    if (!desc.planar) {
        const std::int64_t pixel = pixel_stride(desc) * static_cast<std::int64_t>(size_of(desc.type));
        cut.walk.ahead_lines = divide_up(cut.pixels * pixel, 64 * desc.ic);
        cut.walk.ahead_row = w.width * pixel;
    }
    return cut;
}

PlanesDesc planes_of(const FloatFewOutputsDesc& desc, const PlanesWalk& walk) {
    return {desc.type, desc.zero_point, desc.ic, pixel_stride(desc), walk.plane};
}

}  // namespace

Acceptance FloatFewOutputs::accepts(const FloatFewOutputsDesc& desc, const Machine& machine) {
    const Window& w = desc.window;
    if (!machine.avx2()) return declined("needs AVX2");
    const bool codes = desc.type == DataType::u8;
    if (desc.type != DataType::f32 && !codes && !(desc.type == DataType::bf16 && machine.bf16))
        return declined("its data is neither f32, u8 nor, where products of bf16 gain, bf16");
    if (desc.planar && desc.type != DataType::f32) return declined("its planes are not of f32");
    if (!w.valid() || desc.ic < 1) return declined("an empty convolution");
    if (w.stride_height != 1 || w.stride_width != 1) return declined("it has strides");
    if (desc.oc < 1 || desc.oc > 4) return declined("it has more than four output channels");
    const VectorIsa isa = vector_isa_of(machine);
    if (w.out_width() < isa.lanes) return declined("its rows are shorter than a register");
    if (w.taps() * 24 > kMostCode) return declined("its window is too large");
    if (codes && static_cast<double>(w.taps() * desc.ic) * kLargestProduct > 1 << 24)
        return declined("sums of so many products are not exact in floats");
    constexpr std::int64_t kMostChannels = 1 << 12, kLargestWindow = 1 << 13, kLongestRow = 1 << 22;
    if (desc.ic > kMostChannels || w.kernel_height * w.dilation_height > kLargestWindow ||
        w.kernel_width * w.dilation_width > kLargestWindow || w.out_width() > kLongestRow ||
        w.width * pixel_stride(desc) > kLongestRow * 4 || cut_of(desc, isa).bytes > kMostTileBytes)
        return declined("some of its rows with all their channels are more than a cache holds");
    if (std::ranges::any_of(desc.epilogue.ops,
                            [](const EpilogueOp& op) { return op.kind == EpilogueOp::Kind::combine; }))
        return declined("its result is combined with an operand");
    return x64::accepts(desc.epilogue, desc.oc, machine.bf16);
}

std::size_t FloatFewOutputs::packed_size(const FloatFewOutputsDesc& desc) {
    return static_cast<std::size_t>(desc.ic * desc.window.taps() * desc.oc) * sizeof(float);
}

FloatFewOutputs::FloatFewOutputs(const FloatFewOutputsDesc& desc, CodeBlock& code)
    : desc_(desc),
      code_(&code),
      walk_(cut_of(desc, code.isa()).walk),
      epilogue_(desc.epilogue, desc.oc, {}, channel_of_lane(desc.oc, code.isa().lanes)),
      weights_(packed_size(desc) / sizeof(float)) {
    const Cut cut = cut_of(desc, code.isa());
    if (!desc.planar) planes_.emplace(planes_of(desc, walk_), code);
    pixels_ = cut.pixels;
    tile_width_ = cut.columns;
    strip_rows_ = cut.strip_rows;
    strips_ = divide_up(desc.window.out_height(), strip_rows_);
    kernel_ = add_walk(code, walk_, desc.epilogue);
    if (const auto rest = static_cast<int>(desc.window.out_height() % walk_.rows); rest != 0) {
        PlanesWalk last = walk_;
        last.rows = rest;
        last_rows_ = add_walk(code, last, desc.epilogue);
    }
}

FloatFewOutputs::FloatFewOutputs(const FloatFewOutputsDesc& desc, std::span<const float> weights, CodeBlock& code)
    : FloatFewOutputs(desc, code) {
    if (!weights_.filled()) pack(weights, code);
}

FloatFewOutputs::FloatFewOutputs(const FloatFewOutputsDesc& desc, std::span<const std::int8_t> weights, CodeBlock& code)
    : FloatFewOutputs(desc, code) {
    if (!weights_.filled()) pack(weights, code);
}

template <class T>
void FloatFewOutputs::pack(std::span<const T> weights, CodeBlock& code) {
    code.later([to = weights_.data(), from = weights.data(), ic = desc_.ic, oc = desc_.oc,
                height = desc_.window.kernel_height, width = desc_.window.kernel_width] {
        float* next = to;
        for (std::int64_t i = 0; i < ic; ++i)
            for (std::int64_t x = 0; x < width; ++x)
                for (std::int64_t y = 0; y < height; ++y)
                    for (std::int64_t o = 0; o < oc; ++o)
                        *next++ = static_cast<float>(from[((o * ic + i) * height + y) * width + x]);
    });
}

std::size_t FloatFewOutputs::scratch_size() const { return static_cast<std::size_t>(desc_.ic * walk_.plane) * 4; }

// `count` pixels from (x, y) of an image on, all of which exist.
void FloatFewOutputs::fill_pixels(float* row, const void* in, std::int64_t batch, std::int64_t y, std::int64_t x,
                                  std::int64_t count) const {
    const Window& w = desc_.window;
    if (desc_.planar) {
        const float* first = static_cast<const float*>(in) + (batch * desc_.ic * w.height + y) * w.width + x;
        for (std::int64_t i = 0; i < desc_.ic; ++i)
            std::memcpy(row + i * walk_.plane, first + i * w.height * w.width, static_cast<std::size_t>(count) * 4);
        return;
    }
    const std::int64_t pixel = (batch * w.height + y) * w.width + x;
    const std::int64_t bytes = pixel_stride(desc_) * static_cast<std::int64_t>(size_of(desc_.type));
    planes_->run(static_cast<const std::byte*>(in) + pixel * bytes, count, w.batch * w.height * w.width - pixel, row);
}

// Row y of an image, which may lie in the padding, as far as windows of these columns reach.
void FloatFewOutputs::fill(float* row, const void* in, std::int64_t batch, std::int64_t y, Span columns) const {
    const Window& w = desc_.window;
    const std::int64_t left = columns.first - w.pad_left;
    const std::int64_t width = columns.last - columns.first + (w.kernel_width - 1) * w.dilation_width;
    const bool inside = y >= 0 && y < w.height;
    const std::int64_t begin = inside ? std::clamp<std::int64_t>(-left, 0, width) : width;
    const std::int64_t end = inside ? std::clamp<std::int64_t>(w.width - left, begin, width) : width;
    if (end > begin) fill_pixels(row + begin, in, batch, y, left + begin, end - begin);
    for (std::int64_t i = 0; i < desc_.ic; ++i) {
        float* plane = row + i * walk_.plane;
        std::fill(plane, plane + begin, 0.F);
        std::fill(plane + end, plane + width, 0.F);
    }
}

// What the tile after this one has beside (y, x), where windows begin.
const std::byte* FloatFewOutputs::ahead_of(const void* in, std::int64_t batch, std::int64_t y, std::int64_t x) const {
    const Window& w = desc_.window;
    x += tile_width_;
    if (x >= w.out_width()) {
        x -= round_up(w.out_width(), tile_width_);
        y += strip_rows_;
    }
    const std::int64_t pixel = (batch * w.height + y) * w.width + std::max<std::int64_t>(0, x);
    if (desc_.planar || pixel >= w.batch * w.height * w.width) return static_cast<const std::byte*>(in);
    return static_cast<const std::byte*>(in) +
           pixel * pixel_stride(desc_) * static_cast<std::int64_t>(size_of(desc_.type));
}

void FloatFewOutputs::multiply(const float* tile, const Args& args, std::int64_t batch, std::int64_t y,
                               std::int64_t rows, Span columns) const {
    const Window& w = desc_.window;
    const std::int64_t pixel = desc_.oc * static_cast<std::int64_t>(size_of(desc_.epilogue.result));
    const std::int64_t whole = rows / walk_.rows;
    PlanesWalk::Args call;
    call.weights = weights_.data();
    call.epilogue = epilogue_.at({}, 0, 0, 0);
    for (std::int64_t x = columns.first; x < columns.last; x += pixels_) {
        const std::int64_t first = std::min(x, columns.last - pixels_);
        const auto at_row = [&](std::int64_t row, std::int64_t count, std::size_t kernel) {
            call.in = tile + row * walk_.row + first - columns.first;
            call.out = static_cast<std::byte*>(args.out) +
                       ((batch * w.out_height() + y + row) * w.out_width() + first) * pixel;
            call.ahead = ahead_of(args.in, batch, y + row, first);
            call.count = count;
            code_->call(kernel, call);
        };
        if (whole > 0) at_row(0, whole, kernel_);
        if (rows % walk_.rows != 0) at_row(whole * walk_.rows, 1, last_rows_);
    }
}

void FloatFewOutputs::run(const Args& args, std::int64_t begin, std::int64_t end) const {
    const Window& w = desc_.window;
    auto* tile = reinterpret_cast<float*>(args.scratch);
    for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t batch = unit / strips_, y = unit % strips_ * strip_rows_;
        const std::int64_t rows = std::min(strip_rows_, w.out_height() - y);
        for (std::int64_t x = 0; x < w.out_width(); x += tile_width_) {
            // At least one call wide.
            const Span columns{std::min(x, w.out_width() - pixels_), std::min(x + tile_width_, w.out_width())};
            for (std::int64_t row = 0; row < rows + (w.kernel_height - 1) * w.dilation_height; ++row)
                fill(tile + row * walk_.row, args.in, batch, y + row - w.pad_top, columns);
            multiply(tile, args, batch, y, rows, columns);
        }
    }
}

}  // namespace octet::cpu::x64
