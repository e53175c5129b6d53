#include "ir/ops/core.hpp"

#include "ir/support/check.hpp"

namespace octet::ir {

Types infer(const Parameter& op, Inputs) { return {{op.element, op.shape}}; }
Types infer(const Constant& op, Inputs) { return {op.value.type()}; }

Partials partial(const Constant& op, Inputs, const Types&) {
    const Tensor& t = op.value;
    if (!is_integer(t.element()) || t.dims().size() > 1 || t.size() > static_cast<std::size_t>(kPartialLimit))
        return {};
    auto values = std::make_shared<std::vector<Dim>>();
    for (std::size_t i = 0; i < t.size(); ++i) values->emplace_back(t.integer_at(i));
    return {std::move(values)};
}

Types infer(const Result&, Inputs inputs) {
    require(inputs.size() == 1, "got {} inputs, wanted 1", inputs.size());
    return {*inputs[0].type};
}

Types infer(const Opaque& op, Inputs) { return op.outputs; }

}  // namespace octet::ir
