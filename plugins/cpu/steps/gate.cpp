// The last part of squeeze-excite, codes times a factor for each channel that is known only when it runs: all that a quantization does
// before and after becomes part of the factor, once for a channel instead of once for a pixel.
#include <algorithm>

#include "plugins/cpu/kernels/portable/gate.hpp"
#include "plugins/cpu/steps/other.hpp"
#include "plugins/cpu/steps/run.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/elementwise.hpp"
#endif

namespace octet::cpu {

using namespace ir;

#if defined(__x86_64__)
namespace {

// What is done to the codes of a map before they are multiplied, by what, and what follows.
struct Product {
    EpilogueOp before = {};
    EpilogueOp gate = {};
    EpilogueOp after = {};
    std::vector<EpilogueOp> functions = {};
};

std::optional<Product> product_of(const Program& program) {
    using Kind = EpilogueOp::Kind;
    const std::vector<EpilogueOp>& ops = program.epilogue.ops;
    Product p;
    std::size_t i = 0;
    if (i < ops.size() && ops[i].kind == Kind::scale_shift) p.before = ops[i++];
    if (i == ops.size() || ops[i].kind != Kind::combine || ops[i].combine != Combine::multiply) return std::nullopt;
    p.gate = ops[i++];
    const bool channels = p.gate.spread == Spread::per_channel || p.gate.spread == Spread::per_batch_channel;
    const DataType type = p.gate.operand_type;
    if (!channels || (type != DataType::u8 && type != DataType::s8 && type != DataType::f32)) return std::nullopt;
    if (program.operands.size() != 1 || program.operands[0].constant) return std::nullopt;
    if (i < ops.size() && ops[i].kind == Kind::scale_shift) p.after = ops[i++];
    p.functions.assign(ops.begin() + static_cast<std::ptrdiff_t>(i), ops.end());
    const auto plain = [](const EpilogueOp& op) { return op.kind == Kind::function; };
    return std::ranges::all_of(p.functions, plain) ? std::optional(p) : std::nullopt;
}

// f(i) for each entry of vectors that have one entry or one for each channel; absent ones count as one.
template <class F>
std::vector<float> for_entries(std::initializer_list<const std::vector<float>*> vectors, F f) {
    std::size_t size = 1;
    for (const auto* v : vectors) size = std::max(size, v->size());
    std::vector<float> result(size);
    for (std::size_t c = 0; c < size; ++c) result[c] = static_cast<float>(f(c));
    return result;
}

double entry(const std::vector<float>& values, std::size_t c, double absent) {
    return values.empty() ? absent : static_cast<double>(values[values.size() == 1 ? 0 : c]);
}

// ((x * a + b) * g) * c + d = x * (g * a c) + (g * b c + d)
portable::Gate gate_of(const Product& p, std::size_t channels, std::size_t positions) {
    portable::Gate gate;
    gate.type = p.gate.operand_type;
    gate.channels = channels;
    gate.positions = positions;
    const auto &a = p.before.scale, &b = p.before.shift, &c = p.after.scale, &d = p.after.shift;
    if (!p.gate.scale.empty()) gate.scale = p.gate.scale;
    if (!p.gate.shift.empty()) gate.shift = p.gate.shift;
    gate.gain = for_entries({&a, &c}, [&](std::size_t i) { return entry(a, i, 1) * entry(c, i, 1); });
    gate.moved = for_entries({&b, &c}, [&](std::size_t i) { return entry(b, i, 0) * entry(c, i, 1); });
    gate.rest = for_entries({&d}, [&](std::size_t i) { return entry(d, i, 0); });
    return gate;
}

// A map of images whose channels lie side by side.
struct Images {
    std::size_t count = 1;
    std::ptrdiff_t in_bytes = 0, out_bytes = 0, gate_bytes = 0;  // from one to the next
};

std::shared_ptr<const Work> gate_work(std::shared_ptr<const x64::Elementwise> kernel, portable::Gate gate,
                                      StepBuffers b, Images images, double ns) {
    return work([kernel = std::move(kernel), gate = std::move(gate), b = std::move(b), images,
                 alone = ns < kWorthThreads](const Frame& f) {
        auto* constants = reinterpret_cast<float*>(f.scratch);
        for (std::size_t n = 0; n < images.count; ++n)
            gate.run(f.at(b.operands[0]) + static_cast<std::ptrdiff_t>(n) * images.gate_bytes,
                     constants + n * gate.constants());
        const auto units = static_cast<std::size_t>(kernel->units());
        const auto run = [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t n = begin / units; n * units < end; ++n) {
                x64::Elementwise::Args args;
                args.in = f.at(b.in) + static_cast<std::ptrdiff_t>(n) * images.in_bytes;
                args.out = f.at(b.out) + static_cast<std::ptrdiff_t>(n) * images.out_bytes;
                args.constants = constants + n * gate.constants();
                kernel->run(args, static_cast<std::int64_t>(std::max(begin, n * units) - n * units),
                            static_cast<std::int64_t>(std::min(end, (n + 1) * units) - n * units));
            }
        };
        if (alone) return run(0, images.count * units, 0);
        f.pool->parallel(images.count * units, run);
    });
}

}  // namespace

bool plan_gate(Planner& planner, const Group& group, const Program& program) {
    constexpr std::int64_t kFewestPixels = 8;  // of fewer, the factors are as much work as the pixels
    constexpr Layout layout = Layout::channels_last;
    const Type& type = planner.graph().type(group.output);
    const Element data = planner.graph().element(group.inputs[0]);
    const auto product = product_of(program);
    if (!product || group.channels != Channels::axis1 || type.shape.rank() < 3) return false;
    if (data != Element::u8 && data != Element::i8) return false;
    const Dims dims = type.shape.sizes();
    const std::int64_t channels = dims[1], pixels = ir::product(dims) / std::max<std::int64_t>(dims[0] * channels, 1);
    if (pixels < kFewestPixels) return false;
    const std::vector<float> any(static_cast<std::size_t>(channels));  // known when it runs
    x64::ElementwiseDesc desc{.type = data_type(data),
                              .rows = pixels,
                              .channels = channels,
                              .epilogue = program.epilogue,
                              .threads = planner.threads()};
    desc.epilogue.ops = product->functions;
    desc.epilogue.ops.insert(desc.epilogue.ops.begin(),
                             {.kind = EpilogueOp::Kind::scale_shift, .scale = any, .shift = any});
    if (!x64::Elementwise::accepts(desc, planner.machine())) return false;
    StepBuffers b;
    b.in = planner.input(group.inputs[0], layout).buffer;
    b.operands = planner.operands(program, layout, type);
    const Place out = planner.output_rows(group.output, layout);
    b.out = out.buffer;
    desc.out_stride = static_cast<std::int64_t>(out.pitch);
    const auto kernel = std::make_shared<const x64::Elementwise>(desc, planner.code());
    const auto count = static_cast<std::size_t>(channels);
    portable::Gate gate = gate_of(*product, count, static_cast<std::size_t>(kernel->positions()));
    const bool per_image = product->gate.spread == Spread::per_batch_channel;
    const std::int64_t pitch = out.pitch != 0 ? static_cast<std::int64_t>(out.pitch) : channels;
    const Images images{static_cast<std::size_t>(dims[0]), pixels * channels,
                        pixels * pitch * static_cast<std::int64_t>(size_of(desc.epilogue.result)),
                        per_image ? channels * static_cast<std::int64_t>(size_of(product->gate.operand_type)) : 0};
    const std::size_t scratch = images.count * gate.constants() * sizeof(float);
    add_step(planner, group, b, x64::kernel_name("gate", planner.code().isa(), x64::Dots::none),
             gate_work(kernel, std::move(gate), b, images, ns_of_values(ir::product(dims))), scratch, 0, {});
    return true;
}
#else
bool plan_gate(Planner&, const Group&, const Program&) { return false; }
#endif

}  // namespace octet::cpu
