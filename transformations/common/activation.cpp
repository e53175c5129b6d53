#include <cmath>

#include "ir/ops/all.hpp"
#include "transformations/common/canonical.hpp"

namespace octet::common {

using namespace ir;
using namespace rewrite;

namespace {

bool is_not(const Match& m, const char* name, double value) {
    const Tensor& t = m.constant(name);
    return t.size() != 1 || std::abs(t.at(0) - value) > 1e-6;
}

// x * sigmoid(x) -> swish(x)
Rule swish() {
    return Rule("fuse-swish")
        .match(op<Multiply>("multiply", any("x"), op<Sigmoid>("sigmoid", any("x"))))
        .rewrite([](Edit& e, const Match& m) { return e.add(Swish{}, {m.value("x")}); });
}

Pattern clamp_of_x_plus_3() { return op<Clamp>("clamp", op<Add>("add", any("x"), constant("three"))); }

bool not_from_0_to_6(const Match& m) { return m.get<Clamp>("clamp").low != 0 || m.get<Clamp>("clamp").high != 6; }

bool enlarged(const Match& m) {
    const Shape& x = m.shape("x");
    const Shape& result = m.graph().shape({m.root(), 0});
    return !x.ranked() || x.rank() != result.rank();
}

// x * clamp(x + 3, 0, 6) / 6 -> hswish(x)
Rule hswish_by_division() {
    return Rule("fuse-hswish-by-division")
        .match(op<Divide>("divide", op<Multiply>("multiply", any("x"), clamp_of_x_plus_3()), constant("six")))
        .decline(Code::value_unsupported, "'{add}' does not add 3",
                 [](const Match& m) { return is_not(m, "three", 3); })
        .decline(Code::value_unsupported, "'{divide}' does not divide by 6",
                 [](const Match& m) { return is_not(m, "six", 6); })
        .decline(Code::attribute_unsupported, "'{clamp}' does not clamp to 0..6", not_from_0_to_6)
        .decline(Code::shape_unsupported, "a constant of '{multiply}' has more axes than its data", enlarged)
        .rewrite([](Edit& e, const Match& m) { return e.add(HSwish{}, {m.value("x")}); });
}

// x * clamp(x + 3, 0, 6) * (1 / 6) -> hswish(x)
Rule hswish_by_factor() {
    return Rule("fuse-hswish-by-factor")
        .match(op<Multiply>("factor", op<Multiply>("multiply", any("x"), clamp_of_x_plus_3()), constant("sixth")))
        .decline(Code::value_unsupported, "'{add}' does not add 3",
                 [](const Match& m) { return is_not(m, "three", 3); })
        .decline(Code::value_unsupported, "'{factor}' does not multiply by a sixth",
                 [](const Match& m) { return is_not(m, "sixth", 1.0 / 6); })
        .decline(Code::attribute_unsupported, "'{clamp}' does not clamp to 0..6", not_from_0_to_6)
        .decline(Code::shape_unsupported, "a constant of '{multiply}' has more axes than its data", enlarged)
        .rewrite([](Edit& e, const Match& m) { return e.add(HSwish{}, {m.value("x")}); });
}

// x ^ 2 -> x * x
Rule square() {
    return Rule("multiply-squares")
        .match(op<Power>("power", any("x"), constant("exponent")))
        .decline(Code::value_unsupported, "'{power}' has another exponent than 2",
                 [](const Match& m) { return is_not(m, "exponent", 2); })
        .decline(Code::shape_unsupported, "the exponent of '{power}' has more axes than its data", enlarged)
        .rewrite([](Edit& e, const Match& m) {
            return e.add(Multiply{}, {m.value("x"), m.value("x")});
        });
}

}  // namespace

std::vector<Rule> activation_rules() { return {swish(), hswish_by_division(), hswish_by_factor(), square()}; }

}  // namespace octet::common
