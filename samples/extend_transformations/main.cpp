// Low precision with a rule and a restriction of the application's own:
//   extend_transformations MODEL [DEVICE]
// The rule turns x^2 into x * x, which the CPU computes on codes. The restriction keeps convolutions of images in float, as people do
// whose first layer loses most of the accuracy. Nothing in the library is edited for either.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <octet/core.hpp>
#include <octet/explain.hpp>
#include <vector>

#include "ir/ops/all.hpp"
#include "runtime/model_graph.hpp"
#include "transformations/apply.hpp"

namespace {

using namespace octet;
using rewrite::Code;
using rewrite::Decision;

// power(x, 2) -> multiply(x, x)
rewrite::Rule square() {
    return rewrite::Rule("power-of-two-to-product")
        .match(rewrite::op<ir::Power>("power", rewrite::any("x"), rewrite::constant("exponent")))
        .decline(Code::shape_unsupported, "the exponent of '{power}' is not one number",
                 [](const rewrite::Match& m) {
                     return m.constant("exponent").size() != 1 || m.type("x").shape != m.type("power").shape;
                 })
        .decline(Code::value_unsupported, "the exponent of '{power}' is not 2",
                 [](const rewrite::Match& m) { return m.constant("exponent").at(0) != 2; })
        .rewrite([](ir::Edit& e, const rewrite::Match& m) {
            return e.add(ir::Multiply{}, {m.value("x"), m.value("x")});
        });
}

// What the CPU says, except of convolutions over at most four channels.
Decision convolution(const ir::Graph& graph, const ir::Node& node, std::span<const low_precision::Operand> operands) {
    constexpr std::int64_t kImageChannels = 4;
    const ir::Shape& data = graph.shape(node.inputs[0]);
    if (data.ranked() && data.rank() > 1 && data[1].is_static() && data[1].low <= kImageChannels)
        return Decision::no(Code::plugin_veto, "'{layer}' reads an image, which this application keeps in float",
                            {node.name, {}});
    return low_precision::cpu_restrictions().find(node.op)->accepts(graph, node, operands);
}

// The first row for an op counts: the application's own stand before the device's.
std::vector<low_precision::Restriction> rows() {
    std::vector<low_precision::Restriction> rows{{ir::kOp<ir::Convolution>.id, convolution}};
    const auto cpu = low_precision::cpu_restrictions().rows;
    rows.insert(rows.end(), cpu.begin(), cpu.end());
    return rows;
}

void run(const char* file, const char* device) {
    const Core core;
    const auto model = core.read_model(file);
    const std::vector<low_precision::Restriction> own = rows();

    LowPrecisionOptions options;
    options.restrictions.rows = own;
    options.first = {{"application", "its rules see the graph as it was read", {square()}}};
    LowPrecisionResult result = apply_low_precision(graph_of(*model), options);

    const auto applied = std::ranges::count_if(result.log.events, [](const rewrite::Event& e) {
        return e.outcome == rewrite::Outcome::applied;
    });
    std::printf("%td applications of rules\n", applied);
    for (const low_precision::LayerPrecision& layer : result.plan.layers)
        std::printf("%s: %s\n", layer.layer.c_str(), to_string(layer.decision).c_str());

    // The result is a model as any other.
    const std::shared_ptr<const Model> lowered = model_of(std::move(result.graph), model->get_friendly_name());
    auto compiled = core.compile_model(lowered, device);
    compiled.create_infer_request().infer();
    const Int8Summary summary = summarize_int8(compiled.report());
    std::printf("%zu of %zu layers in int8 on %s\n", summary.int8_layers, summary.layers, device);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "extend_transformations MODEL [DEVICE]\n");
        return 1;
    }
    try {
        run(argv[1], argc > 2 ? argv[2] : "CPU");
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "extend_transformations: %s\n", e.what());
        return 1;
    }
}
