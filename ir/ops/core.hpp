#pragma once
// The ends of a graph, constants, and ops of a file that are not known.
#include "ir/op.hpp"

namespace octet::ir {

// An input of the model.
struct Parameter {
    static constexpr std::string_view name = "parameter";
    Element element = Element::f32;
    Shape shape;
    std::vector<std::string> tensor_names;
    static constexpr auto fields() {
        return std::array{field<&Parameter::element>("element"), field<&Parameter::shape>("shape"),
                          field<&Parameter::tensor_names>("tensor_names")};
    }
};
Types infer(const Parameter& op, Inputs inputs);

struct Constant {
    static constexpr std::string_view name = "constant";
    Tensor value;
    static constexpr auto fields() { return std::array{field<&Constant::value>("value")}; }
};
Types infer(const Constant& op, Inputs inputs);
Partials partial(const Constant& op, Inputs inputs, const Types& outputs);

// An output of the model. layer, port: the layer of the file (and its output index) that makes the value. A tap is a result that
// the caller asked for in addition: it is no use for patterns and plans.
struct Result {
    static constexpr std::string_view name = "result";
    std::vector<std::string> tensor_names;
    std::string layer;
    std::int64_t port = 0;
    bool tap = false;
    static constexpr auto fields() {
        return std::array{field<&Result::tensor_names>("tensor_names"), field<&Result::layer>("layer"),
                          field<&Result::port>("port"), field<&Result::tap>("tap")};
    }
};
Types infer(const Result& op, Inputs inputs);

// A layer of the file that is not known: kept with its attributes and the types the file declares. No device runs it.
struct Opaque {
    static constexpr std::string_view name = "opaque";
    std::string type;
    std::string version;
    Attributes attributes;
    Types outputs;
    static constexpr auto fields() {
        return std::array{field<&Opaque::type>("type"), field<&Opaque::version>("version"),
                          field<&Opaque::attributes>("attributes"), field<&Opaque::outputs>("outputs")};
    }
};
Types infer(const Opaque& op, Inputs inputs);

}  // namespace octet::ir
