#include "transformations/low_precision/normalization.hpp"

#include "ir/ops/all.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::low_precision {

using namespace ir;
using namespace rewrite;

namespace {

Dequantization data_of(const Match& m) { return dequantization_of(m.get<Dequantize>("dq")); }

// normalize(dequantize(q)) -> normalize(dequantize(q) without scale), or the negative of that: kernels read the codes as they are
template <OpStruct T>
Rule normalize_codes(const char* name) {
    const auto refused = [](Code code) {
        return [code](const Match& m) { return normalizes_codes(m.graph(), m.node("op"), data_of(m)).code == code; };
    };
    Rule rule(name);
    rule.match(op<T>("op", op<Dequantize>("dq", rewrite::element({Element::u8, Element::i8}, any("x"))), any("axes")))
        .decline(Code::not_profitable, "the data of '{op}' are codes already",
                 [](const Match& m) { return left_by(m.op("op"), data_of(m)) == data_of(m); });
    if (std::is_same_v<T, Mvn>)
        rule.decline(Code::attribute_unsupported, "'{op}' keeps the scale of its data",
                     [](const Match& m) { return !is_normalization(m.op("op")); });
    return rule
        .decline(Code::act_scale_per_channel, "the scale of the data of '{op}' varies",
                 refused(Code::act_scale_per_channel))
        .decline(Code::zp_with_mvn, "the zero point of the data of '{op}' varies within its sums",
                 refused(Code::zp_with_mvn))
        .rewrite([](Edit& e, const Match& m) {
            const Value codes = e.add(op_of(left_by(m.op("op"), data_of(m))), {m.value("x")});
            const Value values = e.add(on_codes(m.op("op"), data_of(m)), {codes, m.value("axes")});
            return data_of(m).scale.at(0) < 0 ? e.add(Negative{}, {values}) : values;
        });
}

}  // namespace

std::vector<Rule> normalization_rules() {
    return {normalize_codes<Mvn>("normalize-codes-by-mvn"), normalize_codes<NormalizeL2>("normalize-codes-by-l2")};
}

}  // namespace octet::low_precision
