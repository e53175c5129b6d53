// Ops whose result takes places along each spatial axis by a table.
#include <algorithm>

#include "ir/eval/movement.hpp"
#include "ir/eval/resample.hpp"
#include "plugins/cpu/kernels/portable/interpolate.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/run.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

using Axis = portable::Interpolate::Axis;

// One table per spatial axis. Floats are read and written as they are stored.
bool plan_tables(Planner& p, const Group& group, std::string name, DataType type, const std::vector<Axis>& tables) {
    const Value data = p.graph().node(group.core).inputs[0], value{group.core, 0};
    const Dims dims = dims_of(p, data), result = dims_of(p, value);
    portable::Interpolate kernel;
    kernel.type = p.stores_bfloat(data) ? DataType::bf16 : type;
    kernel.epilogue.result = p.stores_bfloat(value) ? DataType::bf16 : type;
    if (type == DataType::s8) kernel.epilogue.low = -128;
    if (type == DataType::s8) kernel.epilogue.high = 127;
    kernel.batch = static_cast<std::size_t>(dims[0]);
    kernel.channels = static_cast<std::size_t>(dims[1]);
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const std::size_t at = 3 - tables.size() + i;
        kernel.input[at] = static_cast<std::size_t>(dims[i + 2]);
        kernel.output[at] = static_cast<std::size_t>(result[i + 2]);
        kernel.axes[at] = tables[i];
    }
    StepBuffers b;
    b.in = p.input_stored(data, Layout::channels_last, false).buffer;
    const Place out = p.output_stored(value, Layout::channels_last);
    b.out = out.buffer;
    kernel.out_stride = out.pitch;
    Step step = p.step_for(group, std::move(name));
    b.note(step);
    if (kernel.type == DataType::bf16) step.data = Element::bf16;
    if (kernel.epilogue.result == DataType::bf16) step.result = Element::bf16;
    step.work = portable_work(std::move(kernel), b);
    p.add(std::move(step));
    return true;
}

// An image whose batch and channels stay as they are, with elements on both sides.
bool spatial_only(const Dims& dims, const Dims& result) {
    return dims.size() >= 3 && dims.size() <= 5 && dims[0] == result[0] && dims[1] == result[1] && product(dims) > 0 &&
           product(result) > 0;
}

// A tap that weighs nothing stands beside the first of its place, so that what is read lies close together.
Axis table_of(const eval::Taps& taps) {
    Axis axis{taps.count, {}, {}};
    axis.index.assign(taps.places.begin(), taps.places.end());
    if (taps.count > 1) axis.weight = taps.weights;
    for (std::size_t i = 0; i < axis.weight.size(); ++i)
        if (axis.weight[i] == 0) axis.index[i] = axis.index[i / taps.count * taps.count];
    return axis;
}

}  // namespace

bool plan_interpolate(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const auto& op = node.op.get<Interpolate>();
    const Tensor* given = p.graph().constant(node.inputs[1]);
    const Tensor* axes = node.inputs.size() > 2 ? p.graph().constant(node.inputs[2]) : nullptr;
    if (!given || (node.inputs.size() > 2 && !axes)) return false;
    const auto is_zero = [](std::int64_t n) { return n == 0; };
    if (!std::ranges::all_of(op.pads_begin, is_zero) || !std::ranges::all_of(op.pads_end, is_zero)) return false;
    const Element element = p.graph().element(node.inputs[0]);
    // Sums of codes would be rounded in another order than the reference rounds them.
    const bool codes = (element == Element::u8 || element == Element::i8) && op.mode == InterpolateMode::nearest;
    const Dims dims = dims_of(p, node.inputs[0]), result = dims_of(p, {group.core, 0});
    if ((element != Element::f32 && !codes) || !spatial_only(dims, result)) return false;
    const auto scales = eval::axis_scales(op, dims, result, *given, axes);
    std::vector<Axis> tables;
    for (std::size_t i = 2; i < dims.size(); ++i)
        tables.push_back(table_of(eval::axis_taps(op, dims[i], result[i], scales[i])));
    return plan_tables(p, group, "portable_interpolate", data_type(element), tables);
}

bool plan_edge_pad(Planner& p, const Group& group) {
    const Node& node = p.graph().node(group.core);
    const Dims dims = dims_of(p, node.inputs[0]), result = dims_of(p, {group.core, 0});
    const Dims begin = p.graph().constant(node.inputs[1])->integers();
    const std::size_t bytes = bytes_each(p, node.inputs[0]);
    if (!spatial_only(dims, result) || begin[0] != 0 || begin[1] != 0 || (bytes != 1 && bytes != 4)) return false;
    std::vector<Axis> tables;
    for (std::size_t i = 2; i < dims.size(); ++i) {
        Axis axis{1, {}, {}};
        for (std::int64_t o = 0; o < result[i]; ++o)
            axis.index.push_back(
                static_cast<std::uint32_t>(eval::mirrored(o - begin[i], dims[i], node.op.get<Pad>().mode)));
        tables.push_back(std::move(axis));
    }
    return plan_tables(p, group, "portable_pad", bytes == 1 ? DataType::u8 : DataType::f32, tables);
}

}  // namespace octet::cpu
