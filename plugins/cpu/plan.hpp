#pragma once
// A plan: steps in order, the memory between them, everything prepared. Immutable and shared; an execution adds an arena and addresses.
#include <cstddef>
#include <memory>
#include <octet/report.hpp>
#include <string>
#include <vector>

#include "ir/eval/eval.hpp"
#include "ir/graph.hpp"
#include "plugins/cpu/kernels/epilogue.hpp"
#include "plugins/cpu/pool.hpp"

namespace octet::cpu {

using BufferId = std::uint32_t;

// Order of the elements in memory. Channels last: [N, spatial..., C] for a value of shape [N, C, spatial...].
enum class Layout : std::uint8_t { plain, channels_last };

struct Buffer {
    enum class Home : std::uint8_t { arena, constant, input, output, part };
    Home home = Home::arena;
    std::size_t bytes = 0;
    std::size_t index = 0;      // which input, output or constant; of a part: which buffer it lies in
    std::size_t offset = 0;     // in the arena, or in that buffer
    int first = -1, last = -1;  // steps that write and read it
};

// Where a stored value lies.
struct Place {
    BufferId buffer = 0;
    Layout layout = Layout::plain;
    ir::Type type = {};
    std::size_t pitch = 0;  // elements from one row of the innermost dimension in memory to the next; 0: dense
    ir::Dims dims() const { return type.shape.sizes(); }
};

// What a running step sees.
struct Frame {
    std::byte* const* buffers = nullptr;
    std::byte* scratch = nullptr;
    ThreadPool* pool = nullptr;
    ir::eval::State* state = nullptr;
    std::vector<ir::Tensors>* dynamic = nullptr;  // outputs of nodes whose shape depends on data, by node
    std::byte* at(BufferId id) const { return buffers[id]; }
};

// The work of a step. Shared by streams unless `for_stream` gives each its own.
class Work {
public:
    virtual ~Work() = default;
    // What is left to do before the first run, such as packing weights; any thread may do it.
    virtual void prepare() const {}
    virtual void run(const Frame& frame) const = 0;
    virtual std::shared_ptr<const Work> for_stream() const { return nullptr; }  // null: this one serves all
};

struct Step {
    std::shared_ptr<const Work> work;
    std::string kernel;                           // for reports
    std::vector<ir::NodeId> nodes;                // what it computes, the core first; empty for a reorder
    std::string name;                             // of a step without nodes
    ir::Element data = ir::Element::undefined;    // what it reads
    ir::Element result = ir::Element::undefined;  // what it writes
    bool int8 = false;
    ir::Element weights = ir::Element::undefined;  // of a product of floats whose weights are codes
    std::string note;                              // why a better kernel did not take it
    std::string code;
    std::string measured;  // what the kernels took that can compute it
    std::size_t scratch_bytes = 0;
    std::size_t packed_bytes = 0;
    double operations = 0;  // two for each product that is summed
    double bytes = 0;       // read and written, packed weights included; the planner fills it in
    std::vector<BufferId> reads, writes;
    // Of a step that computes layers in several precisions: what each of them is to a report, the last one the step itself.
    std::vector<Step> parts = {};
};

// A layer that several kernels may take: which of them did, and its steps.
struct PlannedLayer {
    std::string text;  // layer_text
    std::string candidate;
    std::size_t first = 0, end = 0;
};

struct PlanInput {
    BufferId buffer = 0;
    ir::Type type;
};

struct PlanOutput {
    BufferId buffer = 0;
    ir::Type type;
    bool direct = false;     // the buffer is the caller's memory
    ir::Value dynamic = {};  // of a shape that depends on data: where it is found
    bool is_dynamic = false;
};

struct Plan {
    std::shared_ptr<const ir::Graph> graph;
    std::vector<Buffer> buffers;
    std::vector<Step> steps;
    std::vector<PlanInput> inputs;
    std::vector<PlanOutput> outputs;
    std::vector<BufferId> parts;  // buffers inside of others, these first
    std::vector<std::shared_ptr<const std::byte>> constants;
    std::vector<std::shared_ptr<const void>> code;  // generated code the steps call
    std::size_t arena_bytes = 0;
    std::size_t scratch_bytes = 0;
    std::size_t code_bytes = 0;
    std::size_t packed_bytes = 0;
    std::size_t reorders = 0;
    std::vector<PlannedLayer> layers;  // where the planner was told what to postpone
    std::vector<LoadPhase> load;       // what making the plan consisted of
};

// Gives every arena buffer an offset, so that buffers which live at the same time do not overlap; returns the arena's size.
std::size_t place_in_arena(std::vector<Buffer>& buffers);

}  // namespace octet::cpu
