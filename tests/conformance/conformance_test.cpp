// Every device against REFERENCE, on small graphs of every op and of quantized patterns.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <octet/octet.hpp>

#include "ir/text.hpp"
#include "runtime/src/model_access.hpp"
#include "tests/conformance/cases.hpp"

namespace octet::conformance {
namespace {

// A quantized result may be one step off where the value lay near a tie: in this share of places, and in a few of a small tensor.
constexpr double kShareOfTies = 0.005;
constexpr std::size_t kFewTies = 2;

const std::vector<Case>& all_cases() {
    static const std::vector<Case> cases = [] {
        std::vector<Case> all = float_cases();
        for (auto&& family : {gate_cases(), movement_cases(), int8_cases(), product_cases(), recurrent_cases()})
            all.insert(all.end(), family.begin(), family.end());
        return all;
    }();
    return cases;
}

// Reasons by case, from the lines `case: reason` of the device's skip file.
std::map<std::string, std::string> skips_of(std::string device) {
    for (char& c : device) c = static_cast<char>(std::tolower(c));
    std::map<std::string, std::string> skips;
    std::ifstream file(OCTET_CONFORMANCE_DIR "/" + device + ".skip");
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        const auto colon = line.find(": ");
        skips[line.substr(0, colon)] = colon == std::string::npos ? "" : line.substr(colon + 2);
    }
    return skips;
}

void feed(Tensor tensor, const Builder::Range& range, Builder& numbers) {
    for (std::size_t i = 0; i < tensor.get_size(); ++i) {
        const float value = numbers.uniform(range.low, range.high);
        switch (tensor.get_element_type()) {
            case ElementType::f32: tensor.data<float>()[i] = value; break;
            case ElementType::i32: tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(value); break;
            case ElementType::u8: tensor.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(value); break;
            default: throw Error("the suite has no such inputs");
        }
    }
}

ir::Tensor contents(const Tensor& tensor) {
    const Shape& shape = tensor.get_shape();
    return ir::Tensor(tensor.get_element_type(), ir::Dims(shape.begin(), shape.end()),
                      static_cast<const std::byte*>(tensor.data()), nullptr);
}

// What is wrong with a result, or nothing.
std::string difference(const Tensor& got, const Tensor& wanted, double step) {
    if (got.get_shape() != wanted.get_shape())
        return "shape " + got.get_shape().to_string() + ", wanted " + wanted.get_shape().to_string();
    const ir::Tensor a = contents(got), b = contents(wanted);
    double low = 0, high = 0, worst = 0;
    std::size_t at = 0, off = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        low = std::min(low, b.at(i));
        high = std::max(high, b.at(i));
        const double distance = std::abs(a.at(i) - b.at(i));
        if (!(distance <= worst)) worst = distance, at = i;
        if (!(distance <= 0.5 * step)) ++off;
    }
    const bool exact = !is_float(wanted.get_element_type());
    const double allowed = exact ? 0 : step > 0 ? 1.001 * step : 1e-4 * std::max(high - low, 1e-6);
    std::string text;
    if (!(worst <= allowed))
        text = fmt::format("element {} of {} is {}, wanted {} (allowed difference {}); ", at, b.size(), a.at(at),
                           b.at(at), allowed);
    const std::size_t ties = kFewTies + static_cast<std::size_t>(kShareOfTies * static_cast<double>(b.size()));
    if (step > 0 && !exact && off > ties)
        text += fmt::format("{} of {} elements are a step off, at most {} may be", off, b.size(), ties);
    return text;
}

// All inferences of a case on one device; the outputs in sequence.
std::vector<Tensor> run(const Case& c, const Builder& built, const CompiledModel& compiled) {
    InferRequest request = compiled.create_infer_request();
    Builder numbers(99);
    std::vector<std::vector<ir::Dims>> shapes = c.shapes;
    if (shapes.empty()) shapes.resize(1);
    std::vector<Tensor> outputs;
    for (const auto& now : shapes) {
        for (std::size_t i = 0; i < compiled.inputs().size(); ++i) {
            const Port& port = compiled.inputs()[i];
            Tensor tensor(port.get_element_type(),
                          now.empty() ? port.get_shape() : Shape(now[i].begin(), now[i].end()));
            feed(tensor, built.ranges()[i], numbers);
            request.set_input_tensor(i, tensor);
        }
        // Twice: memory that one inference leaves behind must not reach the next.
        request.infer();
        request.infer();
        for (std::size_t i = 0; i < compiled.outputs().size(); ++i) {
            Tensor copy(compiled.outputs()[i].get_element_type(), {0});
            request.get_output_tensor(i).copy_to(copy);
            outputs.push_back(copy);
        }
    }
    return outputs;
}

std::string verdict(const Case& c, const std::string& device) {
    Builder built(ir::op_id(c.name));
    c.build(built);
    const auto model = runtime::ModelAccess::make(built.graph(), c.name);
    Core core;
    const std::vector<Tensor> wanted = run(c, built, core.compile_model(model, "REFERENCE"));
    // The devices are compared at the accuracy of f32, bf16 has its own tests; and on integers also where float is faster.
    const CompiledModel compiled = core.compile_model(model, device, hint::inference_precision("f32"),
                                                      hint::low_precision_plan("INTEGERS"));
    const std::vector<Tensor> got = run(c, built, compiled);
    std::string text;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (const std::string wrong = difference(got[i], wanted[i], c.step); !wrong.empty())
            text += fmt::format("result {}: {}\n", i, wrong);
    if (c.int8 && device != "REFERENCE") {
        const Report report = compiled.report();
        if (std::ranges::none_of(report.layers, &LayerReport::int8)) {
            text += "nothing ran in int8\n";
            for (const LayerReport& layer : report.layers)
                if (layer.status == LayerStatus::executed)
                    text += fmt::format("{} by {}: {} {}\n", layer.name, layer.kernel, layer.code, layer.reason);
        }
    }
    return text;
}

using Parameter = std::tuple<std::string, std::size_t>;
class Conformance : public ::testing::TestWithParam<Parameter> {};

TEST_P(Conformance, AgreesWithReference) {
    const auto& [device, index] = GetParam();
    const Case& c = all_cases()[index];
    const auto skips = skips_of(device);
    std::string wrong;
    try {
        wrong = verdict(c, device);
    } catch (const std::exception& e) {
        wrong = e.what();
    }
    if (const auto skip = skips.find(c.name); skip != skips.end()) {
        EXPECT_FALSE(wrong.empty()) << "it is listed as failing ('" << skip->second << "') and passes: remove its line";
        GTEST_SKIP() << skip->second;
    }
    if (wrong.empty()) return;
    Builder built(ir::op_id(c.name));
    c.build(built);
    ADD_FAILURE() << wrong << ir::print(built.graph(), {.elide_above = 16});
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance,
                         ::testing::Combine(::testing::Values("CPU", "REFERENCE"),
                                            ::testing::Range<std::size_t>(0, all_cases().size())),
                         [](const auto& test) {
                             return std::get<0>(test.param) + "_" + all_cases()[std::get<1>(test.param)].name;
                         });

TEST(ConformanceSkips, NameACaseAndAReason) {
    for (const char* device : {"CPU", "REFERENCE"})
        for (const auto& [name, reason] : skips_of(device)) {
            EXPECT_NE(std::ranges::find(all_cases(), name, &Case::name), all_cases().end())
                << "there is no case '" << name << "'";
            EXPECT_FALSE(reason.empty()) << "the skip of '" << name << "' has no reason";
        }
}

}  // namespace
}  // namespace octet::conformance
