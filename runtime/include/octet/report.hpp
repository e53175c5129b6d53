#pragma once
/// What became of each layer of the file: one row per layer, the same rows for every command and report.
#include <cstdint>
#include <string>
#include <vector>

namespace octet {

/// How a layer takes part in an inference.
enum class LayerStatus : std::uint8_t {
    executed,       ///< a step of its own
    fused,          ///< computed inside the step of another layer
    optimized_out,  ///< folded into a constant, moved away, or nothing to do
    not_run         ///< not needed for any output
};

/// One layer of the file (or, where `added` is true, one step that no layer of the file stands for, such as a reorder).
struct LayerReport {
    std::string name;
    std::string type;  ///< the operator's name in the file: "Convolution"
    LayerStatus status = LayerStatus::not_run;
    std::string precision;  ///< what the step reads as data: "u8", "i8", "f32"; empty when nothing runs
    std::string output_precision;
    bool int8 =
        false;  ///< reads its data (and weights) as 8-bit integers and works on them as such or through one fused kernel
    std::string kernel;      ///< the kernel of the step: "jit_depthwise_avx512_vnni"
    std::string fused_into;  ///< the layer whose step computes this one
    std::string code;  ///< why it is not int8: a short name, such as NO_ACT_FQ; empty when there is nothing to explain
    std::string
        reason;  ///< the same as a sentence that names the layer that is the cause; of an int8 layer that can be computed in
                 ///< several ways, the one that was chosen
    std::string
        loss;  ///< what its values lose, which hint::low_precision_allow_lossy permits: "256 -> 102 levels, ..."
    std::string measured;  ///< the kernels that can compute it and what they took with TUNE, the one it has first
    bool compute =
        false;  ///< counts in shares of int8: a layer that computes, rather than moving data or holding constants
    bool added = false;
    double real_time_us = 0;  ///< mean time of the step; 0 when not measured or fused
    double cpu_time_us = 0;
    double operations = 0;  ///< of the step: a multiplication and an addition count two; 0 where it sums no products
    double bytes = 0;       ///< that the step reads and writes, weights included
};

/// A part of compiling a model and the time it took.
struct LoadPhase {
    std::string name;
    double ms = 0;
    bool beside = false;  ///< went on beside the others, in any thread: ms of all threads together, no part of the sum
};

/// All layers of a compiled model.
struct Report {
    std::vector<LayerReport> layers;
    std::string device;     ///< full name of the device
    std::size_t steps = 0;  ///< what an inference executes, reorders included
    std::size_t reorders = 0;
    std::size_t arena_bytes = 0;
    std::size_t packed_bytes = 0;  ///< weights in the form kernels read
    std::size_t code_bytes = 0;    ///< generated code
    std::string tuning;            ///< where measurements of kernels come from; empty where there are none
    std::vector<LoadPhase> load;   ///< what compiling consisted of, in order
};

}  // namespace octet
