#pragma once
// Transposed convolutions (ConvolutionBackpropData) of u8 with s8 weights and of f32, over channels-last images.
#include <cstdint>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu::onednn {

// source [batch, height, width, groups * ic], result [batch, out_height, out_width, groups * oc]: each source value spreads over
// result[y * stride - pad_top + ky * dilation] += source * weights; what falls outside is dropped.
struct Deconvolution {
    DataType source = DataType::u8;
    std::int64_t batch = 1;
    std::int64_t height = 1;
    std::int64_t width = 1;
    std::int64_t out_height = 1;
    std::int64_t out_width = 1;
    std::int64_t groups = 1;
    std::int64_t ic = 1;  // of one group
    std::int64_t oc = 1;  // of one group
    std::int64_t kernel_h = 1;
    std::int64_t kernel_w = 1;
    std::int64_t stride_h = 1;
    std::int64_t stride_w = 1;
    std::int64_t dilation_h = 1;
    std::int64_t dilation_w = 1;
    std::int64_t pad_top = 0;
    std::int64_t pad_left = 0;
    const void* weights = nullptr;  // [groups, ic, oc, kernel_h, kernel_w]
    std::int32_t source_zero = 0;
    Epilogue epilogue = {};
    int in_place = -1;
    int threads = 1;
    bool allow_reference = false;
    bool allow_saturation = false;
};

// Declines with code SATURATION_RISK where u8 x s8 products might saturate on this machine.
Creation create(const Deconvolution& deconvolution);

}  // namespace octet::cpu::onednn
