#include "plugins/cpu/report.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "ir/ops/recurrent.hpp"
#include "ir/support/check.hpp"

namespace octet::cpu {

using namespace ir;

namespace {

struct TypeRank {
    std::string_view type;
    int rank;
};

// Which of the layers behind a step gives it its name: the one that does most of the work.
constexpr std::array kRanks{
    TypeRank{"Convolution", 10},
    TypeRank{"GroupConvolution", 10},
    TypeRank{"ConvolutionBackpropData", 10},
    TypeRank{"GroupConvolutionBackpropData", 10},
    TypeRank{"MatMul", 10},
    TypeRank{"MaxPool", 8},
    TypeRank{"AvgPool", 8},
    TypeRank{"Concat", 6},
    TypeRank{"Split", 6},
    TypeRank{"VariadicSplit", 6},
    TypeRank{"Transpose", 6},
    TypeRank{"Add", 4},
    TypeRank{"Subtract", 4},
    TypeRank{"Multiply", 4},
    TypeRank{"Divide", 4},
    TypeRank{"BatchNormInference", 4},
    TypeRank{"ReLU", 3},
    TypeRank{"PReLU", 3},
    TypeRank{"Clamp", 3},
    TypeRank{"Sigmoid", 3},
    TypeRank{"Tanh", 3},
    TypeRank{"Elu", 3},
    TypeRank{"Swish", 3},
    TypeRank{"HSwish", 3},
    TypeRank{"HSigmoid", 3},
    TypeRank{"HardSigmoid", 3},
    TypeRank{"FakeQuantize", 2},
    TypeRank{"Reshape", 1},
    TypeRank{"Squeeze", 1},
    TypeRank{"Unsqueeze", 1},
    TypeRank{"ShapeOf", 1},
    TypeRank{"Convert", 0},
    TypeRank{"Const", -1},
    TypeRank{"Parameter", -1},
    TypeRank{"Result", -1},
};
constexpr int kOtherRank = 7;

int rank_of(std::string_view type) {
    const auto it = std::ranges::find(kRanks, type, &TypeRank::type);
    return it == kRanks.end() ? kOtherRank : it->rank;
}

// Layers that work on values; the others move them, shape them or say how they are stored.
bool computes(std::string_view type) {
    constexpr std::array kMovers{"Concat",
                                 "Split",
                                 "VariadicSplit",
                                 "Transpose",
                                 "Gather",
                                 "StridedSlice",
                                 "Slice",
                                 "Pad",
                                 "Tile",
                                 "Broadcast",
                                 "ShapeOf",
                                 "Reshape",
                                 "Squeeze",
                                 "Unsqueeze",
                                 "Convert",
                                 "FakeQuantize",
                                 "Range",
                                 "PriorBox",
                                 "PriorBoxClustered",
                                 "DepthToSpace",
                                 "SpaceToDepth",
                                 "ShuffleChannels",
                                 "ReadValue",
                                 "Assign"};
    return rank_of(type) > 0 && std::ranges::find(kMovers, type) == kMovers.end();
}

class Reporter {
public:
    Reporter(const Lowered& lowered, const Plan& plan) : lowered_(lowered), plan_(plan), layers_(plan.graph->layers()) {
        for (const Step& step : plan.steps) {
            for (std::size_t i = 0; i + 1 < step.parts.size(); ++i) steps_.push_back({&step.parts[i], &step});
            steps_.push_back({&step, &step});
        }
    }

    StepReport run() {
        rows_.resize(layers_.size());
        owner_.assign(layers_.size(), -1);
        for (std::size_t i = 0; i < layers_.size(); ++i) rows_[i] = fresh(layers_[i].name, layers_[i].type);
        for (const Known& known : steps_) primary_.push_back(primary_of(*known.step));
        // Of several steps of one layer that which gives its value is its row, else the first; the others are added.
        for (const bool gives_value : {true, false})
            for (std::size_t k = 0; k < steps_.size(); ++k)
                if (primary_[k] >= 0 && (!gives_value || computes_layer(k))) claim(k);
        for (std::size_t k = 0; k < steps_.size(); ++k) spread(k);
        fuse_parts();
        explain();
        return assemble();
    }

private:
    // A step, or a part of one that has its own precision.
    struct Known {
        const Step* step;
        const Step* whole;
        bool is_part() const { return step != whole; }
    };

    static LayerReport fresh(std::string name, std::string type) {
        LayerReport row;
        row.compute = computes(type);
        row.name = std::move(name);
        row.type = std::move(type);
        row.status = LayerStatus::optimized_out;
        return row;
    }

    // Floats or codes; other integers are shapes and indices, which no precision concerns.
    static bool is_number(Element e) { return is_float(e) || e == Element::u8 || e == Element::i8; }

    // The layer a step is named after; -1 for none (a reorder, or a graph without a file).
    int primary_of(const Step& step) const {
        for (NodeId id : step.nodes) {
            int best = -1;
            for (auto layer : plan_.graph->node(id).origins)
                if (!lowered_.constant_layers[layer] &&
                    (best < 0 || rank_of(layers_[layer].type) > rank_of(layers_[static_cast<std::size_t>(best)].type)))
                    best = static_cast<int>(layer);
            if (best >= 0 && rank_of(layers_[static_cast<std::size_t>(best)].type) >= 0) return best;
        }
        return -1;
    }

    static void fill(LayerReport& row, const Step& step) {
        row.precision = name_of(step.data);
        row.output_precision = name_of(step.result);
        row.int8 = step.int8;
        row.compute = row.compute && (is_number(step.data) || is_number(step.result));
        if (step.kernel == "view") return;
        row.kernel = step.kernel;
        row.status = LayerStatus::executed;
        row.operations = step.operations;
        row.bytes = step.bytes;
        row.measured = step.measured;
    }

    bool has_node(const Step& step, std::string_view name) const {
        return std::ranges::any_of(step.nodes, [&](NodeId id) { return plan_.graph->node(id).name == name; });
    }

    // What a recurrent cell gives are views of what its recurrence gives.
    bool computes_layer(std::size_t k) const {
        const Step& step = *steps_[k].step;
        return has_node(step, layers_[static_cast<std::size_t>(primary_[k])].name) ||
               std::ranges::any_of(step.nodes, [&](NodeId id) { return plan_.graph->node(id).op.is<Recurrence>(); });
    }

    void claim(std::size_t k) {
        const auto layer = static_cast<std::size_t>(primary_[k]);
        if (owner_[layer] >= 0) return;
        owner_[layer] = static_cast<int>(k);
        fill(rows_[layer], *steps_[k].step);
    }

    // The other layers of a step are fused into its own.
    void spread(std::size_t k) {
        if (primary_[k] < 0) return;
        const Step& step = *steps_[k].step;
        for (NodeId id : step.nodes)
            for (auto layer : plan_.graph->node(id).origins) {
                LayerReport& row = rows_[layer];
                if (owner_[layer] >= 0 || rank_of(row.type) < 0 || lowered_.constant_layers[layer]) continue;
                owner_[layer] = static_cast<int>(k);
                fill(row, step);
                row.kernel.clear();
                row.measured.clear();
                row.operations = row.bytes = 0;
                row.status = LayerStatus::fused;
                row.fused_into = layers_[static_cast<std::size_t>(primary_[k])].name;
            }
    }

    // The layer of a part keeps what it computes in, but it runs in the step of another.
    void fuse_parts() {
        for (std::size_t k = 0; k < steps_.size(); ++k) {
            const auto layer = static_cast<std::size_t>(primary_[k]);
            if (!steps_[k].is_part() || primary_[k] < 0 || owner_[layer] != static_cast<int>(k)) continue;
            std::size_t whole = k;
            while (steps_[whole].is_part()) ++whole;
            rows_[layer].operations = rows_[layer].bytes = 0;
            rows_[layer].status = LayerStatus::fused;
            if (primary_[whole] >= 0) rows_[layer].fused_into = layers_[static_cast<std::size_t>(primary_[whole])].name;
        }
    }

    void explain() {
        std::map<std::uint32_t, const rewrite::Decision*> reasons;
        for (const auto& answer : lowered_.precisions->layers)
            for (auto layer : answer.origins) {
                const int owner = owner_[layer];
                const bool own = layers_[layer].name == answer.layer ||
                                 (owner >= 0 && has_node(*steps_[static_cast<std::size_t>(owner)].step, answer.layer));
                if (own || !reasons.contains(layer)) reasons[layer] = &answer.decision;
            }
        for (const auto& choice : lowered_.precisions->choices)
            for (auto layer : choice.origins)
                if (layers_[layer].name == choice.layer && rows_[layer].int8)
                    rows_[layer].reason = low_precision::to_string(choice);
        for (const auto& alignment : lowered_.precisions->alignments)
            for (auto layer : alignment.origins)
                if (layers_[layer].name == alignment.layer) rows_[layer].loss = low_precision::to_string(alignment);
        std::vector<std::uint32_t> waiting;
        for (std::uint32_t i = 0; i < rows_.size(); ++i) {
            LayerReport& row = rows_[i];
            const bool runs = row.status == LayerStatus::executed || row.status == LayerStatus::fused;
            if (!runs || row.int8 || !row.compute) continue;
            const auto owner = static_cast<std::size_t>(owner_[i]);
            const Step& step = *steps_[owner].step;
            const bool own = steps_[owner].is_part() && primary_[owner] == static_cast<int>(i);
            if (row.status == LayerStatus::fused && !own) {
                waiting.push_back(i);
                continue;
            }
            const auto it = reasons.find(i);
            if (step.weights != Element::undefined) {
                row.code = name_of(rewrite::Code::no_act_fq);
                const bool known = it != reasons.end() && !it->second->ok;
                row.reason = fmt::format("weight-only: its activation has no FakeQuantize{}; its weights stay {}",
                                         known ? " (" + text_of(*it->second) + ")" : "", name_of(step.weights));
            } else if (!lowered_.integers) {
                row.code = "LOW_PRECISION_OFF";
                row.reason = "INFERENCE_LOW_PRECISION is NO";
            } else if (it != reasons.end() && !it->second->ok) {
                row.code = name_of(it->second->code);
                row.reason = text_of(*it->second);
            } else {
                row.code = step.code.empty() ? "EXECUTOR_FALLBACK" : step.code;
                row.reason = no_kernel(row, step, it != reasons.end());
            }
        }
        // What is fused shares the fate of the layer whose step it is part of.
        for (std::uint32_t i : waiting) {
            const auto primary = static_cast<std::size_t>(primary_[static_cast<std::size_t>(owner_[i])]);
            rows_[i].code = rows_[primary].code;
            rows_[i].reason = "it runs inside '" + layers_[primary].name + "', which is float";
        }
    }

    // `planned`: the plan counted on a kernel for such layers, so that it is the operands which no kernel takes.
    std::string no_kernel(const LayerReport& row, const Step& step, bool planned) const {
        std::string text = "the CPU has no int8 kernel for " + row.type;
        if (!step.note.empty()) return text + " here: " + step.note;
        if (!planned || step.nodes.empty()) return text;
        std::string shapes;
        for (Value v : plan_.graph->node(step.nodes[0]).inputs)
            shapes += (shapes.empty() ? "" : " and ") + to_string(plan_.graph->shape(v));
        return text + " of " + shapes;
    }

    static std::string text_of(const rewrite::Decision& decision) {
        return rewrite::fill(decision.text, [&](std::string_view name) {
            bool known = false;
            return rewrite::detail_text(decision.detail, name, known);
        });
    }

    // Rows of layers that only hold constants or name the ends are left out; steps without a layer of their own are added.
    StepReport assemble() {
        StepReport result;
        std::vector<std::size_t> place(rows_.size());
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            if (rank_of(rows_[i].type) < 0) continue;
            place[i] = result.report.layers.size();
            result.report.layers.push_back(rows_[i]);
        }
        for (std::size_t k = 0; k < steps_.size(); ++k) {
            if (steps_[k].is_part()) continue;
            const Step& step = *steps_[k].step;
            const bool owns = primary_[k] >= 0 && owner_[static_cast<std::size_t>(primary_[k])] == static_cast<int>(k);
            if (owns) {
                result.row_of_step.push_back(place[static_cast<std::size_t>(primary_[k])]);
                continue;
            }
            result.row_of_step.push_back(result.report.layers.size());
            const bool named = !step.nodes.empty();
            LayerReport row = fresh(named ? plan_.graph->node(step.nodes[0]).name : step.name,
                                    named ? std::string(plan_.graph->node(step.nodes[0]).op.name()) : "Reorder");
            row.added = primary_[k] >= 0 || !named;
            row.compute = row.compute && !row.added;
            fill(row, step);
            result.report.layers.push_back(std::move(row));
        }
        return result;
    }

    const Lowered& lowered_;
    const Plan& plan_;
    const std::vector<Layer>& layers_;
    std::vector<Known> steps_;
    std::vector<LayerReport> rows_;
    std::vector<int> owner_;    // step of each layer
    std::vector<int> primary_;  // layer of each step
};

}  // namespace

StepReport report_of(const Lowered& lowered, const Plan& plan, const Machine& machine) {
    StepReport result = Reporter(lowered, plan).run();
    Report& r = result.report;
    r.device = machine.name;
    r.steps = static_cast<std::size_t>(
        std::ranges::count_if(plan.steps, [](const Step& s) { return s.kernel != "view"; }));
    r.reorders = plan.reorders;
    r.arena_bytes = plan.arena_bytes;
    r.packed_bytes = plan.packed_bytes;
    r.code_bytes = plan.code_bytes;
    r.load = lowered.load;
    r.load.insert(r.load.end(), plan.load.begin(), plan.load.end());
    return result;
}

}  // namespace octet::cpu
