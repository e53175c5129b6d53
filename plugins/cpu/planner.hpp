#pragma once
// Makes a plan: walks the groups, chooses a kernel for each, decides layouts on the way.
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "plugins/cpu/bfloat.hpp"
#include "plugins/cpu/chain.hpp"
#include "plugins/cpu/kernels/acceptance.hpp"
#include "plugins/cpu/machine.hpp"
#include "plugins/cpu/partition.hpp"
#include "plugins/cpu/plan.hpp"
#include "plugins/cpu/preparation.hpp"
#include "plugins/cpu/slices.hpp"
#include "plugins/cpu/tuning/choices.hpp"
#include "transformations/low_precision/zero_point_correction.hpp"

namespace octet::cpu {

namespace x64 {
class CodeBlock;
class MatMul;
}  // namespace x64

// Work given as a function; for steps that all streams can share.
template <class F>
class FunctionWork final : public Work {
public:
    explicit FunctionWork(F function) : function_(std::move(function)) {}
    void run(const Frame& frame) const override { function_(frame); }

private:
    F function_;
};
template <class F>
std::shared_ptr<const Work> work(F function) {
    return std::make_shared<FunctionWork<F>>(std::move(function));
}

class Planner {
public:
    // bf16: float layers that gain from it compute in bf16; only where the machine is fast with it.
    // saturates: see INT8_SATURATION.
    Planner(std::shared_ptr<const ir::Graph> graph, const Machine& machine, int threads, bool bf16 = false,
            bool saturates = false);
    // Before run(): which candidates of a layer are tried last. The plan then says what each layer got.
    void postpone(Postpone postpone) { postpone_ = std::move(postpone); }
    Plan run();

    const ir::Graph& graph() const { return *graph_; }
    const Machine& machine() const { return machine_; }
    int threads() const { return threads_; }
    bool saturates() const { return saturates_; }
    x64::CodeBlock& code() { return *code_; }
    // Where the product that is planned after `product` will be named, whose weights can be fetched ahead; null until then.
    std::shared_ptr<const x64::MatMul* const> product_after(const x64::MatMul& product);

    // A stored value or constant, dense, in this layout; a reorder is added where it does not lie so yet.
    Place input(ir::Value v, Layout layout) { return place_of(v, layout, graph_->element(v), false); }
    // The same for a reader that can step over a pitch.
    Place input_rows(ir::Value v, Layout layout) { return place_of(v, layout, graph_->element(v), true); }
    // Where it lies already, channels last if in both.
    Place input(ir::Value v);
    Layout layout_of(ir::Value v) const;
    // A new buffer for a value.
    Place output(ir::Value v, Layout layout) { return new_place(v, layout, graph_->element(v)); }
    // For a writer that can leave a pitch: the value's part of the concatenation that reads it, where it is such a part.
    Place output_rows(ir::Value v, Layout layout) { return new_rows(v, layout, graph_->element(v)); }
    // Whether the group's products are of bf16; its data is then read by input_bfloat.
    bool computes_bfloat(const Group& group) const { return bfloat_.cores.contains(group.core); }
    // Whether a value is stored as bf16, by output_bfloat. Its readers can take it so by input_bfloat or input_stored; reading it by
    // the other functions costs a conversion.
    bool stores_bfloat(ir::Value v) const { return bfloat_.values.contains(v); }
    Place input_bfloat(ir::Value v, Layout layout) { return place_of(v, layout, ir::Element::bf16, false); }
    Place input_bfloat_rows(ir::Value v, Layout layout) { return place_of(v, layout, ir::Element::bf16, true); }
    Place output_bfloat(ir::Value v, Layout layout) { return new_place(v, layout, ir::Element::bf16); }
    // As bf16 where it is stored so; rows: as input_rows and output_rows.
    Place input_stored(ir::Value v, Layout layout, bool rows = true) {
        return place_of(v, layout, stored_element(v), rows);
    }
    Place output_stored(ir::Value v, Layout layout, bool rows = true) {
        return rows ? new_rows(v, layout, stored_element(v)) : new_place(v, layout, stored_element(v));
    }
    ir::Element stored_element(ir::Value v) const { return stores_bfloat(v) ? ir::Element::bf16 : graph_->element(v); }
    // Operands that are stored as bf16 become such in the program.
    void read_bfloat_operands(Program& program) const;
    // The same, and the result, where it is stored as bf16.
    void use_stored_types(const Group& group, Program& program) const {
        read_bfloat_operands(program);
        if (stores_bfloat(group.output)) program.epilogue.result = DataType::bf16;
    }
    // Whether output_rows gives such a part.
    bool is_part_of_concat(ir::Value v, Layout layout) const {
        const auto it = slices_.find(v);
        return it != slices_.end() && it->second.layout == layout;
    }
    // Whether floats may be rounded to bf16 where they are multiplied, and weights that are read again and again kept so.
    bool uses_bfloats() const { return bf16_; }
    // The value lies in rows of `whole`, from this element on.
    Place output_part(ir::Value v, const Place& whole, std::size_t first, std::size_t pitch);
    // The concatenation in this type, where parts of it were written already.
    std::optional<Place> begun(ir::Value concat, ir::Element element) const;
    // Whether `place` is the part of `whole` that begins at this element.
    bool is_part(const Place& place, const Place& whole, std::size_t first) const;
    // Whether it is stored at all; what is not is found at run time, in Frame::dynamic.
    bool has_place(ir::Value v) const { return graph_->constant(v) || places_.contains(v) || tables_.contains(v); }
    // The value is stored in memory that exists.
    void alias(ir::Value v, const Place& place);
    // The result overwrites an operand's buffer. Only where `last_read` holds for it.
    Place output_in_place(ir::Value v, const Place& operand);
    // Whether the step that is being made is the last one to read the value, and its buffer may be overwritten.
    bool last_read(ir::Value v, const Place& place) const;
    BufferId constant(const ir::Tensor& tensor);
    // The value is what gathers take from a constant; it becomes a constant in the layout that is asked for first.
    void keep_table(ir::Value v, low_precision::SpreadTable table) { tables_.emplace(v, std::move(table)); }
    const low_precision::SpreadTable* table(ir::Value v) const {
        const auto it = tables_.find(v);
        return it == tables_.end() ? nullptr : &it->second;
    }
    // The operands of an epilogue in the layout of the result. `by_rows`: of this one, a table, the rows of the table alone are spread.
    std::vector<BufferId> operands(const Program& program, Layout layout, const ir::Type& result,
                                   std::optional<std::uint32_t> by_rows = std::nullopt);
    void add(Step step);
    // For the choice among candidates (steps/candidates.hpp).
    bool chooses() const { return static_cast<bool>(postpone_); }
    std::string text_of(const Group& group) const { return layer_text(*graph_, group, slices_); }
    bool postpones(const std::string& layer, std::string_view candidate, bool comparable) const {
        return postpone_ && postpone_(layer, candidate, comparable);
    }
    std::size_t steps() const { return plan_.steps.size(); }
    void note_layer(PlannedLayer layer) { plan_.layers.push_back(std::move(layer)); }
    // The steps of the groups that a group falls into where no kernel takes it whole.
    void plan_parts(std::span<const Group> parts);
    // The same as one step, of the last part.
    void plan_as_one(std::span<const Group> parts, std::string_view name);
    // A step for a group: nodes, data and result types and whether it is int8 are filled in.
    Step step_for(const Group& group, std::string kernel) const;

private:
    void plan(const Group& group);
    void plan_by_kind(const Group& group);
    void plan_results();
    void prepare(const Group& group);
    Place spread(const ir::Type& type, const low_precision::SpreadTable& table, Layout layout);
    Place spread_rows(ir::Value v, Layout layout);
    // The value in this layout and type, moved or converted where it does not lie so yet. rows: a pitch will do.
    Place place_of(ir::Value v, Layout layout, ir::Element element, bool rows);
    Place new_place(ir::Value v, Layout layout, ir::Element element);
    Place new_rows(ir::Value v, Layout layout, ir::Element element);
    Place keep(ir::Value v, const Place& place);
    Place reorder(const Place& from, Layout layout, const std::string& name);
    Place converted(const Place& from, ir::Element to, const std::string& name);
    BufferId buffer(std::size_t bytes, Buffer::Home home, std::size_t index = 0);
    void touch(BufferId id);

    std::shared_ptr<const ir::Graph> graph_;
    const Machine& machine_;
    int threads_;
    bool bf16_;
    bool saturates_;
    Postpone postpone_;
    std::shared_ptr<x64::CodeBlock> code_;
    std::shared_ptr<const x64::MatMul*> next_product_;
    Plan plan_;
    std::map<ir::Value, std::vector<Place>> places_;  // of f32 values also as bf16
    Bfloat bfloat_;
    std::map<ir::Value, ConcatPart> slices_;
    std::map<ir::Value, low_precision::SpreadTable> tables_;
    std::map<ir::Value, std::size_t> reads_left_;  // groups and results that still read a value
    std::vector<std::uint32_t> sharers_;           // values that lie in a buffer
    std::size_t prepared_ = 0;                     // steps that preparation_ knows of
    Preparation preparation_;                      // the last member: nothing its jobs use goes before it has ended
};

// Makers of steps, by kind of group; each tries its kernels in order of priority.
void plan_convolution(Planner& p, const Group& group);
// A sum of convolutions; false, before anything but reorders is planned, where no kernel takes all of it.
bool plan_sum(Planner& p, const Group& group);
void plan_matmul(Planner& p, const Group& group);
// A product of floats with weights that are codes; false, before anything is planned, for other products.
bool plan_coded_matmul(Planner& p, const Group& group);
void plan_row(Planner& p, const Group& group);
void plan_attention(Planner& p, const Group& group);
void plan_pool(Planner& p, const Group& group);
void plan_elementwise(Planner& p, const Group& group);
void plan_other(Planner& p, const Group& group);
// Plain reference kernels for what nothing else takes.
void plan_fallback(Planner& p, const Group& group, const std::string& why);
void plan_dynamic(Planner& p, const Group& group);

// Memory order of a value's dimensions in a layout.
std::vector<std::size_t> memory_dims(const ir::Dims& dims, Layout layout);
// Where an axis of the model stands in memory.
inline std::size_t memory_axis(std::size_t axis, std::size_t rank, Layout layout) {
    if (layout == Layout::plain || rank < 3 || axis == 0) return axis;
    return axis == 1 ? rank - 1 : axis - 1;
}
// Elements from one place of an axis of the model to the next.
std::vector<std::ptrdiff_t> memory_steps(const ir::Dims& dims, Layout layout, std::size_t pitch = 0);
// Whether both layouts are the same bytes.
bool same_in_memory(const ir::Dims& dims);

}  // namespace octet::cpu
