#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "plugins/cpu/steps/run.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/matmul.hpp"
#endif
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/matmul.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

struct Problem {
    const Group& group;
    const Node& node;
    const MatMul& op;
    Dims a = {}, b = {};  // of at least two dimensions, both with the result's rank of outer ones
    Dims outer = {};
    std::int64_t rows = 1, depth = 1, columns = 1;
    DataType source = DataType::f32;
    std::int64_t zero_point = 0;
    const Tensor* weights = nullptr;  // null: the second operand is an activation
    Program program = {};
    StepBuffers buffers = {};
};

Dims with_rank(Dims dims, std::size_t rank) {
    dims.insert(dims.begin(), rank - dims.size(), 1);
    return dims;
}

std::optional<Problem> problem_of(Planner& planner, const Group& group) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    Problem p{group, node, node.op.get<MatMul>()};
    const Dims a = graph.shape(node.inputs[0]).sizes();
    const Dims b = graph.shape(node.inputs[1]).sizes();
    if (a.size() < 2 || b.size() < 2) return std::nullopt;  // vectors: rare, left to the reference
    if (!p.op.zp_w.empty() || p.op.zp_a.size() > 1) return std::nullopt;
    const std::size_t rank = std::max(a.size(), b.size());
    p.a = with_rank(a, rank);
    p.b = with_rank(b, rank);
    p.rows = p.a[rank - (p.op.transpose_a ? 1 : 2)];
    p.depth = p.a[rank - (p.op.transpose_a ? 2 : 1)];
    p.columns = p.b[rank - (p.op.transpose_b ? 2 : 1)];
    for (std::size_t i = 0; i + 2 < rank; ++i) p.outer.push_back(std::max(p.a[i], p.b[i]));
    const Place data = planner.input(node.inputs[0], Layout::plain);
    p.source = data_type(data.type.element);
    p.zero_point = p.op.zp_a.empty() ? 0 : p.op.zp_a[0];
    p.program = program_of(graph, group);
    p.buffers.in = data.buffer;
    p.weights = graph.constant(node.inputs[1]);
    if (!p.weights) {
        p.buffers.second = planner.input(node.inputs[1], Layout::plain).buffer;
        p.buffers.has_second = true;
    }
    p.buffers.operands = planner.operands(p.program, Layout::plain, graph.type(group.output));
    // One constant matrix for all: the outer extents of the data are rows.
    if (p.weights && product(p.b) == p.depth * p.columns && !p.op.transpose_a) {
        for (auto o : p.outer) p.rows *= o;
        p.outer.clear();
    }
    return p;
}

#if OCTET_ONEDNN
onednn::MatrixStrides strides_of(const Dims& dims, bool transposed, const Dims& outer) {
    onednn::MatrixStrides s;
    const std::size_t rank = dims.size();
    s.row = transposed ? 1 : dims[rank - 1];
    s.column = transposed ? dims[rank - 1] : 1;
    std::int64_t step = dims[rank - 2] * dims[rank - 1];
    s.outer.resize(outer.size());
    for (std::size_t i = outer.size(); i-- > 0;) {
        s.outer[i] = dims[i] == 1 ? 0 : step;
        step *= dims[i];
    }
    return s;
}

Acceptance try_onednn(Planner& planner, Problem& p) {
    onednn::MatMul desc{.source = p.source,
                        .outer = p.outer,
                        .rows = p.rows,
                        .depth = p.depth,
                        .columns = p.columns,
                        .source_zero = static_cast<std::int32_t>(p.zero_point),
                        .epilogue = p.program.epilogue,
                        .threads = planner.threads()};
    const Tensor weights = p.weights ? p.weights->aligned() : Tensor();
    if (p.weights) {
        if (!p.outer.empty() || p.op.transpose_a) return declined("a constant of several matrices");
        desc.weights = weights.data();
        if (p.op.transpose_b) desc.weights_strides = {{}, 1, p.depth};
    } else {
        desc.weights_strides = strides_of(p.b, p.op.transpose_b, p.outer);
    }
    if (!p.outer.empty() || p.op.transpose_a) desc.source_strides = strides_of(p.a, p.op.transpose_a, p.outer);
    onednn::Creation made = create(desc);
    if (!made.kernel) return made.acceptance;
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    const std::string name = "onednn_" + made.kernel->implementation();
    const std::size_t scratch = made.kernel->scratch_bytes();
    const std::size_t packed = made.kernel->packed_bytes();
    add_step(planner, p.group, p.buffers, name, std::make_shared<OneDnnWork>(std::move(made.kernel), p.buffers),
             scratch, packed, {});
    return accepted();
}
#endif

std::vector<std::size_t> offsets_of(const Dims& dims, const Dims& outer) {
    std::vector<std::size_t> offsets{0};
    std::int64_t step = dims[dims.size() - 2] * dims[dims.size() - 1];
    std::vector<std::int64_t> steps(outer.size());
    for (std::size_t i = outer.size(); i-- > 0;) {
        steps[i] = dims[i] == 1 ? 0 : step;
        step *= dims[i];
    }
    for (std::size_t i = 0; i < outer.size(); ++i) {
        std::vector<std::size_t> next;
        for (auto base : offsets)
            for (std::int64_t k = 0; k < outer[i]; ++k) next.push_back(base + static_cast<std::size_t>(k * steps[i]));
        offsets = std::move(next);
    }
    return offsets;
}

void use_portable(Planner& planner, Problem& p, const Acceptance& better) {
    portable::MatMul kernel;
    kernel.batch = static_cast<std::size_t>(product(p.outer));
    kernel.rows = static_cast<std::size_t>(p.rows);
    kernel.depth = static_cast<std::size_t>(p.depth);
    kernel.columns = static_cast<std::size_t>(p.columns);
    kernel.input.type = p.source;
    kernel.input.zero_point = static_cast<std::int32_t>(p.zero_point);
    kernel.input.transposed = p.op.transpose_a;
    kernel.second.type = data_type(planner.graph().element(p.node.inputs[1]));
    kernel.second.transposed = p.op.transpose_b;
    kernel.epilogue = p.program.epilogue;
    const bool one_matrix = p.weights && p.outer.empty() && !p.op.transpose_a;
    if (!one_matrix && !p.outer.empty()) {
        kernel.input.offsets = offsets_of(p.a, p.outer);
        kernel.second.offsets = offsets_of(p.b, p.outer);
    }
    if (p.weights && !one_matrix) {
        p.buffers.second = planner.input(p.node.inputs[1], Layout::plain).buffer;
        p.buffers.has_second = true;
    }
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    std::shared_ptr<const portable::PackedWeights> packed;
    if (one_matrix) packed = std::make_shared<const portable::PackedWeights>(kernel.pack(p.weights->aligned().data()));
    auto run = work([kernel, packed, b = p.buffers](const Frame& f) {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b.operands[i]);
        const portable::Arguments args{f.at(b.in), b.has_second ? f.at(b.second) : nullptr,
                                       std::span(pointers.data(), b.operands.size()), f.at(b.out)};
        f.pool->parallel(kernel.units(), [&](std::size_t begin, std::size_t end, int) {
            if (packed) kernel.run(*packed, args, begin, end);
            else kernel.run(args, begin, end);
        });
    });
    add_step(planner, p.group, p.buffers, "portable_matmul", std::move(run), 0,
             packed ? packed->floats.size() * 4 + packed->shorts.size() * 2 : 0, better);
}

}  // namespace

void plan_matmul(Planner& planner, const Group& group) {
    auto p = problem_of(planner, group);
    if (!p) return plan_fallback(planner, group, "a product with a vector");
    Acceptance last = declined("no faster kernel is built in");
#if OCTET_ONEDNN
    last = try_onednn(planner, *p);
    if (last) return;
#endif
    use_portable(planner, *p, last);
}

}  // namespace octet::cpu
