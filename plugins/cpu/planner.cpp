#include "plugins/cpu/planner.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <set>

#include "ir/ops/all.hpp"
#include "ir/support/mapped_file.hpp"
#include "plugins/cpu/gate_groups.hpp"
#include "plugins/cpu/kernels/packed_memory.hpp"
#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/portable/copy.hpp"
#include "plugins/cpu/table.hpp"
#if defined(__x86_64__)
#include "plugins/cpu/kernels/x64/code.hpp"
#else
namespace octet::cpu::x64 {
class CodeBlock {};
}  // namespace octet::cpu::x64
#endif

namespace octet::cpu {

using namespace ir;

std::vector<std::size_t> memory_dims(const Dims& dims, Layout layout) {
    std::vector<std::size_t> result(dims.begin(), dims.end());
    if (layout == Layout::channels_last && dims.size() > 2)
        std::rotate(result.begin() + 1, result.begin() + 2, result.end());
    return result;
}

std::vector<std::ptrdiff_t> memory_steps(const Dims& dims, Layout layout, std::size_t pitch) {
    auto extents = memory_dims(dims, layout);
    std::vector<std::ptrdiff_t> dense(dims.size(), 1);
    if (pitch != 0) extents.back() = pitch;
    for (std::size_t i = dims.size(); i-- > 1;) dense[i - 1] = dense[i] * static_cast<std::ptrdiff_t>(extents[i]);
    std::vector<std::ptrdiff_t> steps;
    for (std::size_t axis = 0; axis < dims.size(); ++axis)
        steps.push_back(dense[memory_axis(axis, dims.size(), layout)]);
    return steps;
}

bool same_in_memory(const Dims& dims) {
    if (dims.size() < 3 || dims[1] == 1) return true;
    return std::all_of(dims.begin() + 2, dims.end(), [](std::int64_t d) { return d == 1; });
}

namespace {

// Notes the time since the last lap.
class Stopwatch {
public:
    explicit Stopwatch(std::vector<LoadPhase>& phases) : phases_(phases) {}
    void lap(const char* phase) {
        const auto now = std::chrono::steady_clock::now();
        phases_.push_back({phase, std::chrono::duration<double, std::milli>(now - start_).count()});
        start_ = now;
    }

private:
    std::vector<LoadPhase>& phases_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::shared_ptr<x64::CodeBlock> make_code([[maybe_unused]] const Machine& machine, [[maybe_unused]] bool saturates) {
#if defined(__x86_64__)
    return std::make_shared<x64::CodeBlock>(x64::vector_isa_of(machine, saturates));
#else
    return std::make_shared<x64::CodeBlock>();
#endif
}

}  // namespace

Planner::Planner(std::shared_ptr<const Graph> graph, const Machine& machine, int threads, bool bf16, bool saturates)
    : graph_(std::move(graph)),
      machine_(machine),
      threads_(threads),
      bf16_(bf16 && OCTET_ONEDNN),
      saturates_(saturates && !machine.vnni()),
      code_(make_code(machine, saturates)),
      preparation_(machine.cores) {
    plan_.graph = graph_;
}

std::shared_ptr<const x64::MatMul* const> Planner::product_after(const x64::MatMul& product) {
    if (next_product_) *next_product_ = &product;
    next_product_ = std::make_shared<const x64::MatMul*>(nullptr);
    return next_product_;
}

BufferId Planner::buffer(std::size_t bytes, Buffer::Home home, std::size_t index) {
    Buffer b;
    b.home = home;
    b.bytes = std::max<std::size_t>(bytes, 1);
    b.index = index;
    plan_.buffers.push_back(b);
    sharers_.push_back(0);
    return static_cast<BufferId>(plan_.buffers.size() - 1);
}

void Planner::touch(BufferId id) {
    Buffer& b = plan_.buffers[id];
    const int now = static_cast<int>(plan_.steps.size());
    if (b.first < 0) b.first = now;
    b.last = std::max(b.last, now);
    if (b.home == Buffer::Home::part) touch(static_cast<BufferId>(b.index));
}

BufferId Planner::constant(const Tensor& tensor) {
    // A constant's own storage is kept; data that does not lie on its element size was copied by aligned().
    const Tensor aligned = tensor.aligned();
    plan_.constants.emplace_back(aligned.owner(), aligned.data());
    return buffer(aligned.bytes(), Buffer::Home::constant, plan_.constants.size() - 1);
}

Place Planner::keep(Value v, const Place& place) {
    places_[v].push_back(place);
    ++sharers_[place.buffer];
    return place;
}

Place Planner::new_place(Value v, Layout layout, Element element) {
    Type type = graph_->type(v);
    type.element = element;
    const std::size_t bytes = bytes_of(element, static_cast<std::size_t>(type.shape.elements()));
    return keep(v, {buffer(bytes, Buffer::Home::arena), layout, type});
}

void Planner::alias(Value v, const Place& place) {
    Place mine = place;
    mine.type = graph_->type(v);
    keep(v, mine);
}

Place Planner::new_rows(Value v, Layout layout, Element element) {
    const auto it = slices_.find(v);
    if (it == slices_.end() || it->second.layout != layout) return new_place(v, layout, element);
    const ConcatPart& slice = it->second;
    if (stored_element(slice.whole) != element) return new_place(v, layout, element);
    const auto before = begun(slice.whole, element);
    const Place whole = before ? *before : new_rows(slice.whole, layout, element);
    return output_part(v, whole, slice.offset, slice.pitch != 0 && whole.pitch != 0 ? whole.pitch : slice.pitch);
}

Place Planner::output_part(Value v, const Place& whole, std::size_t first, std::size_t pitch) {
    Type type = graph_->type(v);
    type.element = whole.type.element;
    const Place place{buffer(bytes_of(type.element, static_cast<std::size_t>(type.shape.elements())),
                             Buffer::Home::part, whole.buffer),
                      whole.layout, type, pitch};
    plan_.buffers[place.buffer].offset = first * bits_of(type.element) / 8;
    plan_.parts.push_back(place.buffer);
    ++sharers_[whole.buffer];
    return keep(v, place);
}

std::optional<Place> Planner::begun(Value concat, Element element) const {
    if (const auto it = places_.find(concat); it != places_.end())
        for (const Place& place : it->second)
            if (place.type.element == element) return place;
    return std::nullopt;
}

bool Planner::is_part(const Place& place, const Place& whole, std::size_t first) const {
    std::size_t offset = 0;
    for (const Buffer* b = &plan_.buffers[place.buffer]; b->home == Buffer::Home::part; b = &plan_.buffers[b->index]) {
        offset += b->offset;
        if (b->index == whole.buffer) return offset == first * bits_of(place.type.element) / 8;
    }
    return false;
}

Place Planner::output_in_place(Value v, const Place& operand) {
    Place mine = operand;
    mine.type = graph_->type(v);
    mine.type.element = operand.type.element;
    return keep(v, mine);
}

bool Planner::last_read(Value v, const Place& place) const {
    const auto it = reads_left_.find(v);
    return it != reads_left_.end() && it->second == 1 && sharers_[place.buffer] == 1 &&
           plan_.buffers[place.buffer].home == Buffer::Home::arena;
}

Place Planner::reorder(const Place& from, Layout layout, const std::string& name) {
    const Dims dims = from.dims();
    const auto source = memory_steps(dims, from.layout, from.pitch);
    const auto target = memory_steps(dims, layout);
    portable::StridedCopy copy{bits_of(from.type.element) / 8};
    for (std::size_t i = 0; i < dims.size(); ++i)
        copy.dims.push_back({static_cast<std::size_t>(dims[i]), source[i], target[i]});
    copy.simplify();
    const std::size_t bytes = bytes_of(from.type.element, static_cast<std::size_t>(product(dims)));
    Place to{0, layout, from.type};
    if (plan_.buffers[from.buffer].home == Buffer::Home::constant) {
        const PackedMemory moved = packed_memory(bytes);
        if (!moved.filled)
            copy.run(plan_.constants[plan_.buffers[from.buffer].index].get(), moved.get(), 0, copy.units());
        plan_.constants.push_back(moved.data);
        to.buffer = buffer(bytes, Buffer::Home::constant, plan_.constants.size() - 1);
        return to;
    }
    to.buffer = buffer(bytes, Buffer::Home::arena);
    Step step;
    step.name = name + "/reorder";
    step.kernel = "reorder";
    step.data = step.result = from.type.element;
    step.reads = {from.buffer};
    step.writes = {to.buffer};
    step.work = work([copy, source = from.buffer, target = to.buffer](const Frame& f) {
        f.pool->parallel(copy.units(), [&](std::size_t begin, std::size_t end, int) {
            copy.run(f.at(source), f.at(target), begin, end);
        });
    });
    ++plan_.reorders;
    add(std::move(step));
    return to;
}

// Floats in the other type, laid out alike.
Place Planner::converted(const Place& from, Element to, const std::string& name) {
    const auto count = static_cast<std::size_t>(product(from.dims()));
    Place place = from;
    place.type.element = to;
    place.buffer = buffer(bytes_of(to, count), Buffer::Home::arena);
    Step step;
    step.name = name + "/" + std::string(name_of(to));
    step.kernel = "portable_convert";
    step.data = from.type.element;
    step.result = to;
    step.reads = {from.buffer};
    step.writes = {place.buffer};
    step.work = work(
        [count, narrow = to == Element::bf16, source = from.buffer, target = place.buffer](const Frame& f) {
            f.pool->parallel((count + portable::kBfloatUnit - 1) / portable::kBfloatUnit,
                             [&](std::size_t begin, std::size_t end, int) {
                                 const std::size_t first = begin * portable::kBfloatUnit;
                                 const std::size_t values = std::min(count, end * portable::kBfloatUnit) - first;
                                 if (narrow)
                                     portable::to_bfloat(reinterpret_cast<const float*>(f.at(source)) + first, values,
                                                         reinterpret_cast<std::uint16_t*>(f.at(target)) + first);
                                 else
                                     portable::from_bfloat(reinterpret_cast<const std::uint16_t*>(f.at(source)) + first,
                                                           values, reinterpret_cast<float*>(f.at(target)) + first);
                             });
        });
    ++plan_.reorders;
    add(std::move(step));
    return place;
}

void Planner::read_bfloat_operands(Program& program) const {
    for (EpilogueOp& op : program.epilogue.ops) {
        if (op.kind != EpilogueOp::Kind::combine || op.spread != Spread::full) continue;
        const ProgramOperand& operand = program.operands[op.operand];
        if (!operand.constant && stores_bfloat(operand.value)) op.operand_type = DataType::bf16;
    }
}

Place Planner::spread(const Type& type, const low_precision::SpreadTable& table, Layout layout) {
    const std::size_t bytes = bytes_of(type.element, static_cast<std::size_t>(type.shape.elements()));
    const PackedMemory memory = packed_memory(bytes);
    if (!memory.filled) cpu::spread(table, type.shape.sizes(), layout, reinterpret_cast<float*>(memory.get()));
    plan_.constants.push_back(memory.data);
    return {buffer(bytes, Buffer::Home::constant, plan_.constants.size() - 1), layout, type};
}

// All but the rows of an image, which are those of the table.
Place Planner::spread_rows(Value v, Layout layout) {
    low_precision::SpreadTable table = tables_.at(v);
    Dims dims = graph_->shape(v).sizes();
    if (!table.entries[2].empty()) dims[2] = table.table->dims()[2];
    table.entries[2].clear();
    return spread({graph_->element(v), Shape(dims)}, table, layout);
}

Place Planner::place_of(Value v, Layout layout, Element element, bool rows) {
    if (const Tensor* t = graph_->constant(v); t && !places_.contains(v))
        places_[v].push_back({constant(*t), Layout::plain, t->type()});
    if (const auto table = tables_.find(v); table != tables_.end() && !places_.contains(v))
        places_[v].push_back(spread(graph_->type(v), table->second, layout));
    const auto& places = places_.at(v);
    for (const bool pitched : {true, false})
        for (const Place& p : places)
            if (p.type.element == element && p.layout == layout && (p.pitch != 0) == pitched && (rows || !pitched))
                return p;
    const auto of_type = std::ranges::find(places, element, [](const Place& p) { return p.type.element; });
    if (of_type == places.end()) {
        const Place other = place_of(v, layout, places.front().type.element, false);
        return keep(v, converted(other, element, graph_->node(v).name));
    }
    Place p = *of_type;
    if (same_in_memory(p.dims()) && p.pitch == 0) {
        p.layout = layout;
        return p;
    }
    return keep(v, reorder(p, layout, graph_->node(v).name));
}

Layout Planner::layout_of(Value v) const {
    const auto it = places_.find(v);
    if (it == places_.end()) return Layout::plain;
    for (const Place& p : it->second)
        if (p.layout == Layout::channels_last && p.pitch == 0) return p.layout;
    return it->second.front().layout;
}

Place Planner::input(Value v) { return input(v, layout_of(v)); }

std::vector<BufferId> Planner::operands(const Program& program, Layout layout, const Type& result,
                                        std::optional<std::uint32_t> by_rows) {
    std::vector<BufferId> ids;
    const auto reads_bfloat = [&](std::size_t operand) {
        return std::ranges::any_of(program.epilogue.ops, [&](const EpilogueOp& op) {
            return op.kind == EpilogueOp::Kind::combine && op.operand == operand && op.operand_type == DataType::bf16;
        });
    };
    for (const ProgramOperand& o : program.operands) {
        if (by_rows == ids.size()) {
            ids.push_back(spread_rows(o.value, layout).buffer);
            continue;
        }
        if (!o.constant && reads_bfloat(ids.size())) {
            ids.push_back(input_bfloat(o.value, layout).buffer);
            continue;
        }
        if (!o.constant) {
            const bool same_rank = graph_->shape(o.value).rank() == result.shape.rank();
            ids.push_back(input(o.value, same_rank ? layout : Layout::plain).buffer);
            continue;
        }
        Place place{constant(*o.constant), Layout::plain, o.constant->type()};
        const bool image = o.constant->dims().size() > 2 && layout == Layout::channels_last &&
                           !same_in_memory(o.constant->dims());
        ids.push_back(image ? reorder(place, layout, "").buffer : place.buffer);
    }
    return ids;
}

namespace {

// Twice the products that a convolution or a matrix product sums.
double operations_of(const Graph& graph, const Node& node, Group::Kind kind) {
    if (kind != Group::Kind::convolution && kind != Group::Kind::matmul) return 0;
    const Dims data = graph.shape(node.inputs[0]).sizes(), second = graph.shape(node.inputs[1]).sizes();
    const Dims result = node.outputs[0].type.shape.sizes();
    const auto count = [](const Dims& dims) { return static_cast<double>(product(dims)); };
    if (const auto* op = node.op.as<MatMul>()) {
        const std::size_t depth = data.size() < 2 || !op->transpose_a ? data.size() - 1 : data.size() - 2;
        return 2 * count(result) * static_cast<double>(data[depth]);
    }
    // Each weight meets every place of the result, or of the data where the convolution runs backward.
    const bool backward = node.op.is<ConvolutionBackpropData>() || node.op.is<GroupConvolutionBackpropData>();
    const Dims& places = backward ? data : result;
    return 2 * count(second) * count(places) / static_cast<double>(places[1]);
}

}  // namespace

void Planner::add(Step step) {
    std::set<BufferId> used(step.reads.begin(), step.reads.end());
    used.insert(step.writes.begin(), step.writes.end());
    for (BufferId id : used) step.bytes += static_cast<double>(plan_.buffers[id].bytes);
    step.bytes += static_cast<double>(step.packed_bytes);
    for (BufferId id : step.reads) touch(id);
    for (BufferId id : step.writes) touch(id);
    plan_.scratch_bytes = std::max(plan_.scratch_bytes, step.scratch_bytes);
    plan_.packed_bytes += step.packed_bytes;
    plan_.steps.push_back(std::move(step));
}

Step Planner::step_for(const Group& group, std::string kernel) const {
    Step step;
    step.kernel = std::move(kernel);
    step.nodes = {group.core};
    for (NodeId id : group.chain)
        if (id != group.core) step.nodes.push_back(id);
    for (const SumPart& part : group.sum.parts) {
        if (part.core != group.core) step.nodes.push_back(part.core);
        step.nodes.insert(step.nodes.end(), part.chain.begin(), part.chain.end());
    }
    step.nodes.insert(step.nodes.end(), group.sum.adds.begin(), group.sum.adds.end());
    const auto is_code = [](Element e) { return e == Element::u8 || e == Element::i8; };
    step.data = group.inputs.empty() ? Element::undefined : graph_->element(group.inputs[0]);
    step.result = graph_->element(group.output);
    // Codes that are made in flight are as good as those that were stored.
    const bool makes_codes = graph_->node(group.core).op.is<Quantize>() &&
                             std::ranges::any_of(group.chain,
                                                 [&](NodeId id) { return graph_->node(id).op.is<Dequantize>(); });
    step.int8 = makes_codes || (!group.inputs.empty() && std::ranges::all_of(group.inputs, [&](Value v) {
                    return is_code(graph_->element(v));
                }));
    step.operations = operations_of(*graph_, graph_->node(group.core), group.kind);
    if (group.kind == Group::Kind::convolution || group.kind == Group::Kind::matmul ||
        group.kind == Group::Kind::attention)
        step.int8 = is_code(graph_->element(graph_->node(group.core).inputs[0]));
    return step;
}

namespace {

// Kernels divide by extents and step through tiles; where there are no elements, they need not know.
bool has_empty_values(const Graph& graph, const Group& group) {
    const auto empty = [](const Shape& shape) { return shape.is_static() && shape.elements() == 0; };
    const auto touches_empty = [&](NodeId id) {
        const Node& node = graph.node(id);
        // An empty list of axes says something.
        const auto is_list = [&](Value v) { return graph.constant(v) && graph.shape(v).rank() == 1; };
        return std::ranges::any_of(node.inputs, [&](Value v) { return empty(graph.shape(v)) && !is_list(v); }) ||
               std::ranges::any_of(node.outputs, [&](const Output& o) { return empty(o.type.shape); });
    };
    return touches_empty(group.core) || std::ranges::any_of(group.chain, touches_empty);
}

}  // namespace

void Planner::plan(const Group& group) {
    if (group.kind != Group::Kind::dynamic && has_empty_values(*graph_, group))
        plan_fallback(*this, group, "there are no elements to compute");
    else plan_by_kind(group);
    prepare(group);
    for (Value v : group.inputs)
        if (auto it = reads_left_.find(v); it != reads_left_.end() && it->second > 0) --it->second;
}

void Planner::plan_by_kind(const Group& group) {
    switch (group.kind) {
        case Group::Kind::convolution:
            if (group.sum.parts.empty()) plan_convolution(*this, group);
            else if (!plan_sum(*this, group)) plan_parts(one_by_one(*graph_, group));
            break;
        case Group::Kind::matmul: plan_matmul(*this, group); break;
        case Group::Kind::row: plan_row(*this, group); break;
        case Group::Kind::attention: plan_attention(*this, group); break;
        case Group::Kind::gate: plan_as_one(group.parts, "squeeze_excite"); break;
        case Group::Kind::pool: plan_pool(*this, group); break;
        case Group::Kind::elementwise: plan_elementwise(*this, group); break;
        case Group::Kind::other: plan_other(*this, group); break;
        case Group::Kind::dynamic: plan_dynamic(*this, group); break;
    }
}

void Planner::plan_parts(std::span<const Group> parts) {
    for (const Group& part : parts)
        for (Value v : part.inputs) ++reads_left_[v];
    for (const Group& part : parts) plan(part);
}

namespace {

// One after the other.
class Sequence final : public Work {
public:
    explicit Sequence(std::vector<std::shared_ptr<const Work>> works) : works_(std::move(works)) {}
    void run(const Frame& frame) const override {
        for (const auto& one : works_) one->run(frame);
    }
    std::shared_ptr<const Work> for_stream() const override {
        bool own = false;
        auto works = works_;
        for (auto& one : works)
            if (auto mine = one->for_stream()) {
                one = std::move(mine);
                own = true;
            }
        return own ? std::make_shared<Sequence>(std::move(works)) : nullptr;
    }

private:
    std::vector<std::shared_ptr<const Work>> works_;
};

// jit_NAME_ISA where all parts are generated.
std::string name_of_whole(std::span<const Step> parts, std::string_view name) {
    const std::string& last = parts.back().kernel;
    const std::size_t isa = last.rfind("_avx");
    const bool generated = std::ranges::all_of(parts, [](const Step& step) {
        return step.kernel.starts_with("jit_") || step.kernel == "view";
    });
    return generated && isa != std::string::npos ? fmt::format("jit_{}{}", name, last.substr(isa)) : std::string(name);
}

}  // namespace

void Planner::plan_as_one(std::span<const Group> parts, std::string_view name) {
    std::size_t first = plan_.steps.size();
    plan_parts(parts);
    // What moves its data stays before it.
    while (first < plan_.steps.size() && plan_.steps[first].nodes.empty()) ++first;
    const auto begin = plan_.steps.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<Step> steps(std::make_move_iterator(begin), std::make_move_iterator(plan_.steps.end()));
    plan_.steps.erase(begin, plan_.steps.end());
    prepared_ = first;
    if (steps.empty()) return;
    // What they keep between them lives as long as the one step runs.
    for (Buffer& b : plan_.buffers) {
        b.first = std::min(b.first, static_cast<int>(first));
        b.last = std::min(b.last, static_cast<int>(first));
    }
    Step whole = steps.back();
    whole.kernel = name_of_whole(steps, name);
    std::vector<std::shared_ptr<const Work>> works;
    for (Step& step : steps) {
        works.push_back(std::move(step.work));
        if (&step == &steps.back()) break;
        whole.nodes.insert(whole.nodes.end(), step.nodes.begin(), step.nodes.end());
        whole.scratch_bytes = std::max(whole.scratch_bytes, step.scratch_bytes);
        whole.packed_bytes += step.packed_bytes;
        whole.operations += step.operations;
        whole.bytes += step.bytes;
        whole.reads.insert(whole.reads.end(), step.reads.begin(), step.reads.end());
        whole.writes.insert(whole.writes.end(), step.writes.begin(), step.writes.end());
    }
    whole.work = std::make_shared<Sequence>(std::move(works));
    whole.parts = std::move(steps);
    prepared_ = first + 1;
    plan_.steps.push_back(std::move(whole));
}

void Planner::plan_results() {
    std::vector<bool> given(plan_.buffers.size());
    for (std::size_t i = 0; i < graph_->results().size(); ++i) {
        const Value v = graph_->node(graph_->results()[i]).inputs[0];
        PlanOutput out;
        out.type = graph_->type(v);
        if (!has_place(v)) {
            out.is_dynamic = true;
            out.dynamic = v;
            plan_.outputs.push_back(out);
            continue;
        }
        const Place place = input(v, Layout::plain);
        out.buffer = place.buffer;
        given.resize(plan_.buffers.size());
        Buffer& b = plan_.buffers[place.buffer];
        // The caller's memory takes the place of the arena's, unless the value goes out twice or something beside it lives there.
        out.direct = b.home == Buffer::Home::arena && !given[place.buffer];
        given[place.buffer] = true;
        if (out.direct) {
            b.home = Buffer::Home::output;
            b.index = i;
        } else {
            touch(place.buffer);
        }
        plan_.outputs.push_back(out);
    }
}

Plan Planner::run() {
    for (std::size_t i = 0; i < graph_->parameters().size(); ++i) {
        const Value v{graph_->parameters()[i], 0};
        const Type& type = graph_->type(v);
        const Place place{buffer(bytes_of(type.element, static_cast<std::size_t>(type.shape.elements())),
                                 Buffer::Home::input, i),
                          Layout::plain, type};
        plan_.inputs.push_back({place.buffer, type});
        alias(v, place);
    }
    Stopwatch watch(plan_.load);
    slices_ = slices_of(*graph_);
    const auto groups = partition(*graph_);
    if (bf16_) bfloat_ = bfloat_of(*graph_, parts_of_gates(groups));
    for (const Group& group : groups)
        for (Value v : group.inputs) ++reads_left_[v];
    for (NodeId id : graph_->results()) ++reads_left_[graph_->node(id).inputs[0]];
    watch.lap("partition");
    for (const Group& group : groups) plan(group);
    plan_results();
    watch.lap("choose kernels");
    preparation_.finish();
    give_back_unused();
#if defined(__x86_64__)
    code_->seal();
    plan_.code_bytes = code_->size();
    const double generating = code_->seconds();
#else
    const double generating = 0;
#endif
    watch.lap("prepare kernels");
    plan_.load.push_back({"generate code", generating * 1e3, true});
    plan_.load.push_back({"pack weights", (preparation_.seconds() - generating) * 1e3, true});
    plan_.code.push_back(code_);
    plan_.arena_bytes = place_in_arena(plan_.buffers);
    watch.lap("place buffers");
    return std::move(plan_);
}

// The pages of a file that weights are read from are given back as soon as these are packed, so that a model is never in memory twice.
void Planner::prepare(const Group& group) {
    constexpr std::size_t kFewBytes = 16 * 1024;
    struct Packing {
        std::vector<std::function<void()>> tasks;
        std::vector<Tensor> weights;
    };
    Packing packing;
    for (Value v : graph_->node(group.core).inputs) {
        // Of weights that are codes, the codes.
        while (graph_->op(v).is<Reshape>() || graph_->op(v).is<Dequantize>()) v = graph_->node(v).inputs[0];
        const Tensor* tensor = graph_->constant(v);
        if (!tensor || tensor->bytes() < kFewBytes) continue;
        const bool kept = std::ranges::any_of(plan_.constants,
                                              [&](const auto& constant) { return constant.get() == tensor->data(); });
        if (!kept) packing.weights.push_back(*tensor);
    }
#if defined(__x86_64__)
    packing.tasks = code_->take_tasks();
#endif
    // A group may have been planned in parts.
    for (; prepared_ < plan_.steps.size(); ++prepared_)
        packing.tasks.push_back([work = plan_.steps[prepared_].work] { work->prepare(); });
    if (packing.weights.empty() && packing.tasks.empty()) return;
    preparation_.add([packing = std::move(packing)] {
        for (const auto& task : packing.tasks) task();
        for (const Tensor& weights : packing.weights) give_back(weights.raw());
    });
}

}  // namespace octet::cpu
