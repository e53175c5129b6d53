#pragma once
// Makers of steps for ops that are a group alone. Each returns false where it has no kernel; nothing is planned then.
#include <string>
#include <vector>

#include "plugins/cpu/kernels/portable/copy.hpp"
#include "plugins/cpu/planner.hpp"

namespace octet::cpu {

// movement.cpp
bool plan_reshape(Planner& p, const Group& group);
bool plan_transpose(Planner& p, const Group& group);
bool plan_concat(Planner& p, const Group& group);
bool plan_split(Planner& p, const Group& group);
bool plan_slice(Planner& p, const Group& group);
bool plan_strided_slice(Planner& p, const Group& group);
bool plan_gather(Planner& p, const Group& group);

// rearranging.cpp
bool plan_pad(Planner& p, const Group& group);
bool plan_tile(Planner& p, const Group& group);
bool plan_broadcast(Planner& p, const Group& group);
bool plan_depth_to_space(Planner& p, const Group& group);
bool plan_space_to_depth(Planner& p, const Group& group);
bool plan_shuffle_channels(Planner& p, const Group& group);

// axis.cpp
bool plan_softmax(Planner& p, const Group& group);
bool plan_mvn(Planner& p, const Group& group);
bool plan_normalize_l2(Planner& p, const Group& group);
bool plan_lrn(Planner& p, const Group& group);
bool plan_reduce(Planner& p, const Group& group);

// recurrent.cpp
bool plan_recurrence(Planner& p, const Group& group);

// resample.cpp
bool plan_interpolate(Planner& p, const Group& group);
// Padding with elements of the data.
bool plan_edge_pad(Planner& p, const Group& group);

// gate.cpp
// Codes times a value for each channel; false, before anything is planned, for other elementwise groups.
bool plan_gate(Planner& p, const Group& group, const Program& program);

inline ir::Dims dims_of(const Planner& p, ir::Value v) { return p.graph().shape(v).sizes(); }
inline std::size_t bytes_each(const Planner& p, ir::Value v) { return bits_of(p.graph().element(v)) / 8; }
inline bool whole_bytes(const Planner& p, ir::Value v) { return bits_of(p.graph().element(v)) % 8 == 0; }

// Copies that read and write different elements: run together, in one parallel region.
struct Copies {
    struct Part {
        portable::StridedCopy copy;
        BufferId source = 0;
        BufferId target = 0;
    };
    std::vector<Part> parts = {};

    // A copy of no elements is left out.
    void add(portable::StridedCopy copy, BufferId source, BufferId target);
    void run(const Frame& f) const;
    // Notes what is read and written.
    void note(Step& step) const;
};
// The step is the copies alone, of bf16 where the values are stored so.
void add_copies(Planner& p, const Group& group, std::string kernel, Copies copies, bool bfloat = false);

}  // namespace octet::cpu
