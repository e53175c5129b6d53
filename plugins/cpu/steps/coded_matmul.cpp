// Products of floats with weights that stay codes.
#include "ir/ops/all.hpp"
#include "plugins/cpu/kernels/portable/matmul.hpp"
#include "plugins/cpu/steps/run.hpp"
#include "transformations/low_precision/weight_only.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/coded_product.hpp"
#endif

namespace octet::cpu {

using namespace ir;

namespace {

// The entry of a parameter for an element of what it belongs to.
class ByElement {
public:
    ByElement(const Tensor& parameter, const Dims& dims) : values_(parameter.as<float>()), dims_(dims) {
        std::int64_t step = 1;
        steps_.resize(dims.size());
        for (std::size_t i = dims.size(); i-- > 0;) {
            steps_[i] = parameter.dims()[i] == 1 ? 0 : step;
            step *= parameter.dims()[i];
        }
    }
    float operator[](std::int64_t element) const {
        std::int64_t at = 0;
        for (std::size_t i = dims_.size(); i-- > 0; element /= dims_[i]) at += element % dims_[i] * steps_[i];
        return values_[static_cast<std::size_t>(at)];
    }

private:
    std::span<const float> values_;
    const Dims& dims_;
    Dims steps_;
};

CodedWeights weights_of(const Graph& graph, const Node& product, const low_precision::CodedMatrix& matrix) {
    const Node& node = graph.node(matrix.dequantize);
    const auto& dq = node.op.get<Dequantize>();
    const Tensor& codes = *graph.constant(node.inputs[0]);
    CodedWeights w{.codes = codes.data(),
                   .bits = static_cast<int>(bits_of(codes.element())),
                   .is_signed = codes.element() == Element::i8 || codes.element() == Element::i4,
                   .transposed = product.op.get<MatMul>().transpose_b,
                   .depth = matrix.depth,
                   .columns = matrix.columns,
                   .group = matrix.group};
    const ByElement scale(dq.scale, codes.dims()), zero_point(dq.zero_point, codes.dims());
    bool shifted = false;
    for (std::int64_t k = 0; k < w.depth; k += w.group)
        for (std::int64_t column = 0; column < w.columns; ++column) {
            const std::int64_t element = w.transposed ? column * w.depth + k : k * w.columns + column;
            w.scale.push_back(scale[element]);
            w.shift.push_back(-zero_point[element] * w.scale.back());
            shifted = shifted || zero_point[element] != 0;
        }
    if (!shifted) w.shift.clear();
    return w;
}

struct Problem {
    const Group& group;
    CodedWeights weights;
    std::int64_t rows;
    Program program;
    StepBuffers buffers;
    Element element;  // of the codes
};

void add(Planner& planner, const Problem& p, std::string kernel, std::shared_ptr<const Work> work, std::size_t packed,
         std::size_t scratch, const Acceptance& better) {
    Step step = planner.step_for(p.group, std::move(kernel));
    p.buffers.note(step);
    step.work = std::move(work);
    step.packed_bytes = packed;
    step.scratch_bytes = scratch;
    step.weights = p.element;
    step.note = better.reason;
    step.code = better.code;
    planner.add(std::move(step));
}

#if defined(__x86_64__)
Acceptance try_x64(Planner& planner, Problem& p) {
    const x64::CodedProductDesc desc{.rows = p.rows, .weights = p.weights, .epilogue = p.program.epilogue};
    if (auto a = x64::CodedProduct::accepts(desc, planner.machine()); !a) return a;
    const auto kernel = std::make_shared<const x64::CodedProduct>(desc, planner.code());
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    auto run = work([kernel, b = p.buffers](const Frame& f) {
        const auto args = x64_args<x64::CodedProduct::Args>(f, b);
        f.pool->parallel(static_cast<std::size_t>(kernel->units()),
                         [&](std::size_t begin, std::size_t end, int thread) {
                             auto mine = args;
                             mine.scratch = reinterpret_cast<float*>(f.scratch + kernel->scratch_size() *
                                                                                     static_cast<std::size_t>(thread));
                             kernel->run(mine, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                         });
    });
    add(planner, p, "jit_coded_product_avx512", std::move(run), kernel->packed_bytes(),
        kernel->scratch_size() * static_cast<std::size_t>(planner.threads()), {});
    return accepted();
}
#endif

void use_portable(Planner& planner, Problem& p, const Acceptance& better) {
    portable::MatMul kernel;
    kernel.rows = static_cast<std::size_t>(p.rows);
    kernel.depth = static_cast<std::size_t>(p.weights.depth);
    kernel.columns = static_cast<std::size_t>(p.weights.columns);
    kernel.epilogue = p.program.epilogue;
    p.buffers.out = planner.output(p.group.output, Layout::plain).buffer;
    const auto packed = std::make_shared<const portable::PackedCodes>(portable::pack_codes(p.weights));
    auto run = work([kernel, packed, b = p.buffers](const Frame& f) {
        std::array<const void*, 8> pointers{};
        for (std::size_t i = 0; i < b.operands.size() && i < pointers.size(); ++i) pointers[i] = f.at(b.operands[i]);
        const portable::Arguments args{f.at(b.in), nullptr, std::span(pointers.data(), b.operands.size()), f.at(b.out)};
        f.pool->parallel(kernel.units(),
                         [&](std::size_t begin, std::size_t end, int) { kernel.run(*packed, args, begin, end); });
    });
    add(planner, p, "portable_coded_matmul", std::move(run), packed->bytes(), 0, better);
}

}  // namespace

bool plan_coded_matmul(Planner& planner, const Group& group) {
    const Graph& graph = planner.graph();
    const Node& node = graph.node(group.core);
    if (graph.constant(node.inputs[1])) return false;
    const auto matrix = low_precision::coded_matrix(graph, node);
    if (!matrix || !low_precision::keeps_codes_of_known_shapes(graph, matrix->dequantize)) return false;
    Problem p{group,
              weights_of(graph, node, *matrix),
              product(graph.shape(node.inputs[0]).sizes()) / matrix->depth,
              program_of(graph, group),
              {},
              graph.element(graph.node(matrix->dequantize).inputs[0])};
    p.buffers.in = planner.input(node.inputs[0], Layout::plain).buffer;
    p.buffers.operands = planner.operands(p.program, Layout::plain, graph.type(group.output));
    Acceptance last = declined("no faster kernel is built in");
#if defined(__x86_64__)
    last = try_x64(planner, p);
    if (last) return true;
#endif
    use_portable(planner, p, last);
    return true;
}

}  // namespace octet::cpu
