// Heads of attention as one step, where a kernel takes them; else the steps of its parts.
#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/steps/run.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/attention.hpp"
#endif

namespace octet::cpu {

using namespace ir;

#if defined(__x86_64__)
namespace {

Dims row_major(const Dims& dims) {
    Dims strides(dims.size(), 1);
    for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
    return strides;
}

// Matrices as they lie in memory, in elements.
struct Matrices {
    Dims outer = {}, outer_strides = {};
    std::int64_t rows = 1, columns = 1;
    std::int64_t row_stride = 1, column_stride = 1;

    Matrices(const Dims& dims, const Dims& strides)
        : outer(dims.begin(), dims.end() - 2),
          outer_strides(strides.begin(), strides.end() - 2),
          rows(dims[dims.size() - 2]),
          columns(dims.back()),
          row_stride(strides[dims.size() - 2]),
          column_stride(strides.back()) {}

    void transpose() {
        std::swap(rows, columns);
        std::swap(row_stride, column_stride);
    }

    // Where each matrix begins once the outer axes are broadcast to `all`.
    std::vector<std::int64_t> offsets(const Dims& all) const {
        std::vector<std::int64_t> result{0};
        for (std::size_t i = 0; i < all.size(); ++i) {
            const std::size_t missing = all.size() - outer.size();
            const std::int64_t step = i < missing || outer[i - missing] == 1 ? 0 : outer_strides[i - missing];
            std::vector<std::int64_t> next;
            for (auto base : result)
                for (std::int64_t k = 0; k < all[i]; ++k) next.push_back(base + k * step);
            result = std::move(next);
        }
        return result;
    }
};

struct Problem {
    Problem(const Graph& g, const Group& attention)
        : graph(g),
          group(attention),
          scores(*std::ranges::find(group.parts, Group::Kind::matmul, &Group::kind)),
          values(*std::find_if(group.parts.rbegin(), group.parts.rend(),
                               [](const Group& part) { return part.kind == Group::Kind::matmul; })),
          score_op(graph.node(scores.core).op.get<MatMul>()),
          value_op(graph.node(values.core).op.get<MatMul>()) {}

    const Group* transpose_of(Value v) const {
        for (const Group& part : group.parts)
            if (part.output == v && graph.node(part.core).op.is<Transpose>()) return &part;
        return nullptr;
    }
    // What is stored of an operand, and how its matrices lie in it.
    Value source(Value v) const {
        const Group* transpose = transpose_of(v);
        return transpose ? graph.node(transpose->core).inputs[0] : v;
    }
    Matrices operand(Value v) const {
        const Group* transpose = transpose_of(v);
        const Dims from = row_major(graph.shape(source(v)).sizes());
        if (!transpose) return {graph.shape(v).sizes(), from};
        Dims strides;
        for (auto axis : graph.constant(graph.node(transpose->core).inputs[1])->integers())
            strides.push_back(from[static_cast<std::size_t>(axis)]);
        return {graph.shape(v).sizes(), strides};
    }
    // The result of the last product within what is stored.
    Matrices result() const {
        const Dims dims = graph.shape(values.output).sizes();
        const auto below = std::ranges::find_if(group.parts, [&](const Group& part) {
            const Node& node = graph.node(part.core);
            return node.op.is<Transpose>() && node.inputs[0] == values.output;
        });
        if (below == group.parts.end()) return {dims, row_major(dims)};
        const Dims to = row_major(graph.shape(below->output).sizes());
        Dims strides(dims.size());
        std::size_t i = 0;
        for (auto axis : graph.constant(graph.node(below->core).inputs[1])->integers())
            strides[static_cast<std::size_t>(axis)] = to[i++];
        return {dims, strides};
    }
    // A mask beside the chain of the scores.
    const Node* mask() const {
        for (const Group& part : group.parts)
            if (graph.node(part.core).op.is<Add>()) return &graph.node(part.core);
        return nullptr;
    }
    // What happens to the shares before they are stored: a quantize, or nothing.
    Epilogue shares() const {
        return program_of(graph, *std::ranges::find(group.parts, Group::Kind::row, &Group::kind)).epilogue;
    }

    // The group that makes codes of the rows of all heads.
    const Group* codes() const {
        const Group& last = group.parts.back();
        return last.kind == Group::Kind::elementwise ? &last : nullptr;
    }

    const Graph& graph;
    const Group& group;
    const Group& scores;
    const Group& values;
    const MatMul& score_op;
    const MatMul& value_op;
};

std::int64_t zero_of(const std::vector<std::int64_t>& zero_points) { return zero_points.empty() ? 0 : zero_points[0]; }

// `a` has its depth along the columns, w its depth along the rows; one of w's strides is 1.
Acceptance describe(x64::PanelProductDesc& desc, const Matrices& a, const Matrices& w, const MatMul& op, DataType type,
                    const Epilogue& epilogue) {
    if (op.zp_a.size() > 1 || op.zp_w.size() > 1) return declined("zero points vary");
    if (zero_of(op.zp_a) < 0 || zero_of(op.zp_a) > 255) return declined("its zero point is no code");
    if (a.column_stride != 1 || (w.column_stride != 1 && w.row_stride != 1))
        return declined("its operands lie apart in memory");
    desc.rows = a.rows;
    desc.k = a.columns;
    desc.columns = w.columns;
    desc.a_stride = a.row_stride;
    desc.transposed = w.column_stride != 1;
    desc.w_stride = desc.transposed ? w.column_stride : w.row_stride;
    desc.type = type;
    desc.a_zero = static_cast<std::uint8_t>(zero_of(op.zp_a));
    desc.w_zero = static_cast<std::int32_t>(zero_of(op.zp_w));
    desc.epilogue = epilogue;
    return accepted();
}

// Adds the mask to the scores, as an operand of their epilogue.
void add_mask(x64::AttentionDesc& desc, Program& scores, const Problem& p, const Dims& outer) {
    const Node* add = p.mask();
    if (!add) return;
    const Dims all = add->outputs[0].type.shape.sizes();
    const Value mask = add->inputs[p.graph.shape(add->inputs[0]).sizes() == all ? 1 : 0];
    const Dims dims = p.graph.shape(mask).sizes();
    const Matrices lie(dims, row_major(dims));
    const Tensor* constant = p.graph.constant(mask);
    desc.mask = static_cast<int>(scores.operands.size());
    desc.mask_offsets = lie.offsets(outer);
    scores.operands.push_back(constant ? ProgramOperand{{}, *constant} : ProgramOperand{mask, std::nullopt});
    scores.epilogue.ops.push_back({.kind = EpilogueOp::Kind::combine,
                                   .combine = Combine::add,
                                   .operand = static_cast<std::uint32_t>(desc.mask),
                                   .operand_type = DataType::f32,
                                   .spread = lie.rows == 1 ? Spread::per_channel : Spread::full});
}

// What becomes of the rows of all heads, after what becomes of the last product.
Acceptance add_codes(x64::AttentionDesc& desc, const Problem& p) {
    const Group* codes = p.codes();
    if (!codes) return accepted();
    Program program = program_of(p.graph, *codes);
    Epilogue& epilogue = desc.values.epilogue;
    if (!program.operands.empty() || epilogue.result != DataType::f32)
        return declined("its result is combined with an operand");
    if (std::ranges::any_of(epilogue.ops,
                            [](const EpilogueOp& op) { return op.scale.size() > 1 || op.shift.size() > 1; }))
        return declined("its result is scaled by the columns of a head");
    program.epilogue.ops.insert(program.epilogue.ops.begin(), epilogue.ops.begin(), epilogue.ops.end());
    epilogue = std::move(program.epilogue);
    desc.values.channels = p.graph.shape(codes->output).sizes().back();
    return accepted();
}

struct Buffers {
    BufferId q, k, v, out;
    std::vector<BufferId> score_operands, value_operands;
};

std::shared_ptr<const Work> attention_work(std::shared_ptr<const x64::Attention> kernel, Buffers b) {
    return work([kernel, b = std::move(b)](const Frame& f) {
        x64::Attention::Args args;
        args.q = f.at(b.q);
        args.k = f.at(b.k);
        args.v = f.at(b.v);
        args.out = f.at(b.out);
        for (std::size_t i = 0; i < b.score_operands.size(); ++i) args.score_operands[i] = f.at(b.score_operands[i]);
        for (std::size_t i = 0; i < b.value_operands.size(); ++i) args.value_operands[i] = f.at(b.value_operands[i]);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             mine.scratch = f.scratch + kernel->scratch_size() * static_cast<std::size_t>(thread);
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
}

void add(Planner& planner, const Problem& p, x64::AttentionDesc desc, const Program& scores, const Program& values) {
    const Graph& graph = planner.graph();
    const Node& first = graph.node(p.scores.core);
    const Node& last = graph.node(p.values.core);
    const int mask = desc.mask;
    const bool bfloats = desc.values.bfloats;
    const auto dots = desc.scores.floats() && desc.values.floats() ? x64::Dots::none : x64::Dots::exact;
    auto kernel = std::make_shared<const x64::Attention>(std::move(desc), planner.code());
    const auto stored = [&](Value v) { return planner.input(p.source(v), Layout::plain).buffer; };
    Buffers b{stored(first.inputs[0]), stored(first.inputs[1]), stored(last.inputs[1]), 0, {}, {}};
    b.score_operands = planner.operands(scores, Layout::plain, graph.type(p.scores.output));
    if (mask >= 0 && !scores.operands[static_cast<std::size_t>(mask)].constant)
        b.score_operands[static_cast<std::size_t>(mask)] =
            planner.input(scores.operands[static_cast<std::size_t>(mask)].value, Layout::plain).buffer;
    b.value_operands = planner.operands(values, Layout::plain, graph.type(p.values.output));
    b.out = planner.output(p.group.output, Layout::plain).buffer;
    Step step = planner.step_for(p.group, x64::kernel_name(bfloats ? "attention_bf16" : "attention",
                                                           planner.code().isa(), dots));
    if (bfloats && dots == x64::Dots::none) step.data = Element::bf16;
    step.reads = {b.q, b.k, b.v};
    step.reads.insert(step.reads.end(), b.score_operands.begin(), b.score_operands.end());
    step.reads.insert(step.reads.end(), b.value_operands.begin(), b.value_operands.end());
    step.writes = {b.out};
    step.scratch_bytes = kernel->scratch_size() * static_cast<std::size_t>(planner.threads());
    step.work = attention_work(std::move(kernel), std::move(b));
    planner.add(std::move(step));
}

Acceptance try_own(Planner& planner, const Group& group) {
    const Graph& graph = planner.graph();
    const Problem p(graph, group);
    const Node& first = graph.node(p.scores.core);
    const Node& last = graph.node(p.values.core);
    const bool floats = graph.element(first.inputs[0]) == Element::f32;
    if (graph.element(first.inputs[0]) != Element::u8 && !floats) return declined("its codes have a sign");
    if (floats != (graph.element(first.inputs[1]) == Element::f32)) return declined("it multiplies codes and floats");
    const Matrices q = p.operand(first.inputs[0]), result = p.result();
    Matrices k = p.operand(first.inputs[1]), v = p.operand(last.inputs[1]);
    if (p.score_op.transpose_b) k.transpose();
    if (p.value_op.transpose_b) v.transpose();
    if (result.column_stride != 1) return declined("its result lies apart in memory");
    const Dims shares = graph.shape(p.scores.output).sizes();
    const Matrices shares_lie(shares, row_major(shares));
    if (shares_lie.outer != result.outer) return declined("its heads are not those of its shares");
    Program scores = program_of(graph, p.scores);
    const Program values = program_of(graph, p.values);
    x64::AttentionDesc desc;
    add_mask(desc, scores, p, result.outer);
    desc.shares = p.shares();
    if (auto a = describe(desc.scores, q, k, p.score_op, data_type(graph.element(first.inputs[1])), scores.epilogue);
        !a)
        return a;
    if (auto a = describe(desc.values, shares_lie, v, p.value_op, data_type(graph.element(last.inputs[1])),
                          values.epilogue);
        !a)
        return a;
    desc.values.out_stride = result.row_stride;
    if (auto a = add_codes(desc, p); !a) return a;
    desc.q_offsets = q.offsets(result.outer);
    desc.k_offsets = k.offsets(result.outer);
    desc.v_offsets = v.offsets(result.outer);
    desc.out_offsets = result.offsets(result.outer);
    desc.threads = planner.threads();
    desc.values.bfloats = planner.uses_bfloats() && x64::Attention::gains_from_bfloats(desc, planner.machine());
    desc.scores.bfloats = desc.values.bfloats && floats;
    if (auto a = x64::Attention::accepts(desc, planner.machine()); !a) return a;
    add(planner, p, std::move(desc), scores, values);
    return accepted();
}

}  // namespace
#endif

void plan_attention(Planner& planner, const Group& group) {
#if defined(__x86_64__)
    if (try_own(planner, group)) return;
#endif
    planner.plan_parts(group.parts);
}

}  // namespace octet::cpu
