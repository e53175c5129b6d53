#include "plugins/cpu/kernels/portable/convolution.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <type_traits>

namespace octet::cpu::portable {
namespace {

// A depthwise sum stays in floats, so it is exact for no more taps than this.
constexpr std::size_t kDepthwiseTaps = kBlockDepth;

std::array<std::size_t, 3> out_position(const Window& window, std::size_t pixel) {
    return {pixel / (window.output[1] * window.output[2]), pixel / window.output[2] % window.output[1],
            pixel % window.output[2]};
}

float weight_at(DataType type, const void* weights, std::size_t at) {
    switch (type) {
        case DataType::u8: return static_cast<float>(static_cast<const std::uint8_t*>(weights)[at]);
        case DataType::s8: return static_cast<float>(static_cast<const std::int8_t*>(weights)[at]);
        default: return static_cast<const float*>(weights)[at];
    }
}

template <class T>
void widen(const T* from, std::size_t count, float zero_point, float* to) {
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<float>(from[i]) - zero_point;
    }
}

template <class T>
float shifted(T value, std::int32_t zero_point) {
    if constexpr (std::is_integral_v<T>) {
        return static_cast<float>(value - zero_point);
    } else {
        return value - static_cast<float>(zero_point);
    }
}

template <class T>
void widen(const T* from, std::size_t count, const std::int32_t* zero_points, float* to) {
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = shifted(from[i], zero_points[i]);
    }
}

float common_zero_point(const Convolution& convolution) {
    return convolution.zero_points.empty() ? 0.0F : static_cast<float>(convolution.zero_points[0]);
}

// Copies parts of a pixel's patch [kernel...][channels of the group] as floats; what lies outside the input is zero. Where taps
// along the width are neighbours in memory and have one zero point, a row of the kernel is one run.
template <class T>
class Patch {
public:
    Patch(const Convolution& convolution, const T* input, std::size_t group)
        : window_(convolution.window),
          channels_(convolution.in_channels / convolution.groups),
          stride_(convolution.in_stride == 0 ? convolution.in_channels : convolution.in_stride),
          zero_(common_zero_point(convolution)),
          zeros_(convolution.zero_points_vary() ? convolution.zero_points.data() + group * channels_ : nullptr),
          taps_in_run_(stride_ == channels_ && window_.dilation[2] == 1 && zeros_ == nullptr ? window_.kernel[2] : 1),
          run_(channels_ * taps_in_run_),
          input_(input + group * channels_) {}

    void copy(std::size_t row, std::size_t begin, std::size_t count, float* to) const {
        const std::size_t batch = row / window_.out_pixels();
        const auto out = out_position(window_, row % window_.out_pixels());
        std::array<TapRange, 3> range;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            range[axis] = taps_inside(window_, axis, out[axis]);
        }
        std::size_t done = 0;
        while (done < count) {
            const std::size_t run = (begin + done) / run_;
            const std::size_t offset = (begin + done) % run_;
            const std::size_t length = std::min(run_ - offset, count - done);
            copy_run(batch, out, range, run, offset, length, to + done);
            done += length;
        }
    }

private:
    void copy_run(std::size_t batch, const std::array<std::size_t, 3>& out, const std::array<TapRange, 3>& range,
                  std::size_t run, std::size_t offset, std::size_t length, float* to) const {
        const std::size_t tap = run * taps_in_run_;
        const std::array<std::size_t, 3> k = {tap / (window_.kernel[2] * window_.kernel[1]),
                                              tap / window_.kernel[2] % window_.kernel[1], tap % window_.kernel[2]};
        const bool inside = k[0] >= range[0].begin && k[0] < range[0].end && k[1] >= range[1].begin &&
                            k[1] < range[1].end;
        const std::size_t low = inside ? std::max(range[2].begin, k[2]) : 0;
        const std::size_t high = inside ? std::min(range[2].end, k[2] + taps_in_run_) : 0;
        if (high <= low) {
            std::fill_n(to, length, 0.0F);
            return;
        }
        const std::size_t first = std::clamp((low - k[2]) * channels_, offset, offset + length);
        const std::size_t last = std::clamp((high - k[2]) * channels_, offset, offset + length);
        std::fill_n(to, first - offset, 0.0F);
        const T* from = input_ + address(batch, out, {k[0], k[1], low}) + (first - (low - k[2]) * channels_);
        if (zeros_ != nullptr) {
            widen(from, last - first, zeros_ + first, to + (first - offset));
        } else {
            widen(from, last - first, zero_, to + (first - offset));
        }
        std::fill_n(to + (last - offset), offset + length - last, 0.0F);
    }

    std::size_t address(std::size_t batch, const std::array<std::size_t, 3>& out,
                        const std::array<std::size_t, 3>& k) const {
        std::size_t pixel = batch;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const std::ptrdiff_t at = first_position(window_, axis, out[axis]) +
                                      static_cast<std::ptrdiff_t>(k[axis] * window_.dilation[axis]);
            pixel = pixel * window_.input[axis] + static_cast<std::size_t>(at);
        }
        return pixel * stride_;
    }

    const Window& window_;
    std::size_t channels_;
    std::size_t stride_;
    float zero_;
    const std::int32_t* zeros_;  // of the channels of the group, where they vary
    std::size_t taps_in_run_;
    std::size_t run_;
    const T* input_;
};

template <class T, class Weight>
void dense_unit(const Convolution& convolution, const PackedWeights& weights, const Weight* packed,
                const Arguments& args, std::size_t unit) {
    const std::size_t blocks = (weights.columns + kBlockColumns - 1) / kBlockColumns;
    const std::size_t column = unit % blocks * kBlockColumns;
    const std::size_t group = unit / blocks % convolution.groups;
    const std::size_t row = unit / blocks / convolution.groups * kBlockRows;
    const std::size_t rows = std::min(kBlockRows, convolution.batch * convolution.window.out_pixels() - row);
    const Patch<T> patch(convolution, static_cast<const T*>(args.input), group);
    const DotTile<Weight> dot = choose_dot_tile<Weight>();
    DenseBlock block(rows, std::min(kBlockColumns, weights.columns - column), weights.integer);
    for (std::size_t k = 0; k < weights.depth; k += kBlockDepth) {
        const std::size_t depth = std::min(kBlockDepth, weights.depth - k);
        vectorized([&] {
            for (std::size_t r = 0; r < rows; ++r) {
                patch.copy(row + r, k, depth, block.row(r));
            }
        });
        for (std::size_t panel = 0; panel < block.panels(); ++panel) {
            block.multiply(dot, panel, packed + weights.panel(group, column / kTileColumns + panel) + k * kTileColumns,
                           depth);
        }
    }
    const ResultLayout layout{convolution.out_channels, convolution.window.out_pixels(), convolution.out_stride};
    block.finish(convolution.epilogue, layout, row, group * weights.columns + column, args);
}

// sums[c] += shift(from[c], c) * weights[c] over the taps inside; weights lie [tap][channels].
template <class T, class Shift>
void depthwise_pixel(const Convolution& convolution, const PackedWeights& weights, const T* input, std::size_t row,
                     const Tile& tile, const Shift& shift, float* sums) {
    const Window& window = convolution.window;
    const std::size_t stride = convolution.in_stride == 0 ? convolution.in_channels : convolution.in_stride;
    const auto out = out_position(window, row % window.out_pixels());
    const std::size_t batch = row / window.out_pixels();
    const auto at = [&](std::size_t axis, std::size_t k) {
        return static_cast<std::size_t>(first_position(window, axis, out[axis]) +
                                        static_cast<std::ptrdiff_t>(k * window.dilation[axis]));
    };
    std::fill_n(sums, tile.channels, 0.0F);
    const std::array<TapRange, 3> range = {taps_inside(window, 0, out[0]), taps_inside(window, 1, out[1]),
                                           taps_inside(window, 2, out[2])};
    for (std::size_t d = range[0].begin; d < range[0].end; ++d) {
        for (std::size_t h = range[1].begin; h < range[1].end; ++h) {
            const std::size_t line = ((batch * window.input[0] + at(0, d)) * window.input[1] + at(1, h)) *
                                     window.input[2];
            for (std::size_t w = range[2].begin; w < range[2].end; ++w) {
                const T* from = input + (line + at(2, w)) * stride + tile.channel;
                const std::size_t tap = (d * window.kernel[1] + h) * window.kernel[2] + w;
                const float* factor = weights.floats.data() + tap * convolution.in_channels + tile.channel;
                for (std::size_t c = 0; c < tile.channels; ++c) {
                    sums[c] = std::fma(shift(from[c], c), factor[c], sums[c]);
                }
            }
        }
    }
}

template <class T>
void depthwise_unit(const Convolution& convolution, const PackedWeights& weights, const Arguments& args,
                    std::size_t unit) {
    const TileGrid grid{convolution.batch * convolution.window.out_pixels(), convolution.out_channels};
    const Tile tile = grid[unit];
    alignas(64) std::array<float, kTileValues> sums;
    vectorized([&] {
        const auto rows = [&](const auto& shift) {
            for (std::size_t r = 0; r < tile.rows; ++r) {
                depthwise_pixel(convolution, weights, static_cast<const T*>(args.input), tile.row + r, tile, shift,
                                sums.data() + r * tile.channels);
            }
        };
        if (convolution.zero_points_vary()) {
            rows([zeros = convolution.zero_points.data() + tile.channel](T value, std::size_t c) {
                return shifted(value, zeros[c]);
            });
        } else {
            rows([zero = common_zero_point(convolution)](T value, std::size_t) {
                return static_cast<float>(value) - zero;
            });
        }
    });
    const ResultLayout layout{convolution.out_channels, convolution.window.out_pixels(), convolution.out_stride};
    apply_epilogue(convolution.epilogue, layout, tile, sums.data(), args.operands, args.out);
}

template <class T>
void run_units(const Convolution& convolution, const PackedWeights& weights, const Arguments& args, std::size_t begin,
               std::size_t end) {
    for (std::size_t unit = begin; unit < end; ++unit) {
        if (convolution.depthwise()) {
            depthwise_unit<T>(convolution, weights, args, unit);
        } else if (weights.integer) {
            dense_unit<T>(convolution, weights, weights.shorts.data(), args, unit);
        } else {
            dense_unit<T>(convolution, weights, weights.floats.data(), args, unit);
        }
    }
}

}  // namespace

bool Convolution::depthwise() const {
    return groups == in_channels && groups == out_channels && groups > 1 && window.taps() <= kDepthwiseTaps;
}

bool Convolution::zero_points_vary() const {
    return std::adjacent_find(zero_points.begin(), zero_points.end(), std::not_equal_to<>()) != zero_points.end();
}

PackedWeights Convolution::pack(const void* weights, DataType type,
                                std::span<const std::int32_t> weight_zero_points) const {
    const std::size_t channels = in_channels / groups;
    const std::size_t columns = out_channels / groups;
    const std::size_t taps = window.taps();
    const auto value = [&](std::size_t group, std::size_t k, std::size_t column) {
        const std::size_t out = group * columns + column;
        const std::int32_t zero = weight_zero_points.empty()
                                      ? 0
                                      : weight_zero_points[weight_zero_points.size() == 1 ? 0 : out];
        return weight_at(type, weights, (out * channels + k % channels) * taps + k / channels) -
               static_cast<float>(zero);
    };
    if (!depthwise()) {
        return pack_weights(groups, taps * channels, columns, type != DataType::f32, value);
    }
    PackedWeights packed{1, taps, out_channels, false};
    packed.floats.resize(taps * out_channels);
    for (std::size_t i = 0; i < packed.floats.size(); ++i) {
        packed.floats[i] = value(i % out_channels, i / out_channels, 0);
    }
    return packed;
}

std::size_t Convolution::units() const {
    const std::size_t rows = batch * window.out_pixels();
    if (depthwise()) {
        return TileGrid{rows, out_channels}.size();
    }
    return (rows + kBlockRows - 1) / kBlockRows * groups *
           ((out_channels / groups + kBlockColumns - 1) / kBlockColumns);
}

void Convolution::run(const PackedWeights& weights, const Arguments& args, std::size_t begin, std::size_t end) const {
    switch (input) {
        case DataType::u8: return run_units<std::uint8_t>(*this, weights, args, begin, end);
        case DataType::s8: return run_units<std::int8_t>(*this, weights, args, begin, end);
        default: return run_units<float>(*this, weights, args, begin, end);
    }
}

}  // namespace octet::cpu::portable
