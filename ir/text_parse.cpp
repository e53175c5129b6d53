#include <charconv>
#include <cmath>
#include <limits>

#include "ir/edit.hpp"
#include "ir/text.hpp"

namespace octet::ir {
namespace {

constexpr int kMaxDepth = 16;  // as in model files

class Reader {
public:
    Reader(std::string_view text, std::span<const OpDef* const> extra) : text_(text), extra_(extra) {}

    Graph graph(bool body) {
        Graph result;
        Edit edit(result);
        for (;;) {
            skip_blank_lines();
            if (body && accept('}')) return result;
            if (done()) {
                if (body) error("a body is not closed");
                return result;
            }
            node(edit);
        }
    }

private:
    void node(Edit& edit) {
        const std::size_t line = line_;
        const std::string name = word_or_quoted("a name");
        expect(':');
        Types types{type()};
        while (accept(',')) types.push_back(type());
        expect('=');
        const std::string op_name = word("an op");
        const OpDef* def = find_op(op_name, extra_);
        if (!def) error(fmt::format("there is no op '{}'", op_name));
        expect('(');
        std::vector<Value> inputs;
        if (!accept(')')) {
            do inputs.push_back(operand(edit.graph()));
            while (accept(','));
            expect(')');
        }
        auto data = def->make();
        for (skip(); !done() && peek() != '\n' && peek() != '#' && peek() != '}'; skip()) {
            const std::string field_name = word("a field");
            expect('=');
            bool known = false;
            for (const FieldDef& f : def->fields)
                if (f.name == field_name) {
                    known = true;
                    auto at = f.at(data.get());
                    std::visit([&](auto target) { read(target); }, at);
                }
            if (!known) error(fmt::format("{} has no field '{}'", op_name, field_name));
        }
        try {
            const Value v = edit.add(Op(def, std::move(data)), std::move(inputs), name);
            const Node& made = edit.graph().node(v);
            if (made.name != name) error(fmt::format("the name '{}' stands twice", name));
            if (made.outputs.size() != types.size())
                error(fmt::format("'{}' has {} outputs, the text says {}", name, made.outputs.size(), types.size()));
            for (std::size_t i = 0; i < types.size(); ++i)
                if (made.outputs[i].type != types[i])
                    error(fmt::format("'{}' is {}, the text says {}", name, to_string(made.outputs[i].type),
                                      to_string(types[i])));
        } catch (const Error& e) {
            if (std::string_view(e.what()).starts_with("line ")) throw;
            throw Error(fmt::format("line {}: {}", line, e.what()));
        }
    }

    Value operand(const Graph& graph) {
        const std::string name = word_or_quoted("an operand");
        const NodeId* id = graph.find(name);
        if (!id) error(fmt::format("there is no '{}' above", name));
        Value v{*id, 0};
        if (accept(':')) v.port = static_cast<std::uint32_t>(integer());
        if (v.port >= graph.node(v).outputs.size()) error(fmt::format("'{}' has no output {}", name, v.port));
        return v;
    }

    Type type() {
        const std::string name = word("a type");
        const auto element = element_type_named(name);
        if (!element) error(fmt::format("there is no element type '{}'", name));
        return {*element, shape()};
    }

    Shape shape() {
        expect('[');
        std::vector<Dim> dims;
        if (text_.substr(at_).starts_with("...]")) {
            at_ += 4;
            return Shape::unranked();
        }
        if (accept(']')) return Shape(dims);
        do dims.push_back(dim());
        while (accept(','));
        expect(']');
        return Shape(dims);
    }

    Dim dim() {
        if (accept('?')) return {};
        const std::int64_t low = integer();
        Dim dim = low;
        if (text_.substr(at_).starts_with("..")) {
            at_ += 2;
            dim = accept('?') ? Dim(low, Dim::kUnbounded) : Dim(low, integer());
        }
        if (dim.low < 0 || dim.low > dim.high) error(fmt::format("{} is no dimension", to_string(dim)));
        return dim;
    }

    template <class F>
    void items(F one) {
        expect('[');
        if (accept(']')) return;
        do one();
        while (accept(','));
        expect(']');
    }

    void read(bool* v) { *v = word("true or false") == "true"; }
    void read(std::int64_t* v) { *v = integer(); }
    void read(double* v) { *v = real(); }
    void read(std::string* v) { *v = quoted(); }
    void read(Element* v) {
        const std::string name = word("an element type");
        const auto element = element_type_named(name);
        if (!element) error(fmt::format("there is no element type '{}'", name));
        *v = *element;
    }
    void read(EnumRef v) {
        const std::string name = word("a value");
        for (std::size_t i = 0; i < v.names.size(); ++i)
            if (v.names[i] == name) {
                *v.value = static_cast<std::uint8_t>(i);
                return;
            }
        error(fmt::format("'{}' is none of its values", name));
    }
    void read(std::vector<std::int64_t>* v) {
        items([&] { v->push_back(integer()); });
    }
    void read(std::vector<double>* v) {
        items([&] { v->push_back(real()); });
    }
    void read(std::vector<std::string>* v) {
        items([&] { v->push_back(quoted()); });
    }
    void read(Shape* v) { *v = shape(); }
    void read(Types* v) {
        items([&] { v->push_back(type()); });
    }
    void read(std::vector<PortMap>* v) {
        items([&] {
            PortMap m;
            expect('(');
            for (std::int64_t* x : {&m.outer, &m.inner, &m.axis, &m.start, &m.end, &m.stride, &m.part_size}) {
                *x = integer();
                expect(',');
            }
            m.purpose = quoted();
            expect(')');
            v->push_back(std::move(m));
        });
    }
    void read(Attributes* v) {
        expect('{');
        if (accept('}')) return;
        do {
            const std::string key = quoted();
            expect('=');
            (*v)[key] = quoted();
        } while (accept(','));
        expect('}');
    }
    void read(GraphPtr* v) {
        expect('{');
        if (++depth_ > kMaxDepth) error(fmt::format("bodies are nested more than {} deep", kMaxDepth));
        *v = std::make_shared<const Graph>(graph(true));
        --depth_;
    }

    void read(Tensor* v) {
        const Type t = type();
        if (!t.shape.is_static()) error("a constant's shape must be known");
        skip();
        const bool random = text_.substr(at_).starts_with("random(");
        // Listed numbers take room in the text; memory is not asked for on the word of a shape alone.
        const std::int64_t most = random ? std::int64_t{1} << 28 : static_cast<std::int64_t>(text_.size() - at_);
        if (t.shape.elements() > most) error(fmt::format("a constant of {} is too large for its text", to_string(t)));
        Tensor tensor(t.element, t.shape.sizes());
        if (random) {
            at_ += 7;
            fill(tensor, static_cast<std::uint64_t>(integer()));
            expect(')');
        } else {
            expect('{');
            for (std::size_t i = 0; i < tensor.size(); ++i) {
                if (i) expect(',');
                store(tensor, i);
            }
            expect('}');
        }
        *v = std::move(tensor);
    }

    void store(Tensor& t, std::size_t i) {
        const auto put = [&](auto value) {
            std::memcpy(t.write_raw().data() + i * sizeof(value), &value, sizeof(value));
        };
        switch (t.element()) {
            case Element::f64: return put(real());
            case Element::f32: return put(static_cast<float>(real()));
            case Element::f16: return put(float16(static_cast<float>(real())));
            case Element::bf16: return put(bfloat16(static_cast<float>(real())));
            case Element::u64: return put(static_cast<std::uint64_t>(integer()));
            case Element::i64: return put(integer());
            case Element::i32: return put(static_cast<std::int32_t>(integer()));
            case Element::u32: return put(static_cast<std::uint32_t>(integer()));
            case Element::i16: return put(static_cast<std::int16_t>(integer()));
            case Element::u16: return put(static_cast<std::uint16_t>(integer()));
            case Element::i8: return put(static_cast<std::int8_t>(integer()));
            case Element::u8:
            case Element::boolean: return put(static_cast<std::uint8_t>(integer()));
            default: error(fmt::format("constants of {} have no text form", name_of(t.element())));
        }
    }

    static void fill(Tensor& t, std::uint64_t seed) {
        const auto next = [&] {  // splitmix64
            seed += 0x9E3779B97F4A7C15u;
            std::uint64_t z = seed;
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
            z = (z ^ z >> 27) * 0x94D049BB133111EBu;
            return z ^ z >> 31;
        };
        if (is_float(t.element())) {
            Tensor values(Element::f32, t.dims());
            for (float& x : values.write<float>())
                x = static_cast<float>(static_cast<double>(next() >> 40) * 0x1p-23 - 1);
            t = values.converted(t.element());
            return;
        }
        for (std::byte& b : t.write_raw()) b = static_cast<std::byte>(next() >> 56);
    }

    bool done() const { return at_ >= text_.size(); }
    char peek() const { return text_[at_]; }
    void skip() {
        while (!done() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) ++at_;
    }
    void skip_blank_lines() {
        for (skip(); !done() && (peek() == '\n' || peek() == '#'); skip()) {
            while (!done() && peek() != '\n') ++at_;
            if (!done()) {
                ++at_;
                ++line_;
            }
        }
    }
    bool accept(char c) {
        skip();
        if (done() || peek() != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!accept(c))
            error(fmt::format("wanted '{}', got '{}'", c, done() ? std::string("the end") : std::string(1, peek())));
    }
    std::string word(std::string_view what) {
        skip();
        const std::size_t start = at_;
        while (!done() && (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '_' || peek() == '.' ||
                           peek() == '/' || peek() == '-'))
            ++at_;
        if (at_ == start) error(fmt::format("wanted {}", what));
        return std::string(text_.substr(start, at_ - start));
    }
    std::string quoted() {
        expect('"');
        std::string result;
        while (!done() && peek() != '"') {
            if (peek() == '\\' && at_ + 1 < text_.size()) {
                ++at_;
                result += peek() == 'n' ? '\n' : peek();
            } else {
                result += peek();
            }
            ++at_;
        }
        expect('"');
        return result;
    }
    std::string word_or_quoted(std::string_view what) {
        skip();
        return !done() && peek() == '"' ? quoted() : word(what);
    }
    std::int64_t integer() {
        skip();
        std::int64_t value = 0;
        const auto [end, status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (status == std::errc::result_out_of_range) {  // u64 above the range of i64
            std::uint64_t big = 0;
            const auto [big_end, big_status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), big);
            if (big_status != std::errc()) error("a number is out of range");
            at_ = static_cast<std::size_t>(big_end - text_.data());
            return static_cast<std::int64_t>(big);
        }
        if (status != std::errc()) error("wanted a whole number");
        at_ = static_cast<std::size_t>(end - text_.data());
        return value;
    }
    double real() {
        skip();
        double value = 0;
        const auto [end, status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (status != std::errc()) error("wanted a number");
        at_ = static_cast<std::size_t>(end - text_.data());
        return value;
    }
    [[noreturn]] void error(const std::string& what) const { throw Error(fmt::format("line {}: {}", line_, what)); }

    std::string_view text_;
    std::span<const OpDef* const> extra_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    int depth_ = 0;  // of the body being read
};

}  // namespace

Graph parse(std::string_view text, std::span<const OpDef* const> extra) { return Reader(text, extra).graph(false); }

}  // namespace octet::ir
