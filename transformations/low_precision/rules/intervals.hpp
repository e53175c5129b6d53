#pragma once
// The intervals of a FakeQuantize as rules see them.
#include <algorithm>
#include <array>

#include "ir/ops/quantization.hpp"
#include "transformations/rewrite/rule.hpp"

namespace octet::low_precision {

// fake_quantize(data) called "fq" with constant ends "il", "ih", "ol", "oh".
inline rewrite::Pattern fake_quantize_of(rewrite::Pattern data) {
    using rewrite::constant;
    return rewrite::op<ir::FakeQuantize>("fq", std::move(data), constant("il"), constant("ih"), constant("ol"),
                                         constant("oh"));
}

inline constexpr std::array<const char*, 4> kEnds{"il", "ih", "ol", "oh"};

struct Interval {
    double il, ih, ol, oh;
};

// Whether f holds for the four ends wherever they stand together; false also where they do not broadcast to one shape.
template <class F>
bool all_intervals(const rewrite::Match& m, F f) {
    std::size_t count = 1;
    for (const char* name : kEnds) count = std::max(count, m.constant(name).size());
    for (std::size_t i = 0; i < count; ++i) {
        std::array<double, 4> ends{};
        for (std::size_t e = 0; e < 4; ++e) {
            const ir::Tensor& t = m.constant(kEnds[e]);
            if (t.size() != 1 && t.size() != count) return false;
            ends[e] = t.at(t.size() == 1 ? 0 : i);
        }
        if (!f(Interval{ends[0], ends[1], ends[2], ends[3]})) return false;
    }
    return true;
}

// A larger x gives no smaller result.
inline bool keeps_order(const Interval& i) { return i.il < i.ih && i.ol <= i.oh; }

}  // namespace octet::low_precision
