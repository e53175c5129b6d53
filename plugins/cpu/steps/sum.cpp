#include <algorithm>

#include "ir/ops/convolution.hpp"
#include "plugins/cpu/steps/run.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/sum_of_products.hpp"
#endif

namespace octet::cpu {

using namespace ir;

#if defined(__x86_64__)

namespace {

// The sources of a sum, each once, and the description that refers to them.
struct Problem {
    std::vector<BufferId> sources;
    x64::SumOfProductsDesc desc;
};

Problem problem_of(Planner& planner, const Group& group, const Program& program) {
    const Graph& graph = planner.graph();
    const Dims result = graph.shape(group.output).sizes();
    Problem p;
    p.desc.columns = result[1];
    p.desc.rows_per_batch = product({result.begin() + 2, result.end()});
    p.desc.rows = result[0] * p.desc.rows_per_batch;
    p.desc.epilogue = program.epilogue;
    p.desc.threads = planner.threads();
    for (const SumPart& part : group.sum.parts) {
        const Node& node = graph.node(part.core);
        const BufferId source = planner.input(node.inputs[0], Layout::channels_last).buffer;
        const auto found = std::ranges::find(p.sources, source);
        const auto index = static_cast<int>(found - p.sources.begin());
        if (found == p.sources.end()) p.sources.push_back(source);
        const auto& zero_point = node.op.get<Convolution>().zp_a;
        const Tensor& weights = *graph.constant(node.inputs[1]);
        p.desc.parts.push_back({index, graph.shape(node.inputs[0])[1].low,
                                static_cast<std::uint8_t>(zero_point.empty() ? 0 : zero_point[0]),
                                scale_of(graph, part).scale, weights.as<std::int8_t>()});
    }
    return p;
}

}  // namespace

bool plan_sum(Planner& planner, const Group& group) {
    if (planner.machine().amx() && OCTET_ONEDNN) return false;  // oneDNN first, as for other dense products
    const Program program = program_of(planner.graph(), group);
    Problem p = problem_of(planner, group, program);
    if (!x64::SumOfProducts::accepts(p.desc, planner.machine())) return false;
    const auto kernel = std::make_shared<const x64::SumOfProducts>(p.desc, planner.code());
    StepBuffers b;
    b.in = p.sources[0];
    b.operands = planner.operands(program, Layout::channels_last, planner.graph().type(group.output));
    b.out = planner.output(group.output, Layout::channels_last).buffer;
    Step step = planner.step_for(group, "jit_sum_avx512_vnni");
    b.note(step);
    step.reads.insert(step.reads.end(), p.sources.begin() + 1, p.sources.end());
    step.packed_bytes = kernel->packed_size();
    step.work = work([kernel, b, sources = std::move(p.sources)](const Frame& f) {
        x64::SumOfProducts::Args args;
        for (std::size_t i = 0; i < sources.size(); ++i)
            args.a[i] = reinterpret_cast<const std::uint8_t*>(f.at(sources[i]));
        for (std::size_t i = 0; i < b.operands.size(); ++i) args.operands[i] = f.at(b.operands[i]);
        args.out = f.at(b.out);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()), [&](std::size_t begin, std::size_t end, int) {
            kernel->run(args, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
        });
    });
    planner.add(std::move(step));
    return true;
}

#else

bool plan_sum(Planner&, const Group&) { return false; }

#endif

}  // namespace octet::cpu
