#pragma once
// Small graphs, and plans run without the rest of the plugin.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "ir/edit.hpp"
#include "ir/eval/eval.hpp"
#include "ir/ops/all.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu::testing {

inline ir::Tensor numbers(ir::Dims dims, const std::vector<float>& values) {
    return ir::Tensor::of<float>(std::move(dims), std::span<const float>(values));
}

// Whole numbers of [low, high] over `divisor`: sums and products of a few stay exact.
inline ir::Tensor random_tensor(const ir::Type& type, unsigned seed, int low, int high, float divisor = 1) {
    std::mt19937 random(seed);
    std::vector<float> values(static_cast<std::size_t>(type.shape.elements()));
    for (float& v : values)
        v = static_cast<float>(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1))) / divisor;
    return numbers(type.shape.sizes(), values).converted(type.element);
}

// [C, C, 1...]: a convolution with it changes nothing but where the data lies.
inline ir::Tensor identity_weights(const ir::Dims& data) {
    ir::Dims dims(data.size(), 1);
    dims[0] = dims[1] = data[1];
    std::vector<float> values(static_cast<std::size_t>(data[1] * data[1]));
    for (std::int64_t c = 0; c < data[1]; ++c) values[static_cast<std::size_t>(c * data[1] + c)] = 1;
    return numbers(dims, values);
}
inline ir::Value identity_convolution(ir::Edit& edit, const ir::Dims& data, ir::Value x) {
    const std::size_t spatial = data.size() - 2;
    ir::Convolution op;
    op.strides = op.dilations = ir::Dims(spatial, 1);
    op.pads_begin = op.pads_end = ir::Dims(spatial, 0);
    return edit.add(op, {x, edit.constant(identity_weights(data))});
}

// The codes of whole numbers 0 to 255.
inline ir::Quantize whole_codes(std::size_t rank) {
    const ir::Dims one(rank, 1);
    return {.low = numbers(one, {0}), .high = numbers(one, {255})};
}

// Runs a plan in an arena that holds rubbish before.
inline ir::Tensors run_plan(const Plan& plan, const ir::Tensors& inputs, int threads) {
    std::vector<std::byte> memory(plan.arena_bytes + plan.scratch_bytes + 128, std::byte{0xA5});
    std::byte* arena = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
    std::vector<ir::Tensor> outputs;
    for (const PlanOutput& o : plan.outputs) outputs.emplace_back(o.type.element, o.type.shape.sizes());
    std::vector<std::byte*> buffers;
    for (const Buffer& b : plan.buffers) {
        switch (b.home) {
            case Buffer::Home::arena: buffers.push_back(arena + b.offset); break;
            case Buffer::Home::constant:
                buffers.push_back(const_cast<std::byte*>(plan.constants[b.index].get()));
                break;
            case Buffer::Home::input: buffers.push_back(const_cast<std::byte*>(inputs[b.index].data())); break;
            case Buffer::Home::output: buffers.push_back(outputs[b.index].write_raw().data()); break;
            case Buffer::Home::part: buffers.push_back(nullptr); break;
        }
    }
    for (const BufferId id : plan.parts) buffers[id] = buffers[plan.buffers[id].index] + plan.buffers[id].offset;
    ThreadPool pool(threads);
    ir::eval::State state;
    std::vector<ir::Tensors> dynamic(plan.graph->size());
    const Frame frame{buffers.data(), arena + plan.arena_bytes, &pool, &state, &dynamic};
    for (const Step& step : plan.steps) step.work->run(frame);
    for (std::size_t i = 0; i < outputs.size(); ++i)
        if (!plan.outputs[i].direct)
            std::memcpy(outputs[i].write_raw().data(), buffers[plan.outputs[i].buffer], outputs[i].bytes());
    return outputs;
}

inline void expect_near(const ir::Tensor& wanted, const ir::Tensor& got, double tolerance) {
    ASSERT_EQ(wanted.type(), got.type());
    for (std::size_t i = 0; i < wanted.size(); ++i)
        ASSERT_NEAR(wanted.at(i), got.at(i), tolerance * std::max(1.0, std::abs(wanted.at(i)))) << "element " << i;
}

}  // namespace octet::cpu::testing
