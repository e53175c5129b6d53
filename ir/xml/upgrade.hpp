#pragma once
// The table from the operators of the file to the ops of the IR. A row holds from its operator set on until the next row of the same
// type; what no row covers is read as Opaque. Fields are attributes of the same name unless the row renames them; a function does what
// goes beyond fields: operands that were attributes, attributes that became operands, bodies. Rows stand in ops/<family>.cpp.
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/edit.hpp"
#include "ir/xml/attributes.hpp"

namespace octet::ir::xml {

// A body of If, Loop or TensorIterator; its layers' ids in the file as places among its parameters and results.
struct Body {
    GraphPtr graph;
    std::unordered_map<std::int64_t, std::int64_t> parameters, results;
};

// One layer of a file that is read.
class LayerIn {
public:
    LayerIn(Edit& to, std::vector<Value> from, Types declares)
        : edit(to), inputs(std::move(from)), declared(std::move(declares)) {}
    LayerIn(const LayerIn&) = delete;
    LayerIn& operator=(const LayerIn&) = delete;
    virtual ~LayerIn() = default;

    Edit& edit;
    std::vector<Value> inputs;  // operands of the node to be made; a row's function may change them
    Types declared;             // what the file says of the outputs

    virtual const char* attribute(const char* name) const = 0;  // null when absent
    virtual Body body(const char* element) = 0;
    // Numbers of the outer ports: as they stand in the file, or (If) counted from 0 over inputs and over outputs.
    virtual std::vector<PortMap> inputs_of(const char* element, const Body& body, bool counted) = 0;
    virtual std::vector<PortMap> outputs_of(const char* element, const Body& body, bool counted) = 0;
    virtual std::vector<PortMap> back_edges(const Body& body) = 0;

    std::string_view text(const char* name, std::string_view otherwise = "") const {
        const char* found = attribute(name);
        return found ? found : otherwise;
    }
    const Type& type(std::size_t input) const {
        require(input < inputs.size(), "got {} inputs, wanted at least {}", inputs.size(), input + 1);
        return edit.type(inputs[input]);
    }
    Value integers(const std::vector<std::int64_t>& values) { return edit.constant(Tensor::vector(values)); }
};

// One layer of a file that is written.
class LayerOut {
public:
    LayerOut() = default;
    LayerOut(const LayerOut&) = delete;
    LayerOut& operator=(const LayerOut&) = delete;
    virtual ~LayerOut() = default;

    virtual void attribute(const char* name, std::string_view value) = 0;
    virtual void body(const char* element, const Graph& graph) = 0;
    virtual void inputs_of(const char* element, const Graph& body, std::span<const PortMap> ports) = 0;
    virtual void outputs_of(const char* element, const Graph& body, std::span<const PortMap> ports, bool counted) = 0;
    virtual void back_edges(const Graph& body, std::span<const PortMap> edges) = 0;
};

// Where the file keeps a field. nowhere: only its default can be written. elsewhere: the row's functions carry it.
enum class Place : std::uint8_t { optional, required, nowhere, elsewhere };
struct Name {
    std::string_view field;
    std::string_view attribute;
    Place place = Place::optional;
};
constexpr Name needed(std::string_view field, std::string_view attribute = {}) {
    return {field, attribute.empty() ? field : attribute, Place::required};
}
constexpr Name nowhere(std::string_view field) { return {field, {}, Place::nowhere}; }
constexpr Name elsewhere(std::string_view field) { return {field, {}, Place::elsewhere}; }

// The fields whose place is not an optional attribute of the same name.
struct Names {
    std::array<Name, 8> all = {};
    constexpr Names(std::initializer_list<Name> names = {}) {
        std::size_t i = 0;
        for (const Name& name : names) all[i++] = name;
    }
};

struct Row {
    std::string_view type;
    int since = 1;
    bool written = false;  // the form that is written; exactly one row of every op
    const OpDef* op = nullptr;
    Names names = {};
    bool (*read)(LayerIn& layer, void* op) = nullptr;  // after the fields; false: Opaque
    void (*write)(const void* op, LayerOut& layer) = nullptr;
};
inline constexpr int kLastOpset = 16;

template <OpStruct T, bool (*Read)(LayerIn&, T&)>
bool read_as(LayerIn& layer, void* op) {
    return Read(layer, *static_cast<T*>(op));
}
template <OpStruct T, void (*Write)(const T&, LayerOut&)>
void write_as(const void* op, LayerOut& layer) {
    Write(*static_cast<const T*>(op), layer);
}

// A form that is read and written.
template <OpStruct T, bool (*Read)(LayerIn&, T&) = nullptr, void (*Write)(const T&, LayerOut&) = nullptr>
constexpr Row row(std::string_view type, int since, const Names& names = {}) {
    Row r{.type = type, .since = since, .written = true, .op = &kOp<T>, .names = names};
    if constexpr (Read != nullptr) r.read = &read_as<T, Read>;
    if constexpr (Write != nullptr) r.write = &write_as<T, Write>;
    return r;
}
// A form that is only read.
template <OpStruct T, bool (*Read)(LayerIn&, T&) = nullptr>
constexpr Row older(std::string_view type, int since, const Names& names = {}) {
    Row r = row<T, Read>(type, since, names);
    r.written = false;
    return r;
}

// Null: there is none, the layer is Opaque.
const Row* row_to_read(std::string_view type, int opset);
const Row* row_to_write(const OpDef& op);
// How a row keeps a field: as its list says, else as an attribute of the field's name.
Name name_of_field(const Row& row, std::string_view field);

namespace rows {
std::span<const Row> activation();
std::span<const Row> attention();
std::span<const Row> binary();
std::span<const Row> control();
std::span<const Row> convolution();
std::span<const Row> detection();
std::span<const Row> movement();
std::span<const Row> normalization();
std::span<const Row> recurrent();
std::span<const Row> reduction();
}  // namespace rows

}  // namespace octet::ir::xml
