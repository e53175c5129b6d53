// The text form, and the records every op is printed and parsed through.
#include "ir/text.hpp"

#include <cmath>
#include <limits>
#include <set>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "tests/ir/ops.hpp"

namespace octet::ir {
namespace {

using namespace octet::ir::test;

std::string parse_error(std::string_view text) {
    return error_of([&] { parse(text); });
}

TEST(Text, PrintsOneNodeALineWithoutDefaults) {
    const std::string text =
        "x : f32[1,3,?,1..8] = parameter() shape=[1,3,?,1..8]\n"
        "axis : i64[] = constant() value=i64[]{1}\n"
        "lengths : i64[2] = constant() value=i64[2]{1, 2}\n"
        "s : f32[1,1,?,1..8], f32[1,2,?,1..8] = variadic_split(x, axis, lengths)\n"
        "y : f32[1,2,?,1..8] = relu(s:1)\n"
        "out : f32[1,2,?,1..8] = result(y) layer=\"y\"\n";
    EXPECT_EQ(print(parse(text)), text);
}

TEST(Text, CommentsAndBlankLinesAreSkipped) {
    EXPECT_EQ(parse("# a comment\n\n  x : f32[] = parameter()  # the input\n\n").live(), 1u);
}

void expect_round_trip(const Graph& g) {
    const std::string text = print(g);
    const Graph back = parse(text);
    EXPECT_TRUE(back == g) << text;
    EXPECT_EQ(print(back), text);
    EXPECT_EQ(back.hash(), g.hash());
}

TEST(Text, NamesOfAnyCharacters) {
    Graph g;
    Edit edit(g);
    Value v = edit.add(Parameter{}, {}, "x");
    for (const char* name : {"a b", "a\"b", "a\\b", "a\nb", "\\n", "a#b", "ä", "x:1", "(", "a/b-c.d_e", "0"})
        v = edit.add(Relu{}, {v}, name);
    expect_round_trip(g);
}

TEST(Text, ConstantsOfEveryElementType) {
    Graph g;
    Edit edit(g);
    const std::vector<float> floats{0,
                                    -0.0f,
                                    1.0f / 3,
                                    1e-45f,
                                    3.4e38f,
                                    std::numeric_limits<float>::infinity(),
                                    -std::numeric_limits<float>::infinity()};
    const Tensor t = Tensor::vector(floats);
    for (const Element e : {Element::f32, Element::f16, Element::bf16, Element::f64})
        edit.constant(t.converted(e), std::string(name_of(e)));
    for (const Element e : {Element::i8, Element::u8, Element::i16, Element::u16, Element::i32, Element::u32,
                            Element::i64, Element::u64, Element::boolean})
        edit.constant(Tensor::vector<double>({-9e18, -200, -1, 0, 1, 99, 300, 70000, 9e18}).converted(e),
                      std::string(name_of(e)));
    edit.constant(Tensor::scalar(std::numeric_limits<std::uint64_t>::max()), "largest");
    edit.constant(Tensor(Element::f32, {2, 0, 3}), "empty");
    edit.constant(Tensor::scalar(0.1), "tenth");
    expect_round_trip(g);
    EXPECT_TRUE(std::isnan(parse("n : f32[] = constant() value=f32[]{nan}\n").constant({0, 0})->at(0)));
    EXPECT_THAT(print(g), testing::HasSubstr("{0, -0, 0.33333334, 1e-45, 3.4e+38, inf, -inf}"));
}

TEST(Text, RandomConstantsComeFromTheirSeed) {
    const Graph a = parse("k : f32[64,3] = constant() value=f32[64,3] random(7)\n");
    const Graph b = parse("k : f32[64,3] = constant() value=f32[64,3] random(8)\n");
    const Tensor& t = *a.constant({0, 0});
    double low = 1, high = -1;
    for (std::size_t i = 0; i < t.size(); ++i) {
        low = std::min(low, t.at(i));
        high = std::max(high, t.at(i));
    }
    EXPECT_GE(low, -1);
    EXPECT_LT(low, -0.9);
    EXPECT_LT(high, 1);
    EXPECT_GT(high, 0.9);
    EXPECT_FALSE(a == b);
    EXPECT_TRUE(a == parse("k : f32[64,3] = constant() value=f32[64,3] random(7)\n"));
}

TEST(Text, LargeConstantsCanBeElided) {
    const Graph g = parse("k : f32[100] = constant() value=f32[100] random(7)\n");
    const std::string text = print(g, {.elide_above = 16});
    EXPECT_LT(text.size(), 80u);
    EXPECT_THAT(text, testing::HasSubstr("value=f32[100]#"));
}

TEST(Text, OriginsStandInAComment) {
    Graph g;
    Edit edit(g, "", {0, 1});
    edit.set_layers({{"conv1", "Convolution", "opset1"}, {"bn 1", "BatchNormInference", "opset5"}});
    edit.add(Parameter{}, {}, "x");
    EXPECT_EQ(print(g, {.origins = true}), "x : f32[] = parameter()  # conv1 \"bn 1\"\n");
}

TEST(Text, Errors) {
    EXPECT_EQ(parse_error("x\n"), "line 1: wanted ':', got '\n'");
    EXPECT_EQ(parse_error("x : f99[] = parameter()\n"), "line 1: there is no element type 'f99'");
    EXPECT_EQ(parse_error("\nx : f32[] = paramter()\n"), "line 2: there is no op 'paramter'");
    EXPECT_EQ(parse_error("x : f32[] = relu(y)\n"), "line 1: there is no 'y' above");
    EXPECT_EQ(parse_error("x : f32[] = parameter() colour=1\n"), "line 1: parameter has no field 'colour'");
    EXPECT_EQ(parse_error("x : f32[2] = parameter()\n"), "line 1: 'x' is f32[], the text says f32[2]");
    EXPECT_EQ(parse_error("x : f32[], f32[] = parameter()\n"), "line 1: 'x' has 1 outputs, the text says 2");
    EXPECT_EQ(parse_error("x : f32[] = parameter()\ny : f32[] = relu(x:1)\n"), "line 2: 'x' has no output 1");
    EXPECT_EQ(parse_error("x : f32[] = parameter()\nx : f32[] = relu(x)\n"), "line 2: the name 'x' stands twice");
    EXPECT_EQ(parse_error("x : f32[] = parameter()\ny : f32[] = gelu(x) mode=sine\n"),
              "line 2: 'sine' is none of its values");
    EXPECT_EQ(parse_error("x : f32[] = parameter()\ny : f32[] = sigmoid(x, x)\n"),
              "line 2: layer 'y': sigmoid: got 2 inputs, wanted 1");
    EXPECT_EQ(parse_error("k : f32[?] = constant() value=f32[?]{1}\n"), "line 1: a constant's shape must be known");
    EXPECT_EQ(parse_error("k : f32[2] = constant() value=f32[2]{1}\n"), "line 1: wanted ',', got '}'");
    EXPECT_EQ(parse_error("x : f32[] = parameter() shape=[a]\n"), "line 1: wanted a whole number");
    EXPECT_EQ(parse_error("x : f32[99999999999999999999] = parameter()\n"), "line 1: a number is out of range");
    EXPECT_EQ(parse_error("\"x : f32[] = parameter()"), "line 1: wanted '\"', got 'the end'");
}

TEST(Registry, OpsHaveNamesAndIdsOfTheirOwn) {
    std::set<std::string_view> names;
    std::set<std::uint64_t> ids;
    for (const OpDef* def : all_ops()) {
        EXPECT_TRUE(names.insert(def->name).second) << def->name;
        EXPECT_TRUE(ids.insert(def->id).second) << def->name;
        EXPECT_EQ(def->id, op_id(def->name));
        EXPECT_EQ(find_op(def->name), def);
        std::set<std::string_view> fields;
        for (const FieldDef& f : def->fields) EXPECT_TRUE(fields.insert(f.name).second) << def->name << " " << f.name;
    }
    EXPECT_EQ(find_op("no_such_op"), nullptr);
}

// Sets a field to something that is not its default.
struct Change {
    void operator()(bool* v) const { *v = !*v; }
    void operator()(std::int64_t* v) const { *v -= 77; }
    void operator()(double* v) const { *v = *v + 1.0 / 3; }
    void operator()(std::string* v) const { *v += "a \"quoted\"\n\\ text"; }
    void operator()(Element* v) const { *v = *v == Element::u16 ? Element::i16 : Element::u16; }
    void operator()(EnumRef v) const { *v.value = static_cast<std::uint8_t>((*v.value + 1u) % v.names.size()); }
    void operator()(std::vector<std::int64_t>* v) const { *v = {1, -2, 3}; }
    void operator()(std::vector<double>* v) const { *v = {0.1, -0.0, std::numeric_limits<double>::infinity()}; }
    void operator()(std::vector<std::string>* v) const { *v = {"", "a,b]", "\"\\"}; }
    void operator()(Shape* v) const { *v = Shape{1, Dim(), Dim(2, 3), Dim(4, Dim::kUnbounded)}; }
    void operator()(Types* v) const { *v = {f32({1, Dim()}), {Element::i64, Shape::unranked()}, i64({})}; }
    void operator()(Tensor* v) const { *v = tensor({2, 1}, {0.5f, -0.0f}); }
    void operator()(GraphPtr* v) const {
        *v = std::make_shared<const Graph>(
            parse("x : f32[2] = parameter() shape=[2]\ny : f32[2] = relu(x)\nr : f32[2] = result(y)\n"));
    }
    void operator()(std::vector<PortMap>* v) const { *v = {PortMap{}, PortMap{1, 2, 3, 4, 5, 6, 7, "count"}}; }
    void operator()(Attributes* v) const { *v = {{"a", ""}, {"b c", "\"1,2\"}"}}; }
};

Types one_scalar(const void*, Inputs) { return {f32({})}; }

class EveryOp : public testing::TestWithParam<const OpDef*> {};

TEST_P(EveryOp, DefaultsAreNotPrintedAndChangedFieldsComeBack) {
    // The same fields under another name, whose operands do not matter.
    const std::string name = "any_" + std::string(GetParam()->name);
    OpDef def = *GetParam();
    def.name = name;
    def.id = op_id(name);
    def.infer = one_scalar;
    def.partial = nullptr;
    const std::array<const OpDef*, 1> extra{&def};
    const Op plain(&def, def.make());
    EXPECT_EQ(print_fields(plain), "");
    const auto data = def.clone(plain.data());
    EXPECT_TRUE(plain == Op(&def, data));
    for (const FieldDef& f : def.fields) std::visit(Change{}, f.at(data.get()));
    const Op changed(&def, data);
    EXPECT_EQ(plain == changed, def.fields.empty());
    for (const FieldDef& f : def.fields) {
        const auto one = def.make();
        std::visit(Change{}, f.at(one.get()));
        EXPECT_FALSE(plain == Op(&def, one)) << f.name << " does not count for equality";
    }
    for (const Op& op : {plain, changed}) {
        Graph g;
        Edit(g).add(op, {}, "node");
        const Graph back = parse(print(g), extra);
        EXPECT_TRUE(back == g) << print(g);
        EXPECT_EQ(back.node(0).op.hash(), op.hash());
    }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryOp, testing::ValuesIn(all_ops().begin(), all_ops().end()),
                         [](const auto& test) { return std::string(test.param->name); });

}  // namespace
}  // namespace octet::ir
