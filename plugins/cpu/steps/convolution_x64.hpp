#pragma once
// Inside this folder only: what generated kernels for convolutions share.
#include "plugins/cpu/steps/convolution.hpp"

namespace octet::cpu {

inline bool codes_hold_zero(const ConvolutionProblem& p) {
    return std::ranges::all_of(p.zero_points, [](auto z) { return z >= 0 && z <= 255; });
}

inline Acceptance accepts_zero_point(const ConvolutionProblem& p) {
    if (p.uniform_zero_point() && codes_hold_zero(p)) return accepted();
    return declined("its zero point is no code, or varies by channel");
}

// The result's memory, for a kernel that can leave a pitch; returns the pitch.
inline std::int64_t result_of(Planner& planner, const ConvolutionProblem& p, StepBuffers& b) {
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    const Place out = bfloat ? planner.output_stored(p.group.output, Layout::channels_last)
                             : planner.output_rows(p.group.output, Layout::channels_last);
    b.out = out.buffer;
    return static_cast<std::int64_t>(out.pitch);
}

// Until they are packed.
inline void keep_weights(Planner& planner, const ConvolutionProblem& p) {
    planner.code().later([weights = p.weights] {});
}

}  // namespace octet::cpu
