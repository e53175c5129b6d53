#pragma once
// An op is a plain struct with a name, fields, a `fields()` list, and a free function `infer`. This file turns such structs into
// records that can be compared, hashed, printed and parsed by one loop over their fields.
#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ir/tensor.hpp"
#include "ir/type.hpp"

namespace octet::ir {

class Graph;
using GraphPtr = std::shared_ptr<const Graph>;
using Attributes = std::map<std::string, std::string>;  // of Opaque only

// How a body of If, Loop or TensorIterator is wired: outer port `outer` (input or output) and inner Parameter or Result `inner`,
// both counted from 0; with axis >= 0 the outer value is cut into (or joined from) slices. back_edge: from a Result to a Parameter.
struct PortMap {
    std::int64_t outer = -1;
    std::int64_t inner = 0;
    std::int64_t axis = -1;
    std::int64_t start = 0;
    std::int64_t end = -1;
    std::int64_t stride = 1;
    std::int64_t part_size = 1;
    std::string purpose = "";
    bool operator==(const PortMap&) const = default;
};

// An enum field: its storage and its names, in order of the values. Every such enum is `: std::uint8_t` and has enum_names(E).
struct EnumRef {
    std::uint8_t* value;
    std::span<const std::string_view> names;
};

using FieldRef = std::variant<bool*, std::int64_t*, double*, std::string*, Element*, EnumRef,
                              std::vector<std::int64_t>*, std::vector<double>*, std::vector<std::string>*, Shape*,
                              Tensor*, GraphPtr*, std::vector<PortMap>*, Attributes*, Types*>;

struct FieldDef {
    std::string_view name;
    FieldRef (*at)(void*);
};

template <auto Member>
struct MemberOf;
template <class C, class M, M C::*P>
struct MemberOf<P> {
    using Class = C;
    using Field = M;
};

template <auto Member>
constexpr FieldDef field(std::string_view name) {
    using Field = typename MemberOf<Member>::Field;
    return {name, [](void* op) -> FieldRef {
                auto& member = static_cast<typename MemberOf<Member>::Class*>(op)->*Member;
                if constexpr (std::is_enum_v<Field> && !std::is_same_v<Field, Element>)
                    return EnumRef{reinterpret_cast<std::uint8_t*>(&member), enum_names(Field{})};
                else return &member;
            }};
}
using NoFields = std::array<FieldDef, 0>;

// What `infer` sees of an operand.
struct Input {
    const Type* type;
    const Partial* partial;
    const Tensor* value = nullptr;  // the contents, where the operand is a constant
    Element element() const { return type->element; }
    const Shape& shape() const { return type->shape; }
    // The numbers in this operand, if all are known.
    std::optional<Dims> constant() const;
};
using Inputs = std::span<const Input>;

// What rules and tests may know of an op without knowing the op.
struct Traits {
    bool commutative = false;
    bool elementwise = false;  // one result element from the elements at the same place (after broadcasting)
    bool moves_data = false;   // results are elements of the first operand, somewhere else or repeated
    bool monotone = false;     // non-decreasing function of one value
    bool effect = false;       // never dead, never folded
};

// Identity of an op goes by its name, also across libraries.
constexpr std::uint64_t op_id(std::string_view name) {
    std::uint64_t h = 14695981039346656037ull;
    for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return h;
}

struct OpDef {
    std::string_view name;
    std::uint64_t id;
    Traits traits;
    std::span<const FieldDef> fields;
    Types (*infer)(const void* op, Inputs inputs);
    Partials (*partial)(const void* op, Inputs inputs,
                        const Types& outputs);  // null: nothing is known of the results' numbers
    std::shared_ptr<void> (*make)();
    std::shared_ptr<void> (*clone)(const void*);
};

namespace detail {

struct Anything {
    template <class T>
    constexpr operator T() const;
};
template <class T, std::size_t... I>
constexpr bool brace_initialised_from(std::index_sequence<I...>) {
    return requires { T{(static_cast<void>(I), Anything{})...}; };
}
// A struct has N members when N values fit between its braces and N + 1 do not.
template <class T>
concept ListsEveryField = brace_initialised_from<T>(std::make_index_sequence<T::fields().size()>{}) &&
    !brace_initialised_from<T>(std::make_index_sequence<T::fields().size() + 1>{});

template <class T>
constexpr Traits traits_of() {
    if constexpr (requires { T::traits; }) return T::traits;
    else return {};
}
template <class T>
Partials partial_of(const void* op, Inputs inputs, const Types& outputs) {
    return partial(*static_cast<const T*>(op), inputs, outputs);
}
template <class T>
constexpr auto partial_function() -> Partials (*)(const void*, Inputs, const Types&) {
    if constexpr (requires(const T& t, Inputs i, const Types& o) { partial(t, i, o); }) return &partial_of<T>;
    else return nullptr;
}

}  // namespace detail

template <class T>
concept OpStruct = std::is_aggregate_v<T> && requires {
    std::string_view(T::name);
    T::fields();
};

template <class T>
constexpr auto kFields = T::fields();

template <OpStruct T>
constexpr OpDef make_op_def() {
    static_assert(detail::ListsEveryField<T>, "fields() must list every member of the op");
    return {T::name,
            op_id(T::name),
            detail::traits_of<T>(),
            kFields<T>,
            [](const void* op, Inputs inputs) { return infer(*static_cast<const T*>(op), inputs); },
            detail::partial_function<T>(),
            []() -> std::shared_ptr<void> { return std::make_shared<T>(); },
            [](const void* op) -> std::shared_ptr<void> { return std::make_shared<T>(*static_cast<const T*>(op)); }};
}
template <OpStruct T>
constexpr OpDef kOp = make_op_def<T>();

// Any op: an immutable value; changing a field means a new op.
class Op {
public:
    Op() = default;
    template <OpStruct T>
    Op(T op) : def_(&kOp<T>), data_(std::make_shared<T>(std::move(op))) {}
    Op(const OpDef* def, std::shared_ptr<const void> data) : def_(def), data_(std::move(data)) {}

    const OpDef& def() const { return *def_; }
    std::string_view name() const { return def_->name; }
    std::uint64_t id() const { return def_->id; }
    const Traits& traits() const { return def_->traits; }
    const void* data() const { return data_.get(); }
    template <OpStruct T>
    bool is() const {
        return def_ && def_->id == kOp<T>.id;
    }
    template <OpStruct T>
    const T* as() const {
        return is<T>() ? static_cast<const T*>(data_.get()) : nullptr;
    }
    template <OpStruct T>
    const T& get() const {
        check(is<T>(), "'{}' read as '{}'", def_ ? name() : "nothing", T::name);
        return *static_cast<const T*>(data_.get());
    }
    bool operator==(const Op& other) const;
    std::size_t hash() const;

private:
    const OpDef* def_ = nullptr;
    std::shared_ptr<const void> data_;
};

bool equal_fields(const OpDef& def, const void* a, const void* b);
// The op's record with this name; null when there is none. `extra`: ops private to a plugin.
const OpDef* find_op(std::string_view name, std::span<const OpDef* const> extra = {});
std::span<const OpDef* const> all_ops();

}  // namespace octet::ir
