// Every op behind values of every kind, through the whole pipeline: the same numbers before and after, on codes where decisions.txt says
// so, and the graph as it was where nothing is. BLESS=1 writes the file.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "ir/eval/eval.hpp"
#include "ir/text.hpp"
#include "tests/transformations/low_precision/op_cases.hpp"
#include "transformations/pipelines.hpp"

namespace octet {
namespace {

using ir::Dims;
using ir::Element;
using ir::Tensor;
using ir::Value;

constexpr const char* kDecisions = "tests/transformations/low_precision/decisions.txt";

// FakeQuantize of 129 levels, or integers of the file.
enum class Kind : std::uint8_t {
    unsigned_,
    signed_,
    zero_point,
    fractional,
    scales,
    zero_points,
    negative,
    codes_u8,
    codes_i8
};
constexpr std::array<std::string_view, 9> kKinds{"unsigned",    "signed",   "zero-point", "fractional", "scales",
                                                 "zero-points", "negative", "codes-u8",   "codes-i8"};

Value dequantized(GraphBuilder& b, const ir::Shape& shape, Element element) {
    const auto one = [](double v) { return Tensor::filled(Element::f32, {1, 1, 1, 1}, v); };
    return b.edit.add(ir::Dequantize{one(0.5), one(3), Element::f32}, {b.input(shape, "x", element)}, "values");
}

Value quantized(GraphBuilder& b, const ir::Shape& shape, const std::vector<float>& scales,
                const std::vector<float>& zero_points) {
    std::vector<float> low, high, from, to;
    for (std::size_t c = 0; c < std::max(scales.size(), zero_points.size()); ++c) {
        const float s = scales[c % scales.size()], z = zero_points[c % zero_points.size()];
        low.push_back(-z * s);
        high.push_back((128 - z) * s);
        from.push_back(std::min(low.back(), high.back()));
        to.push_back(std::max(low.back(), high.back()));
    }
    const Dims dims = low.size() == 1 ? Dims{} : Dims{1, static_cast<std::int64_t>(low.size()), 1, 1};
    const Value x = b.input(shape);
    return b.edit.add(ir::FakeQuantize{129},
                      {x, b.numbers(dims, from), b.numbers(dims, to), b.numbers(dims, low), b.numbers(dims, high)},
                      "values");
}

Value values_of(GraphBuilder& b, Kind kind, const ir::Shape& shape) {
    switch (kind) {
        case Kind::unsigned_: return quantized(b, shape, {0.5F}, {0});
        case Kind::signed_: return quantized(b, shape, {0.5F}, {64});
        case Kind::zero_point: return quantized(b, shape, {0.5F}, {3});
        case Kind::fractional: return quantized(b, shape, {0.5F}, {3.25F});
        case Kind::scales: return quantized(b, shape, {0.5F, 2, 1, 0.25F}, {0});
        case Kind::zero_points: return quantized(b, shape, {0.5F, 2, 1, 0.25F}, {1, 2, 3, 4});
        case Kind::negative: return quantized(b, shape, {0.5F, -2, 1, 0.25F}, {3});
        case Kind::codes_u8: return dequantized(b, shape, Element::u8);
        case Kind::codes_i8: return dequantized(b, shape, Element::i8);
    }
    return {};
}

ir::Graph graph_of(const OpCase& c, Kind kind, bool dynamic) {
    const ir::Shape shape = dynamic ? ir::Shape({ir::Dim(), ir::Dim(4), ir::Dim(), ir::Dim(4)})
                                    : ir::Shape({1, 4, 4, 4});
    GraphBuilder b;
    const Value y = c.make(b, values_of(b, kind, shape));
    b.edit.set_name(y.node, "op");
    // What only moves codes pays where something reads them.
    b.result(b.edit.add(ir::Abs{}, {y}, "reader"));
    return std::move(b.graph);
}

std::string answer_of(const low_precision::PrecisionPlan& plan, std::string_view layer) {
    for (const auto& l : plan.layers)
        if (l.layer == layer) return l.decision ? "int8" : std::string(name_of(l.decision.code));
    return "";
}

bool is_8_bit(Element element) { return element == Element::u8 || element == Element::i8; }

// The layer works on codes: its sums are integers, it moves them, or what it reads is dequantized.
bool on_codes(const ir::Graph& graph, std::string_view layer) {
    for (const ir::NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        const Element result = node.outputs[0].type.element;
        if (result == Element::i32) return true;
        if (is_8_bit(result) && !node.inputs.empty() && is_8_bit(graph.element(node.inputs[0]))) return true;
        for (const Value v : node.inputs)
            if (node.name == layer && graph.op(v).is<ir::Dequantize>() && !graph.constant(graph.node(v).inputs[0]))
                return true;
    }
    return false;
}

Tensor random_values(Element element, unsigned seed) {
    std::mt19937 random(seed);
    Tensor values(element, {1, 4, 4, 4});
    if (element != Element::f32)
        for (std::byte& byte : values.write_raw()) byte = static_cast<std::byte>(random());
    else
        for (float& v : values.write<float>()) v = static_cast<float>(static_cast<int>(random() % 4096) - 1024) / 16;
    return values;
}

void expect_same(const ir::Graph& before, const ir::Graph& after, double tolerance, const std::string& what) {
    const Element element = before.node(before.parameters()[0]).outputs[0].type.element;
    for (unsigned seed = 0; seed < 2; ++seed) {
        const Tensor input = random_values(element, seed);
        const Tensor wanted = ir::eval::evaluate(before, std::vector{input})[0];
        const Tensor got = ir::eval::evaluate(after, std::vector{input})[0];
        ASSERT_EQ(wanted.type(), got.type()) << what;
        for (std::size_t i = 0; i < wanted.size(); ++i)
            ASSERT_NEAR(wanted.at(i), got.at(i), tolerance) << what << ", element " << i << "\n"
                                                            << ir::print(before) << "\n"
                                                            << ir::print(after);
    }
}

// Runs the pipeline, checks numbers, structure and a second run, and returns what was decided.
std::string decision(const OpCase& c, Kind kind, bool dynamic) {
    const std::string what = fmt::format("{} of {} {}", c.name, kKinds[static_cast<std::size_t>(kind)],
                                         dynamic ? "dynamic" : "static");
    const ir::Graph before = graph_of(c, kind, dynamic);
    ir::Graph canonical = before;
    rewrite::run(canonicalise(), canonical);
    ir::Graph after = canonical;
    const auto plan = std::make_shared<low_precision::PrecisionPlan>();
    const auto pipeline = low_precision_pipeline(low_precision::cpu_restrictions(), plan);
    rewrite::run(pipeline, after, {.verify = rewrite::Verify::applications});
    expect_same(before, after, c.tolerance, what);

    std::string layer = c.layer, answer = answer_of(*plan, layer);
    if (answer.empty()) answer = answer_of(*plan, layer = "reader");
    if (answer == "int8") {
        EXPECT_TRUE(on_codes(after, layer)) << what << "\n" << ir::print(after);
    } else if (plan->integer.empty() && kind < Kind::codes_u8) {
        EXPECT_TRUE(after == canonical) << what << "\n" << ir::print(canonical) << "\n" << ir::print(after);
    }
    ir::Graph again = after;
    rewrite::run(pipeline, again);
    EXPECT_TRUE(again == after) << what << ", a second time:\n" << ir::print(after) << "\n" << ir::print(again);
    return answer;
}

// "int8; NEGATIVE_SCALE of negative"
std::string decisions(const OpCase& c, bool dynamic) {
    std::map<std::string, std::string> kinds;
    for (std::size_t k = 0; k < kKinds.size(); ++k) {
        const std::string answer = decision(c, static_cast<Kind>(k), dynamic);
        kinds[answer].append(" ").append(kKinds[k]);
    }
    if (kinds.size() == 1) return kinds.begin()->first;
    std::string text = kinds.contains("int8") ? "int8" : "";
    for (const auto& [answer, of] : kinds)
        if (answer != "int8") text += (text.empty() ? "" : "; ") + answer + " of" + of;
    return text;
}

class Matrix : public testing::TestWithParam<OpCase> {
protected:
    static std::map<std::string, std::string> read() {
        std::map<std::string, std::string> lines;
        std::ifstream file(kDecisions);
        for (std::string line; std::getline(file, line);)
            if (const auto colon = line.find(": "); colon != std::string::npos && line[0] != '#')
                lines[line.substr(0, colon)] = line.substr(colon + 2);
        return lines;
    }
    static void write(const std::map<std::string, std::string>& lines) {
        std::ofstream file(kDecisions);
        file << "# What becomes of each op behind values of each kind (matrix_test.cpp): on codes, or the reason why "
                "not.\n";
        for (const auto& [name, text] : lines) file << name << ": " << text << "\n";
    }
};

TEST_P(Matrix, NumbersAndDecisions) {
    const std::string fixed = decisions(GetParam(), false), dynamic = decisions(GetParam(), true);
    const std::string text = fixed == dynamic ? fixed : fixed + " | dynamic: " + dynamic;
    auto lines = read();
    if (std::getenv("BLESS")) {
        lines[GetParam().name] = text;
        return write(lines);
    }
    EXPECT_EQ(lines[GetParam().name], text) << "run with BLESS=1 where this is meant";
}

INSTANTIATE_TEST_SUITE_P(Ops, Matrix, testing::ValuesIn(op_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace octet
