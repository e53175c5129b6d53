#pragma once
/// A model as it was read: what goes in, what comes out.
#include <cstddef>
#include <map>
#include <memory>
#include <octet/element_type.hpp>
#include <octet/partial_shape.hpp>
#include <string>
#include <unordered_set>
#include <vector>

namespace octet {

namespace runtime {
struct ModelAccess;
}

/// An input or output of a model: a value, not tied to the life of the model.
class Port {
public:
    Port(bool is_input, std::size_t index, std::vector<std::string> names, std::string node_name, ElementType type,
         PartialShape shape)
        : is_input_(is_input),
          index_(index),
          names_(std::move(names)),
          node_name_(std::move(node_name)),
          type_(type),
          shape_(std::move(shape)) {}
    bool is_input() const { return is_input_; }
    std::size_t get_index() const { return index_; }  ///< place among the model's inputs (or outputs)
    /// Names of the tensor; any of them finds the port. A port without names is found by its layer's.
    std::unordered_set<std::string> get_names() const { return {names_.begin(), names_.end()}; }
    const std::string& get_any_name() const;  ///< the first name; throws Error when there is none
    const std::string& get_node_name() const { return node_name_; }  ///< the layer that takes or makes it
    ElementType get_element_type() const { return type_; }
    const PartialShape& get_partial_shape() const { return shape_; }
    Shape get_shape() const { return shape_.to_shape(); }  ///< throws Error when dynamic
    /// Whether this is one of the port's names (the layer's name when it has none).
    bool is_named(std::string_view name) const;

private:
    bool is_input_;
    std::size_t index_;
    std::vector<std::string> names_;
    std::string node_name_;
    ElementType type_;
    PartialShape shape_;
};

/// Made by Core::read_model. Reading from several threads is safe, changing is not; compiled models do not notice later changes.
class Model {
public:
    ~Model();
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const std::vector<Port>& inputs() const;
    const std::vector<Port>& outputs() const;
    const Port& input() const;                   ///< the only input; throws Error when there are none or several
    const Port& input(std::size_t index) const;  ///< throws Error when there is no such input
    const Port& input(const std::string& tensor_name) const;  ///< throws Error that lists the known names
    const Port& output() const;
    const Port& output(std::size_t index) const;
    const Port& output(const std::string& tensor_name) const;

    /// Other shapes for inputs, by name or index; the others stay. The shapes of all outputs follow. Throws Error (and nothing has
    /// changed) for an unknown name or where the shapes do not go through the model; the message names the layer.
    void reshape(const std::map<std::string, PartialShape>& shapes);
    void reshape(const std::map<std::size_t, PartialShape>& shapes);
    void reshape(const PartialShape& shape);  ///< of the only input
    bool is_dynamic() const;                  ///< whether any input or output has a dynamic shape
    std::shared_ptr<Model> clone() const;     ///< weights stay shared
    const std::string& get_friendly_name() const;
    void set_friendly_name(std::string name);

private:
    friend struct runtime::ModelAccess;
    struct Impl;
    explicit Model(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace octet
