#include "ir/ops/control.hpp"

#include <optional>

#include "ir/eval/copy.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

std::size_t place(std::int64_t index, std::size_t count, std::string_view what) {
    require(index >= 0 && index < static_cast<std::int64_t>(count), "a port map names {} {} of {}", what, index, count);
    return static_cast<std::size_t>(index);
}

// Parameters of a body, filled one by one.
using Slots = std::vector<std::optional<Tensor>>;

Tensors filled(const Slots& slots) {
    Tensors tensors;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        require(slots[i].has_value(), "parameter {} of the body gets no value", i);
        tensors.push_back(*slots[i]);
    }
    return tensors;
}

Tensors in_output_order(const std::vector<PortMap>& outputs, const std::vector<Tensor>& values) {
    Tensors result(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i)
        result[place(outputs[i].outer, result.size(), "output")] = values[i];
    return result;
}

bool is_true(const Tensor& t, std::string_view what) {
    require(t.size() == 1, "{} has {} elements, wanted 1", what, t.size());
    return t.at(0) != 0;
}

Tensors if_kernel(const If& op, std::span<const Tensor> in, State* state) {
    const bool yes = is_true(in[0], "the condition");
    const GraphPtr& body = yes ? op.then_body : op.else_body;
    const auto& outputs = yes ? op.then_outputs : op.else_outputs;
    require(body != nullptr, "a branch has no body");
    Slots slots(body->parameters().size());
    for (const PortMap& m : yes ? op.then_inputs : op.else_inputs)
        slots[place(m.inner, slots.size(), "parameter")] = in[place(m.outer, in.size(), "input")];
    const Tensors results = evaluate(*body, filled(slots), state);
    std::vector<Tensor> values;
    for (const PortMap& m : outputs) values.push_back(results[place(m.inner, results.size(), "result")]);
    return in_output_order(outputs, values);
}

// A body that runs again and again: Loop and TensorIterator.
class Iteration {
public:
    Iteration(const Graph& body, const std::vector<PortMap>& inputs, const std::vector<PortMap>& outputs,
              const std::vector<PortMap>& back_edges, std::span<const Tensor> in)
        : body_(body),
          inputs_(inputs),
          outputs_(outputs),
          back_edges_(back_edges),
          in_(in),
          slots_(body.parameters().size()),
          parts_(outputs.size()) {
        for (const PortMap& m : inputs_)
            if (m.axis < 0) slots_[place(m.inner, slots_.size(), "parameter")] = operand(m);
    }

    // As many as the sliced operands have slices; nothing when none is sliced.
    std::optional<std::int64_t> slices() const {
        std::optional<std::int64_t> count;
        for (const PortMap& m : inputs_) {
            if (m.axis < 0) continue;
            const std::int64_t here = slice_count(m, size_along(m));
            require(!count || *count == here, "operands are cut into {} and {} slices", count.value_or(0), here);
            count = here;
        }
        return count;
    }

    void set_parameter(std::int64_t index, Tensor value) {
        slots_[place(index, slots_.size(), "parameter")] = std::move(value);
    }
    const Type& parameter_type(std::int64_t index) const {
        return body_.type({body_.parameters()[place(index, slots_.size(), "parameter")], 0});
    }

    const Tensors& run(std::int64_t iteration, State* state) {
        for (const PortMap& m : inputs_)
            if (m.axis >= 0) slots_[place(m.inner, slots_.size(), "parameter")] = slice(m, iteration);
        results_ = evaluate(body_, filled(slots_), state);
        for (const PortMap& edge : back_edges_)
            slots_[place(edge.inner, slots_.size(), "parameter")] =
                results_[place(edge.outer, results_.size(), "result")];
        for (std::size_t i = 0; i < outputs_.size(); ++i)
            if (outputs_[i].axis >= 0)
                parts_[i].push_back(results_[place(outputs_[i].inner, results_.size(), "result")]);
        return results_;
    }

    // `types`: of the outputs, for what never came to be.
    Tensors outputs(const Types& types) {
        std::vector<Tensor> values;
        for (std::size_t i = 0; i < outputs_.size(); ++i) values.push_back(output(i, types));
        return in_output_order(outputs_, values);
    }

private:
    const Tensor& operand(const PortMap& m) const { return in_[place(m.outer, in_.size(), "input")]; }
    std::int64_t size_along(const PortMap& m) const {
        return operand(m).dims()[normalise_axis(m.axis, operand(m).dims().size())];
    }

    Tensor slice(const PortMap& m, std::int64_t iteration) const {
        const Tensor& whole = operand(m);
        const std::size_t axis = normalise_axis(m.axis, whole.dims().size());
        const std::int64_t start = m.start < 0 ? m.start + whole.dims()[axis] : m.start;
        Dims first(whole.dims().size(), 0), dims = whole.dims();
        first[axis] = start + iteration * m.stride - (m.stride < 0 ? m.part_size - 1 : 0);
        dims[axis] = m.part_size;
        require(first[axis] >= 0 && first[axis] + m.part_size <= whole.dims()[axis], "slice {} begins at {} of {}",
                iteration, first[axis], whole.dims()[axis]);
        return boxed(whole, first, std::move(dims));
    }

    Tensor output(std::size_t i, const Types& types) {
        const PortMap& m = outputs_[i];
        if (m.axis >= 0 && !parts_[i].empty()) {
            if (m.stride < 0) std::ranges::reverse(parts_[i]);
            return concat(parts_[i], normalise_axis(m.axis, parts_[i][0].dims().size()));
        }
        if (m.axis < 0 && !results_.empty()) return results_[place(m.inner, results_.size(), "result")];
        // The body never ran: a value that goes round is still the first one, a joined one is empty.
        for (const PortMap& edge : back_edges_)
            if (m.axis < 0 && edge.outer == m.inner && slots_[static_cast<std::size_t>(edge.inner)])
                return *slots_[static_cast<std::size_t>(edge.inner)];
        require(m.axis >= 0, "output {} has no value, the body never ran", m.outer);
        const Type& type = types[static_cast<std::size_t>(m.outer)];
        Dims dims;
        for (const Dim d : type.shape.dims()) dims.push_back(d.low);
        if (!dims.empty()) dims[normalise_axis(m.axis, dims.size())] = 0;
        return Tensor(type.element, dims);
    }

    const Graph& body_;
    const std::vector<PortMap>&inputs_, &outputs_, &back_edges_;
    std::span<const Tensor> in_;
    Slots slots_;
    std::vector<Tensors> parts_;
    Tensors results_;
};

Tensor iteration_number(const Type& wanted, std::int64_t number) {
    return Tensor::of<std::int64_t>(wanted.shape.ranked() && wanted.shape.rank() == 0 ? Dims{} : Dims{1}, {&number, 1})
        .converted(wanted.element);
}

Tensors loop(const Loop& op, std::span<const Tensor> in, State* state) {
    const Types types = result_types(op, in);
    Iteration iteration(*op.body, op.inputs, op.outputs, op.back_edges, in);
    const auto slices = iteration.slices();
    const std::int64_t given = in[0].integer_at(0);
    const std::int64_t trips = given < 0 ? slices.value_or(-1) : given;
    bool goes_on = is_true(in[1], "the condition");
    for (std::int64_t i = 0; goes_on && (trips < 0 || i < trips); ++i) {
        require(!slices || i < *slices, "iteration {} of {} slices", i, slices.value_or(0));
        if (op.current_iteration >= 0)
            iteration.set_parameter(op.current_iteration,
                                    iteration_number(iteration.parameter_type(op.current_iteration), i));
        const Tensors& results = iteration.run(i, state);
        if (op.execution_condition >= 0)
            goes_on = is_true(results[place(op.execution_condition, results.size(), "result")], "the condition");
    }
    return iteration.outputs(types);
}

Tensors tensor_iterator(const TensorIterator& op, std::span<const Tensor> in, State* state) {
    const Types types = result_types(op, in);
    Iteration iteration(*op.body, op.inputs, op.outputs, op.back_edges, in);
    const auto slices = iteration.slices();
    require(slices.has_value(), "no operand is cut into slices");
    for (std::int64_t i = 0; i < *slices; ++i) iteration.run(i, state);
    return iteration.outputs(types);
}

Tensors read_value(const ReadValue& op, std::span<const Tensor> in, State* state) {
    if (state)
        if (const auto it = state->find(op.variable); it != state->end()) return {it->second};
    if (!in.empty()) return {in[0]};
    Dims dims;
    for (const Dim d : op.shape.dims()) dims.push_back(d.low);
    return {Tensor(op.element, dims)};
}

Tensors assign(const Assign& op, std::span<const Tensor> in, State* state) {
    if (state) (*state)[op.variable] = in[0];
    return {in[0]};
}

constexpr Kernel kTable[] = {
    kernel<If, if_kernel>(),         kernel<Loop, loop>(),     kernel<TensorIterator, tensor_iterator>(),
    kernel<ReadValue, read_value>(), kernel<Assign, assign>(),
};

}  // namespace

const std::span<const Kernel> kControlKernels{kTable};

}  // namespace octet::ir::eval
