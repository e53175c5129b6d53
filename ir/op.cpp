#include "ir/op.hpp"

#include <algorithm>
#include <bit>

#include "ir/graph.hpp"

namespace octet::ir {
namespace {

void mix(std::size_t& h, std::size_t value) { h = (h ^ value) * 1099511628211ull; }

struct EqualTo {
    FieldRef other;
    template <class T>
    bool operator()(T* a) const {
        return *a == **std::get_if<T*>(&other);
    }
    bool operator()(double* a) const {  // by bits, so that nan equals itself and -0 differs from 0
        return std::bit_cast<std::uint64_t>(*a) == std::bit_cast<std::uint64_t>(**std::get_if<double*>(&other));
    }
    bool operator()(std::vector<double>* a) const {
        const auto& b = **std::get_if<std::vector<double>*>(&other);
        return std::ranges::equal(*a, b, [](double x, double y) {
            return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
        });
    }
    bool operator()(EnumRef a) const { return *a.value == *std::get_if<EnumRef>(&other)->value; }
    bool operator()(GraphPtr* a) const {
        const auto& b = **std::get_if<GraphPtr*>(&other);
        return *a == b || (*a && b && **a == *b);
    }
};

struct HashInto {
    std::size_t& h;
    void operator()(bool* v) const { mix(h, *v); }
    void operator()(std::int64_t* v) const { mix(h, static_cast<std::size_t>(*v)); }
    void operator()(double* v) const { mix(h, std::bit_cast<std::size_t>(*v)); }
    void operator()(std::string* v) const { mix(h, std::hash<std::string>{}(*v)); }
    void operator()(Element* v) const { mix(h, static_cast<std::size_t>(*v)); }
    void operator()(EnumRef v) const { mix(h, *v.value); }
    void operator()(std::vector<std::int64_t>* v) const {
        for (auto x : *v) mix(h, static_cast<std::size_t>(x));
        mix(h, v->size());
    }
    void operator()(std::vector<double>* v) const {
        for (auto x : *v) mix(h, std::bit_cast<std::size_t>(x));
        mix(h, v->size());
    }
    void operator()(std::vector<std::string>* v) const {
        for (auto& x : *v) mix(h, std::hash<std::string>{}(x));
        mix(h, v->size());
    }
    void operator()(Shape* v) const {
        mix(h, v->ranked());
        for (Dim d : v->dims()) {
            mix(h, static_cast<std::size_t>(d.low));
            mix(h, static_cast<std::size_t>(d.high));
        }
    }
    void operator()(Tensor* v) const { mix(h, v->hash()); }
    void operator()(GraphPtr* v) const {
        if (*v) mix(h, (*v)->hash());
    }
    void operator()(std::vector<PortMap>* v) const {
        for (auto& m : *v) {
            mix(h, static_cast<std::size_t>(m.outer));
            mix(h, static_cast<std::size_t>(m.inner));
            mix(h, static_cast<std::size_t>(m.axis));
        }
    }
    void operator()(Attributes* v) const {
        for (auto& [key, value] : *v) {
            mix(h, std::hash<std::string>{}(key));
            mix(h, std::hash<std::string>{}(value));
        }
    }
    void operator()(Types* v) const {
        for (auto& t : *v) {
            mix(h, static_cast<std::size_t>(t.element));
            (*this)(&t.shape);
        }
    }
};

}  // namespace

std::optional<Dims> Input::constant() const {
    if (!*partial) return value && is_integer(value->element()) ? std::optional(value->integers()) : std::nullopt;
    Dims values;
    for (Dim d : **partial) {
        if (!d.is_static()) return std::nullopt;
        values.push_back(d.low);
    }
    return values;
}

bool equal_fields(const OpDef& def, const void* a, const void* b) {
    return std::ranges::all_of(def.fields, [&](const FieldDef& f) {
        return std::visit(EqualTo{f.at(const_cast<void*>(b))}, f.at(const_cast<void*>(a)));
    });
}

bool Op::operator==(const Op& other) const {
    if (!def_ || !other.def_) return def_ == other.def_;
    return def_->id == other.def_->id && (data_ == other.data_ || equal_fields(*def_, data_.get(), other.data_.get()));
}

std::size_t Op::hash() const {
    auto h = static_cast<std::size_t>(def_->id);
    for (const FieldDef& f : def_->fields) std::visit(HashInto{h}, f.at(const_cast<void*>(data_.get())));
    return h;
}

const OpDef* find_op(std::string_view name, std::span<const OpDef* const> extra) {
    const auto id = op_id(name);
    for (const auto table : {all_ops(), extra})
        for (const OpDef* def : table)
            if (def->id == id) return def;
    return nullptr;
}

}  // namespace octet::ir
