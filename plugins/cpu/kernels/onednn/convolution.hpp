#pragma once
// Convolutions of u8 with s8 weights and of floats, over channels-last images.
#include <cstdint>
#include <memory>

#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu::onednn {

// source [batch, height, width, groups * ic], result [batch, out_height(), out_width(), groups * oc].
struct Convolution {
    DataType source = DataType::u8;  // u8 with s8 weights; f32 or bf16 with f32 weights, which are rounded for bf16
    std::int64_t batch = 1;
    std::int64_t height = 1;
    std::int64_t width = 1;
    std::int64_t groups = 1;
    std::int64_t ic = 1;  // of one group
    std::int64_t oc = 1;  // of one group
    std::int64_t kernel_h = 1;
    std::int64_t kernel_w = 1;
    std::int64_t stride_h = 1;
    std::int64_t stride_w = 1;
    std::int64_t dilation_h = 1;  // 1: the taps touch
    std::int64_t dilation_w = 1;
    std::int64_t pad_top = 0;
    std::int64_t pad_bottom = 0;
    std::int64_t pad_left = 0;
    std::int64_t pad_right = 0;
    const void* weights = nullptr;  // [groups, oc, ic, kernel_h, kernel_w], read while the kernel is made
    // Kernel::prepare, which then has to come before run, generates the code and packs the weights, which this keeps until then.
    bool prepare_later = false;
    std::shared_ptr<const void> weights_owner = nullptr;
    std::int32_t source_zero = 0;  // subtracted from every source value; padding counts as it
    Epilogue epilogue = {};
    int in_place = -1;  // index of the operand whose memory is the result's
    int threads = 1;    // at most so many parts
    bool allow_reference = false;
    bool allow_saturation = false;  // of pairs of products at 16 bits, where the machine has no other 8-bit products

    std::int64_t out_height() const {
        return (height + pad_top + pad_bottom - (kernel_h - 1) * dilation_h - 1) / stride_h + 1;
    }
    std::int64_t out_width() const {
        return (width + pad_left + pad_right - (kernel_w - 1) * dilation_w - 1) / stride_w + 1;
    }
};

// Declines with code SATURATION_RISK where u8 x s8 products might saturate on this machine.
Creation create(const Convolution& convolution);

}  // namespace octet::cpu::onednn
