#include "plugins/cpu/tuning/timer.hpp"

#include <chrono>
#include <random>

#include "plugins/cpu/plan_memory.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

// Floats of [0, 1); zeros of everything else, which may be indices.
Tensor made_up(const Type& type) {
    Tensor tensor(type.element, type.shape.sizes());
    if (type.element != Element::f32) return tensor;
    std::minstd_rand random;
    for (float& value : tensor.write<float>()) value = static_cast<float>(random() >> 7) / static_cast<float>(1 << 24);
    return tensor;
}

}  // namespace

std::vector<double> PlanTimer::operator()(const Plan& plan) {
    using Clock = std::chrono::steady_clock;
    const OneOpenMpThread one;
    PlanMemory memory;
    eval::State state;
    Tensors values;
    memory.fit(plan);
    const auto set = [&](BufferId buffer, Tensor value) {
        values.push_back(std::move(value));
        memory.set(buffer, values.back().write_raw().data());
    };
    for (const PlanInput& in : plan.inputs) set(in.buffer, made_up(in.type));
    for (const PlanOutput& out : plan.outputs)
        if (out.direct) set(out.buffer, Tensor(out.type.element, out.type.shape.sizes()));
    const Frame frame = memory.frame(pool_, state);
    for (const Step& step : plan.steps) step.work->run(frame);
    std::vector<double> us;
    for (const Step& step : plan.steps) {
        const auto start = Clock::now();
        step.work->run(frame);
        us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    return us;
}

}  // namespace octet::cpu
