#pragma once
// Inside this folder only: a convolution as its kernels see it, and the makers of its steps.
#include <algorithm>
#include <functional>

#include "plugins/cpu/steps/run.hpp"

namespace octet::cpu {

// A convolution with everything its kernels ask about.
struct ConvolutionProblem {
    const Group& group;
    const ir::Node& node;
    ir::Window window = {};  // spatial extents, up to three
    bool backward = false;
    std::int64_t batch = 1;
    std::int64_t groups = 1;
    std::int64_t ic = 1;  // of one group
    std::int64_t oc = 1;
    DataType source = DataType::f32;
    std::vector<std::int64_t> zero_points = {};  // none, one, or one per channel
    ir::Tensor weights = {};
    Program program = {};
    Place data = {};

    std::size_t rank() const { return window.kernel.size(); }
    std::int64_t at(const ir::Dims& values, std::size_t axis_from_last) const {
        return axis_from_last < values.size() ? values[values.size() - 1 - axis_from_last] : -1;
    }
    std::int64_t dim(const ir::Dims& values, std::size_t axis_from_last, std::int64_t absent) const {
        return axis_from_last < values.size() ? at(values, axis_from_last) : absent;
    }
    bool uniform_zero_point() const {
        return zero_points.size() < 2 ||
               std::ranges::adjacent_find(zero_points, std::not_equal_to{}) == zero_points.end();
    }
    std::int64_t products() const {
        return batch * ir::product(window.output) * ir::product(window.kernel) * ic * oc * groups;
    }
    std::int64_t pitch() const { return static_cast<std::int64_t>(data.pitch); }
    std::int64_t zero_point() const { return zero_points.empty() ? 0 : zero_points[0]; }
    bool integer() const { return source != DataType::f32 && source != DataType::bf16; }
};

inline StepBuffers buffers_of(Planner& planner, const ConvolutionProblem& p, const Program& program,
                              std::optional<std::uint32_t> by_rows = std::nullopt) {
    StepBuffers b;
    b.in = p.data.buffer;
    b.operands = planner.operands(program, Layout::channels_last, planner.graph().type(p.group.output), by_rows);
    return b;
}
inline StepBuffers buffers_of(Planner& planner, const ConvolutionProblem& p) {
    return buffers_of(planner, p, p.program);
}

// convolution_x64.cpp, convolution_products.cpp. Each plans the step, or says why not.
Acceptance try_depthwise(Planner& planner, const ConvolutionProblem& p);
// The same of floats.
Acceptance try_float_depthwise(Planner& planner, const ConvolutionProblem& p);
// The convolution of an image of a few channels.
Acceptance try_image(Planner& planner, const ConvolutionProblem& p);
// The same in bf16, of the planes of a float image.
Acceptance try_planes(Planner& planner, const ConvolutionProblem& p);
// A window over rows of some length and not too many channels.
Acceptance try_rows(Planner& planner, const ConvolutionProblem& p);
// To a few output channels.
Acceptance try_few_outputs(Planner& planner, const ConvolutionProblem& p);
// The same in floats, of floats or codes.
Acceptance try_float_few_outputs(Planner& planner, const ConvolutionProblem& p);
// A 1x1 convolution of codes or floats as a matrix product.
Acceptance try_pointwise(Planner& planner, const ConvolutionProblem& p);
// A 1x1 convolution of floats with a few pixels.
Acceptance try_few_rows(Planner& planner, const ConvolutionProblem& p);
// A backward convolution whose windows do not overlap, as matrix products.
Acceptance try_spread(Planner& planner, const ConvolutionProblem& p);
// Of floats with a few rows of pixels: a matrix product of the windows.
Acceptance try_windows(Planner& planner, const ConvolutionProblem& p);
Acceptance try_dense(Planner& planner, const ConvolutionProblem& p);

}  // namespace octet::cpu
