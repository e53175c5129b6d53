#include <algorithm>
#include <cmath>

#include "ir/text.hpp"

namespace octet::ir {
namespace {

bool plain(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '/' || c == '-';
    });
}

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n') result += "\\n";
        else result += c;
    }
    return result + "\"";
}

std::string name_text(std::string_view name) { return plain(name) ? std::string(name) : quoted(name); }

template <class F>
std::string number(F value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    return fmt::format("{}", value);
}

std::string element_text(const Tensor& t, std::size_t i) {
    switch (t.element()) {
        case Element::f64: return number(t.at(i));
        case Element::f32:
        case Element::f16:
        case Element::bf16: return number(static_cast<float>(t.at(i)));
        case Element::u64: return fmt::format("{}", static_cast<std::uint64_t>(t.as<std::uint64_t>()[i]));
        default: return fmt::format("{}", t.integer_at(i));
    }
}

struct FieldText {
    const PrintOptions& options;
    template <class T, class F>
    static std::string list(const std::vector<T>& values, F text) {
        std::string result = "[";
        for (std::size_t i = 0; i < values.size(); ++i) result += (i ? "," : "") + text(values[i]);
        return result + "]";
    }
    std::string operator()(bool* v) const { return *v ? "true" : "false"; }
    std::string operator()(std::int64_t* v) const { return fmt::format("{}", *v); }
    std::string operator()(double* v) const { return number(*v); }
    std::string operator()(std::string* v) const { return quoted(*v); }
    std::string operator()(Element* v) const { return std::string(name_of(*v)); }
    std::string operator()(EnumRef v) const { return std::string(v.names[*v.value]); }
    std::string operator()(std::vector<std::int64_t>* v) const {
        return list(*v, [](std::int64_t x) { return fmt::format("{}", x); });
    }
    std::string operator()(std::vector<double>* v) const {
        return list(*v, [](double x) { return number(x); });
    }
    std::string operator()(std::vector<std::string>* v) const {
        return list(*v, [](const std::string& s) { return quoted(s); });
    }
    std::string operator()(Shape* v) const { return to_string(*v); }
    std::string operator()(Types* v) const {
        return list(*v, [](const Type& t) { return to_string(t); });
    }
    std::string operator()(Tensor* v) const {
        std::string text = to_string(v->type());
        if (v->size() > options.elide_above) return text + fmt::format("#{:016x}", v->hash());
        text += '{';
        for (std::size_t i = 0; i < v->size(); ++i) {
            if (i) text += ", ";
            text += element_text(v->aligned(), i);
        }
        return text + "}";
    }
    std::string operator()(GraphPtr* v) const { return *v ? "{\n" + print(**v, options) + "}" : "{}"; }
    std::string operator()(std::vector<PortMap>* v) const {
        return list(*v, [](const PortMap& m) {
            return fmt::format("({},{},{},{},{},{},{},{})", m.outer, m.inner, m.axis, m.start, m.end, m.stride,
                               m.part_size, quoted(m.purpose));
        });
    }
    std::string operator()(Attributes* v) const {
        std::string text = "{";
        for (const auto& [key, value] : *v) text += (text.size() > 1 ? ", " : "") + quoted(key) + "=" + quoted(value);
        return text + "}";
    }
};

}  // namespace

std::string print_fields(const Op& op, const PrintOptions& options) {
    std::string text;
    const auto fresh = op.def().make();
    for (const FieldDef& f : op.def().fields) {
        const OpDef one{op.name(), op.id(), {}, std::span(&f, 1), nullptr, nullptr, nullptr, nullptr};
        if (equal_fields(one, op.data(), fresh.get())) continue;
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", f.name,
                            std::visit(FieldText{options}, f.at(const_cast<void*>(op.data()))));
    }
    return text;
}

std::string print(const Graph& graph, NodeId id, const PrintOptions& options) {
    const Node& node = graph.node(id);
    std::string text = name_text(node.name) + " : ";
    for (std::size_t i = 0; i < node.outputs.size(); ++i) text += (i ? ", " : "") + to_string(node.outputs[i].type);
    text += fmt::format(" = {}(", node.op.name());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const Value v = node.inputs[i];
        text += (i ? ", " : "") + name_text(graph.node(v).name);
        if (v.port) text += fmt::format(":{}", v.port);
    }
    text += ")";
    if (const std::string fields = print_fields(node.op, options); !fields.empty()) text += " " + fields;
    if (options.origins && !node.origins.empty()) {
        text += "  #";
        for (auto layer : node.origins) text += " " + name_text(graph.layers()[layer].name);
    }
    return text;
}

std::string print(const Graph& graph, const PrintOptions& options) {
    std::string text;
    for (NodeId id : graph.order()) text += print(graph, id, options) + "\n";
    return text;
}

}  // namespace octet::ir
