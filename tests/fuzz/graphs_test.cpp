// No graph crashes a device, hangs it or fills memory: mutations of the conformance cases are refused with an Error of one sentence, or
// run on every device.
//
// OCTET_FUZZ_GRAPHS sets how many, OCTET_FUZZ_SEED the first.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "ir/text.hpp"
#include "tests/conformance/cases.hpp"
#include "tests/fuzz/isolated.hpp"
#include "tests/fuzz/mutate_graph.hpp"
#include "tools/support/infer.hpp"

namespace octet::ir {
namespace {

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

const std::vector<conformance::Case>& cases() {
    static const auto all = [] {
        auto list = conformance::float_cases();
        for (auto&& family : {conformance::movement_cases(), conformance::int8_cases(), conformance::product_cases()})
            list.insert(list.end(), family.begin(), family.end());
        return list;
    }();
    return all;
}

// Work that is right and takes long is no defect: what is neither small nor beyond any memory is passed over.
bool takes_long(const Graph& graph) {
    constexpr std::int64_t kSmall = 1 << 18, kBeyond = std::int64_t{1} << 36;
    return std::ranges::any_of(graph.order(), [&](NodeId id) {
        return std::ranges::any_of(graph.node(id).outputs, [](const Output& output) {
            const Shape& shape = output.type.shape;
            if (!shape.is_static()) return false;
            const std::int64_t elements = shape.elements();
            return elements > kSmall && elements < kBeyond;
        });
    });
}

Tensors parameters_of(const Graph& graph) {
    Tensors parameters;
    for (const NodeId id : graph.parameters()) {
        Dims dims;
        for (const Dim d : graph.shape({id, 0}).dims()) dims.push_back(std::clamp<std::int64_t>(2, d.low, d.high));
        parameters.push_back(Tensor::filled(graph.element({id, 0}), dims, 1));
    }
    return parameters;
}

// What is wrong with how a device takes the graph, or nothing.
std::string fault(const std::string& device, const Graph& graph) {
    try {
        const Tensors parameters = parameters_of(graph);
        tools::infer_on(device, graph, parameters);
        return "";
    } catch (const InternalError& e) {
        return e.what();
    } catch (const Error& e) {
        const std::string_view text = e.what();
        return text.find('\n') == std::string_view::npos && !text.empty() ? "" : "not a sentence: " + std::string(text);
    } catch (const std::exception& e) {
        return std::string("not an Error of ours: ") + e.what();
    }
}

Graph mutation(std::uint64_t seed) {
    conformance::Builder builder(1);
    cases()[seed % cases().size()].build(builder);
    return mutated(builder.graph(), seed);
}

std::string check(std::uint64_t seed) {
    const conformance::Case& c = cases()[seed % cases().size()];
    Graph graph;
    try {
        graph = mutation(seed);
    } catch (const InternalError& e) {
        return fmt::format("{}: {}", c.name, e.what());
    } catch (const Error&) {
        return "";
    } catch (const std::exception& e) {
        return fmt::format("{}: not an Error of ours: {}", c.name, e.what());
    }
    if (takes_long(graph)) return "";
    for (const char* device : {"REFERENCE", "CPU"})
        if (const std::string wrong = fault(device, graph); !wrong.empty())
            return fmt::format("{} on {}: {}", c.name, device, wrong);
    return "";
}

TEST(Graphs, MutationsAreRefusedOrRun) {
    for (const std::string& wrong :
         run_isolated(number("OCTET_FUZZ_SEED", 0), number("OCTET_FUZZ_GRAPHS", 3000), check))
        ADD_FAILURE() << wrong << "\n" << print(mutation(std::stoull(wrong)), {.elide_above = 16});
}

// The test finds what it is for.
TEST(Isolated, TellsWhatIsWrong) {
    const auto check_some = [](std::uint64_t i) -> std::string {
        if (i == 3) std::abort();
        if (i == 5) return "five is wrong";
        if (i == 6) std::_Exit(23);
        if (i == 7)
            for (volatile bool forever = true; forever;) {}
        if (i == 8) std::vector<char> much(std::size_t{4} << 30);
        return "";
    };
    const auto wrong = run_isolated(0, 8, check_some, {.seconds = 1});
    EXPECT_EQ(wrong, (std::vector<std::string>{"3: it ends with signal 6", "5: five is wrong",
                                               "6: it ends with exit code 23", "7: it takes more than 1 seconds"}));
    EXPECT_EQ(run_isolated(8, 1, check_some), std::vector<std::string>{"8: it throws std::bad_alloc"});
}

}  // namespace
}  // namespace octet::ir
