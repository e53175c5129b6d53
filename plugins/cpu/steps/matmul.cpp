#include <algorithm>

#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "plugins/cpu/steps/candidates.hpp"
#include "plugins/cpu/steps/run.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/matmul.hpp"
#endif
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/kernels/x64/product.hpp"
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
    DataType second = DataType::f32;
    std::int64_t zero_point = 0;
    std::int64_t second_zero_point = 0;
    const Tensor* weights = nullptr;  // null: the second operand is an activation
    Program program = {};
    StepBuffers buffers = {};

    // One constant matrix for all rows.
    bool one_matrix() const { return weights && outer.empty() && !op.transpose_a; }
};

Dims with_rank(Dims dims, std::size_t rank) {
    dims.insert(dims.begin(), rank - dims.size(), 1);
    return dims;
}

std::optional<Problem> problem_of(Planner& planner, const Group& group, bool bfloat) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    Problem p{group, node, node.op.get<MatMul>()};
    const Dims a = graph.shape(node.inputs[0]).sizes();
    const Dims b = graph.shape(node.inputs[1]).sizes();
    if (a.size() < 2 || b.size() < 2) return std::nullopt;  // vectors: rare, left to the reference
    p.weights = graph.constant(node.inputs[1]);
    if (p.op.zp_w.size() > (p.weights ? 0 : 1) || p.op.zp_a.size() > 1) return std::nullopt;
    const std::size_t rank = std::max(a.size(), b.size());
    p.a = with_rank(a, rank);
    p.b = with_rank(b, rank);
    p.rows = p.a[rank - (p.op.transpose_a ? 1 : 2)];
    p.depth = p.a[rank - (p.op.transpose_a ? 2 : 1)];
    p.columns = p.b[rank - (p.op.transpose_b ? 2 : 1)];
    for (std::size_t i = 0; i + 2 < rank; ++i) p.outer.push_back(std::max(p.a[i], p.b[i]));
    const Place data = bfloat ? planner.input_bfloat(node.inputs[0], Layout::plain)
                              : planner.input(node.inputs[0], Layout::plain);
    p.source = data_type(data.type.element);
    p.second = data_type(graph.element(node.inputs[1]));
    p.zero_point = p.op.zp_a.empty() ? 0 : p.op.zp_a[0];
    p.second_zero_point = p.op.zp_w.empty() ? 0 : p.op.zp_w[0];
    p.program = program_of(graph, group);
    if (bfloat) planner.use_stored_types(group, p.program);
    p.buffers.in = data.buffer;
    if (!p.weights) {
        p.buffers.second = planner.input(node.inputs[1], Layout::plain).buffer;
        p.buffers.has_second = true;
    }
    p.buffers.operands = planner.operands(p.program, Layout::plain, graph.type(group.output));
    // The outer extents of the data are rows.
    if (p.weights && product(p.b) == p.depth * p.columns && !p.op.transpose_a) {
        for (auto o : p.outer) p.rows *= o;
        p.outer.clear();
    }
    return p;
}

BufferId output_of(Planner& planner, const Problem& p) {
    const bool bfloat = p.program.epilogue.result == DataType::bf16;
    return (bfloat ? planner.output_bfloat(p.group.output, Layout::plain)
                   : planner.output(p.group.output, Layout::plain))
        .buffer;
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

void use_onednn(Planner& planner, Problem& p, onednn::Creation& made) {
    p.buffers.out = output_of(planner, p);
    const std::string name = "onednn_" + made.kernel->implementation();
    const std::size_t scratch = made.kernel->scratch_bytes();
    const std::size_t packed = made.kernel->packed_bytes();
    add_step(planner, p.group, p.buffers, name, std::make_shared<OneDnnWork>(std::move(made.kernel), p.buffers),
             scratch, packed, {}, p.source);
}

Acceptance try_onednn(Planner& planner, Problem& p) {
    if (p.second == DataType::u8 || p.second_zero_point != 0) return declined("its second operand has a zero point");
    onednn::MatMul desc{.source = p.source,
                        .outer = p.outer,
                        .rows = p.rows,
                        .depth = p.depth,
                        .columns = p.columns,
                        .source_zero = static_cast<std::int32_t>(p.zero_point),
                        .epilogue = p.program.epilogue,
                        .threads = planner.threads(),
                        .allow_saturation = planner.saturates()};
    const Tensor weights = p.weights ? p.weights->aligned() : Tensor();
    if (p.weights) {
        if (!p.one_matrix()) return declined("a constant of several matrices");
        desc.weights = weights.data();
        if (p.op.transpose_b) desc.weights_strides = {{}, 1, p.depth};
    } else {
        desc.weights_strides = strides_of(p.b, p.op.transpose_b, p.outer);
    }
    if (!p.outer.empty() || p.op.transpose_a) desc.source_strides = strides_of(p.a, p.op.transpose_a, p.outer);
    onednn::Creation made = create(desc);
    if (!made.kernel) return made.acceptance;
    use_onednn(planner, p, made);
    return accepted();
}
#endif

std::vector<std::int64_t> offsets_of(const Dims& dims, const Dims& outer) {
    std::vector<std::int64_t> offsets{0};
    std::int64_t step = dims[dims.size() - 2] * dims[dims.size() - 1];
    std::vector<std::int64_t> steps(outer.size());
    for (std::size_t i = outer.size(); i-- > 0;) {
        steps[i] = dims[i] == 1 ? 0 : step;
        step *= dims[i];
    }
    for (std::size_t i = 0; i < outer.size(); ++i) {
        std::vector<std::int64_t> next;
        for (auto base : offsets)
            for (std::int64_t k = 0; k < outer[i]; ++k) next.push_back(base + k * steps[i]);
        offsets = std::move(next);
    }
    return offsets;
}

#if defined(__x86_64__)
bool is_code(std::int64_t zero_point) { return zero_point >= 0 && zero_point <= 255; }

Acceptance try_own(Planner& planner, Problem& p) {
    const bool codes = p.source == DataType::u8 && p.second == DataType::s8 && is_code(p.zero_point);
    const bool floats = (p.source == DataType::f32 || p.source == DataType::bf16) && p.second == DataType::f32;
    if (!p.one_matrix() || (!codes && !(floats && planner.machine().avx2())))
        return declined("it is not a product of u8 codes or floats with weights");
    const x64::MatMulDesc desc{.type = p.source,
                               .rows = p.rows,
                               .k = p.depth,
                               .columns = p.columns,
                               .transposed = p.op.transpose_b,
                               .zero_point = static_cast<std::uint8_t>(codes ? p.zero_point : 0),
                               .epilogue = p.program.epilogue,
                               .threads = planner.threads()};
    if (auto a = x64::MatMul::accepts(desc, planner.machine()); !a) return a;
    const Tensor weights = p.weights->aligned();
    planner.code().later([weights] {});  // the product reads them with the other tasks
    const auto kernel = codes ? std::make_shared<const x64::MatMul>(desc, weights.as<std::int8_t>(), planner.code())
                              : std::make_shared<const x64::MatMul>(desc, weights.as<float>(), planner.code());
    p.buffers.out = output_of(planner, p);
    add_step(planner, p.group, p.buffers, x64_name(planner, "matmul", p.source),
             matmul_work(planner, kernel, p.buffers), 0, x64::MatMul::packed_size(desc, planner.code().isa()), {},
             p.source);
    return accepted();
}

Acceptance try_few_rows(Planner& planner, Problem& p) {
    if (!p.one_matrix() || p.source != DataType::f32 || p.second != DataType::f32 || p.rows > kFewRows)
        return declined("it is not a product of few rows of floats with weights");
    const x64::FewRowsDesc desc{.rows = p.rows,
                                .k = p.depth,
                                .columns = p.columns,
                                .transposed = p.op.transpose_b,
                                .narrow = planner.uses_bfloats(),
                                .epilogue = p.program.epilogue,
                                .threads = planner.threads()};
    if (auto a = x64::FewRows::accepts(desc, planner.machine()); !a) return a;
    const Tensor weights = p.weights->aligned();
    auto kernel = std::make_shared<const x64::FewRows>(desc, weights.as<float>(), weights.owner(), planner.code());
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    add_few_rows(planner, p.group, p.buffers, kernel, desc);
    return accepted();
}

std::shared_ptr<const Work> product_work(std::shared_ptr<const x64::Product> kernel, StepBuffers b) {
    return work([kernel, b = std::move(b)](const Frame& f) {
        auto args = x64_args<x64::Product::Args>(f, b);
        args.w = f.at(b.second);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             mine.scratch = f.scratch + kernel->scratch_size() * static_cast<std::size_t>(thread);
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
}

Acceptance try_product(Planner& planner, Problem& p) {
    if (p.weights || p.source != DataType::u8 || (p.second != DataType::u8 && p.second != DataType::s8))
        return declined("it is not a product of codes");
    if (p.op.transpose_a) return declined("its first operand is transposed");
    x64::ProductDesc desc{.one = {.rows = p.rows,
                                  .k = p.depth,
                                  .columns = p.columns,
                                  .a_stride = p.depth,
                                  .w_stride = p.op.transpose_b ? p.depth : p.columns,
                                  .out_stride = p.columns,
                                  .type = p.second,
                                  .transposed = p.op.transpose_b,
                                  .a_zero = static_cast<std::uint8_t>(p.zero_point),
                                  .w_zero = static_cast<std::int32_t>(p.second_zero_point),
                                  .epilogue = p.program.epilogue},
                          .a_offsets = offsets_of(p.a, p.outer),
                          .w_offsets = offsets_of(p.b, p.outer),
                          .out_offsets = {},
                          .threads = planner.threads()};
    for (std::int64_t b = 0; b < desc.batch(); ++b) desc.out_offsets.push_back(b * p.rows * p.columns);
    if (auto a = x64::Product::accepts(desc, planner.machine()); !a) return a;
    auto kernel = std::make_shared<const x64::Product>(desc, planner.code());
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    add_step(planner, p.group, p.buffers, x64::kernel_name("product", planner.code().isa()),
             product_work(kernel, p.buffers), kernel->scratch_size() * static_cast<std::size_t>(planner.threads()), 0,
             {});
    return accepted();
}
#endif

void use_portable(Planner& planner, Problem& p, const Acceptance& better) {
    portable::MatMul kernel;
    kernel.batch = static_cast<std::size_t>(product(p.outer));
    kernel.rows = static_cast<std::size_t>(p.rows);
    kernel.depth = static_cast<std::size_t>(p.depth);
    kernel.columns = static_cast<std::size_t>(p.columns);
    kernel.input.type = p.source;
    kernel.input.zero_point = static_cast<std::int32_t>(p.zero_point);
    kernel.input.transposed = p.op.transpose_a;
    kernel.second.type = p.second;
    kernel.second.zero_point = static_cast<std::int32_t>(p.second_zero_point);
    kernel.second.transposed = p.op.transpose_b;
    kernel.epilogue = p.program.epilogue;
    if (!p.one_matrix() && !p.outer.empty()) {
        const auto a = offsets_of(p.a, p.outer), b = offsets_of(p.b, p.outer);
        kernel.input.offsets = {a.begin(), a.end()};
        kernel.second.offsets = {b.begin(), b.end()};
    }
    if (p.weights && !p.one_matrix()) {
        p.buffers.second = planner.input(p.node.inputs[1], Layout::plain).buffer;
        p.buffers.has_second = true;
    }
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    std::shared_ptr<const portable::PackedWeights> packed;
    if (p.one_matrix())
        packed = std::make_shared<const portable::PackedWeights>(kernel.pack(p.weights->aligned().data()));
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

using Candidate = KernelCandidate<Problem>;

// In the order in which they are tried where nothing was measured.
std::vector<Candidate> candidates_of([[maybe_unused]] const Planner& planner) {
    std::vector<Candidate> candidates;
#if defined(__x86_64__)
    const bool own_first = !(planner.machine().amx() && OCTET_ONEDNN);
    candidates.push_back({"product", try_product});
    candidates.push_back({"few_rows", try_few_rows});
    if (own_first) candidates.push_back({"own", try_own});
#endif
#if OCTET_ONEDNN
    candidates.push_back({"onednn", try_onednn});
#endif
#if defined(__x86_64__)
    if (!own_first) candidates.push_back({"own", try_own});
#endif
    return candidates;
}

}  // namespace

void plan_matmul(Planner& planner, const Group& group) {
    if (plan_coded_matmul(planner, group)) return;
#if OCTET_ONEDNN
    if (planner.computes_bfloat(group)) {
        auto narrow = problem_of(planner, group, true);
#if defined(__x86_64__)
        if (narrow && !planner.machine().amx() && try_own(planner, *narrow)) return;
#endif
        if (narrow && try_onednn(planner, *narrow)) return;
    }
#endif
    auto p = problem_of(planner, group, false);
    if (!p) return plan_fallback(planner, group, "a product with a vector");
    const auto candidates = candidates_of(planner);
    const Acceptance answer = plan_first<Problem>(planner, *p, candidates, "onednn");
    if (!answer) use_portable(planner, *p, answer);
}

}  // namespace octet::cpu
