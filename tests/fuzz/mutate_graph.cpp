#include "tests/fuzz/mutate_graph.hpp"

#include <array>
#include <cmath>
#include <map>
#include <random>

#include "ir/edit.hpp"

namespace octet::ir {
namespace {

constexpr std::array<std::int64_t, 24> kNumbers{0,         0,         1,         2,         3,
                                                4,         5,         7,         8,         16,
                                                -1,        -1,        -2,        -3,        33,
                                                100,       1000,      1 << 16,   1ll << 31, (1ll << 31) - 1,
                                                1ll << 40, 1ll << 62, INT64_MAX, INT64_MIN};
constexpr std::array<double, 10> kReals{0, 1, -1, 0.5, 1e-30, 1e30, 1e300, HUGE_VAL, -HUGE_VAL, NAN};
constexpr std::array<Element, 7> kElements{Element::f32, Element::f16, Element::i64,    Element::i32,
                                           Element::u8,  Element::i8,  Element::boolean};

class Mutation {
public:
    explicit Mutation(std::uint64_t seed) : random_(seed) {}

    Graph of(const Graph& graph) {
        const auto order = graph.order();
        std::map<NodeId, Op> changed;
        for (std::size_t n = 1 + pick(3); n > 0; --n) {
            const NodeId id = order[pick(order.size())];
            const auto it = changed.find(id);
            changed.insert_or_assign(id, change(it == changed.end() ? graph.node(id).op : it->second));
        }
        return rebuilt(graph, changed);
    }

private:
    std::size_t pick(std::size_t below) { return below ? random_() % below : 0; }
    std::int64_t number() { return kNumbers[pick(kNumbers.size())]; }

    static Graph rebuilt(const Graph& graph, const std::map<NodeId, Op>& changed) {
        Graph result;
        Edit edit(result);
        std::map<Value, Value> values;
        for (const NodeId id : graph.order()) {
            const Node& node = graph.node(id);
            std::vector<Value> inputs;
            for (const Value v : node.inputs) inputs.push_back(values.at(v));
            const auto it = changed.find(id);
            const Value made = edit.add(it == changed.end() ? node.op : it->second, inputs, node.name);
            // A split may have fewer parts than it had; what read them reads the first.
            const auto outputs = static_cast<std::uint32_t>(result.node(made).outputs.size());
            for (std::uint32_t port = 0; port < node.outputs.size(); ++port)
                values[{id, port}] = {made.node, port < outputs ? port : 0};
        }
        return result;
    }

    Op change(const Op& op) {
        if (op.def().fields.empty()) return op;
        const auto copy = op.def().clone(op.data());
        const FieldDef& field = op.def().fields[pick(op.def().fields.size())];
        auto ref = field.at(copy.get());
        std::visit([&](auto target) { change(target); }, ref);
        return Op(&op.def(), copy);
    }
    void change(bool* v) { *v = !*v; }
    void change(std::int64_t* v) { *v = number(); }
    void change(double* v) { *v = kReals[pick(kReals.size())]; }
    void change(std::string* v) { v->assign(pick(4), 'x'); }
    void change(Element* v) { *v = kElements[pick(kElements.size())]; }
    void change(EnumRef v) { *v.value = static_cast<std::uint8_t>(pick(v.names.size())); }
    void change(std::vector<std::int64_t>* v) {
        const std::size_t what = pick(6);
        if (what == 0) v->push_back(number());
        else if (what == 1 && !v->empty()) v->pop_back();
        else if (what == 2) v->clear();
        else if (!v->empty()) (*v)[pick(v->size())] = number();
    }
    void change(std::vector<double>* v) {
        if (v->empty() || pick(5) == 0) v->push_back(kReals[pick(kReals.size())]);
        else (*v)[pick(v->size())] = kReals[pick(kReals.size())];
    }
    void change(std::vector<std::string>*) {}
    void change(Shape* v) {
        std::vector<Dim> dims = v->dims();
        const std::size_t what = pick(8);
        if (what == 0) dims.push_back(Dim(2));
        else if (what == 1 && !dims.empty()) dims.pop_back();
        else if (!dims.empty()) dims[pick(dims.size())] = what == 2 ? Dim() : Dim(std::max<std::int64_t>(number(), 0));
        *v = what == 3 ? Shape::unranked() : Shape(dims);
    }
    void change(Tensor* v) {
        if (v->size() == 0 || bits_of(v->element()) < 8) return;
        const std::size_t at = pick(v->size());
        if (is_float(v->element())) {
            std::vector<float> numbers = v->floats();
            numbers[at] = static_cast<float>(kReals[pick(kReals.size())]);
            *v = Tensor::of<float>(v->dims(), std::span<const float>(numbers)).converted(v->element());
        } else if (v->element() == Element::i64 && v->dims().size() <= 1) {
            std::vector<std::int64_t> numbers = v->integers();
            numbers[at] = number();
            if (v->dims().size() == 1 && pick(6) == 0) numbers.resize(numbers.size() - 1);
            *v = v->dims().empty() ? Tensor::scalar(numbers[0]) : Tensor::vector(numbers);
        }
    }
    void change(GraphPtr* v) {
        if (*v) *v = std::make_shared<const Graph>(Mutation(random_()).of(**v));
    }
    void change(std::vector<PortMap>* v) {
        if (v->empty()) return;
        PortMap& m = (*v)[pick(v->size())];
        const std::array<std::int64_t*, 7> places{&m.outer, &m.inner,  &m.axis,     &m.start,
                                                  &m.end,   &m.stride, &m.part_size};
        *places[pick(places.size())] = number();
    }
    void change(Attributes*) {}
    void change(Types*) {}

    std::mt19937_64 random_;
};

}  // namespace

Graph mutated(const Graph& graph, std::uint64_t seed) { return Mutation(seed).of(graph); }

}  // namespace octet::ir
