#pragma once
// Which kernel a layer gets where several can compute it, as it was measured.
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/cpu/partition.hpp"
#include "plugins/cpu/slices.hpp"

namespace octet::cpu {

// A kernel that takes a layer: its name among the candidates, the name of its step, and what the layer takes with it.
struct CandidateTime {
    std::string candidate;
    std::string kernel;
    double us = 0;
    friend bool operator==(const CandidateTime&, const CandidateTime&) = default;
};

struct MeasuredLayer {
    std::string usual = {};   // the candidate it has without measurements; empty where it has no step of its own
    std::string choice = {};  // the one it gets
    std::vector<CandidateTime> times = {};
    friend bool operator==(const MeasuredLayer&, const MeasuredLayer&) = default;
};
using MeasuredLayers = std::map<std::string, MeasuredLayer, std::less<>>;  // by layer_text

// What the speed of a layer's kernels depends on, in one line: operation, types, window, what is applied to the result.
std::string layer_text(const ir::Graph& graph, const Group& group, const std::map<ir::Value, ConcatPart>& slices);

// The texts of all layers that may have several candidates.
std::vector<std::string> layers_with_candidates(const ir::Graph& graph);

// Whether a candidate is tried after those of which this is not said. `comparable`: whether its time is all that it costs.
using Postpone = std::function<bool(const std::string& layer, std::string_view candidate, bool comparable)>;

// All but the choice, where it is not the usual one. Refers to `layers`.
Postpone postpone_others(const MeasuredLayers& layers);

// The choices among these layers that are not the usual ones, as a text.
std::string unusual_choices(const MeasuredLayers& layers, const std::vector<std::string>& among);

// "jit_rows_avx512_vnni 0.350 ms, onednn_brgconv 0.410 ms", the choice first; empty where there was nothing to choose.
std::string times_text(const MeasuredLayer& layer);

}  // namespace octet::cpu
