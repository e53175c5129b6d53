#include "tests/rules/rule_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "ir/eval/eval.hpp"
#include "ir/ops/core.hpp"
#include "transformations/rewrite/pipeline.hpp"

namespace octet::rewrite {
namespace {

constexpr unsigned kSeeds = 8;
constexpr std::string_view kDeclines = "declines: ";

bool is_before(const std::string& title) { return title == "before" || title.starts_with("before: "); }

RunLog run_alone(const Rule& rule, ir::Graph& graph) {
    return run({{rule.name(), "alone", std::vector<Rule>{rule}}}, graph, {.verify = Verify::applications});
}

bool is_close(const ir::Tensor& a, const ir::Tensor& b, std::optional<double> tolerance) {
    if (a.type() != b.type()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = a.at(i);
        const double y = b.at(i);
        if (x == y || (std::isnan(x) && std::isnan(y))) continue;
        if (!tolerance || !(std::abs(x - y) <= *tolerance * std::max(1.0, std::abs(x)))) return false;
    }
    return true;
}

class Checker {
public:
    Checker(const Rule& rule, const RuleFile& file, std::span<const ir::OpDef* const> extra)
        : rule_(rule), file_(file), extra_(extra) {}

    std::vector<std::string> run() {
        std::size_t examples = 0;
        for (std::size_t i = 0; i < file_.sections.size(); ++i) {
            const auto& section = file_.sections[i];
            try {
                if (is_before(section.title) && i + 1 < file_.sections.size() &&
                    file_.sections[i + 1].title == "after") {
                    change(section.text, file_.sections[i + 1].text);
                    ++examples;
                    ++i;
                } else if (section.title.starts_with(kDeclines)) {
                    refusal(section.title.substr(kDeclines.size()), section.text);
                } else {
                    fail("section '{}' is out of place", section.title);
                }
            } catch (const std::exception& e) {
                fail("section '{}': {}", section.title, e.what());
            }
        }
        if (examples == 0) fail("there is no pair of before and after");
        for (std::size_t i = 0; i < rule_.checks().size(); ++i)
            if (!declined_.contains(i))
                fail("no example declines with '{}: {}'", name_of(rule_.checks()[i].code), rule_.checks()[i].text);
        return std::move(failures_);
    }

private:
    template <class... A>
    void fail(fmt::format_string<A...> text, A&&... args) {
        failures_.push_back(rule_.name() + ": " + fmt::format(text, std::forward<A>(args)...));
    }

    ir::Graph read(const std::string& text) {
        ir::Graph graph = ir::parse(text, extra_);
        round_trip(graph);
        return graph;
    }
    void round_trip(const ir::Graph& graph) {
        if (!(ir::parse(ir::print(graph), extra_) == graph))
            fail("this graph is not what it prints:\n{}", ir::print(graph));
    }

    void change(const std::string& before, const std::string& after) {
        const ir::Graph original = read(before);
        ir::Graph graph = original;
        if (run_alone(rule_, graph).applications == 0) fail("it does nothing to\n{}", before);
        round_trip(graph);
        if (!(graph == read(after))) fail("it gives\n{}instead of\n{}", ir::print(graph), after);
        ir::Graph again = graph;
        if (run_alone(rule_, again).applications != 0) fail("a second run changes its result to\n{}", ir::print(again));
        if (file_.numbers) compare(original, graph);
    }

    void compare(const ir::Graph& before, const ir::Graph& after) {
        for (unsigned seed = 0; seed < kSeeds; ++seed) {
            const ir::Tensors inputs = random_parameters(before, seed);
            ir::eval::State state_before;
            ir::eval::State state_after;
            const ir::Tensors a = ir::eval::evaluate(before, inputs, &state_before);
            const ir::Tensors b = ir::eval::evaluate(after, inputs, &state_after);
            for (std::size_t i = 0; i < a.size(); ++i)
                if (!is_close(a[i], b.at(i), file_.tolerance))
                    return fail("other numbers in result {}: {} before, {} after (seed {}), of\n{}", i, numbers(a[i]),
                                numbers(b[i]), seed, ir::print(before));
        }
    }
    static std::string numbers(const ir::Tensor& t) {
        std::string text = to_string(t.type()) + "{";
        for (std::size_t i = 0; i < std::min<std::size_t>(t.size(), 32); ++i)
            text += fmt::format("{}{}", i ? ", " : "", t.at(i));
        return text + (t.size() > 32 ? ", ...}" : "}");
    }

    void refusal(const std::string& wanted, const std::string& text) {
        const ir::Graph original = read(text);
        ir::Graph graph = original;
        const RunLog log = run_alone(rule_, graph);
        if (log.applications != 0 || !(graph == original))
            return fail("it does not decline with '{}', it gives\n{}", wanted, ir::print(graph));
        std::string got;
        for (const Event& event : log.events) {
            const std::string given = fmt::format("{}: {}", name_of(event.code), reason(log, graph, event));
            if (given == wanted) {
                declined_.insert(event.text);
                return;
            }
            got += (got.empty() ? "'" : ", '") + given + "'";
        }
        fail("it does not decline with '{}' but with {}", wanted,
             got.empty() ? "nothing: the pattern does not hold" : got);
    }

    const Rule& rule_;
    const RuleFile& file_;
    std::span<const ir::OpDef* const> extra_;
    std::vector<std::string> failures_;
    std::set<std::size_t> declined_;
};

}  // namespace

RuleFile parse_rule_file(const std::string& text) {
    RuleFile file;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("--- ")) file.sections.push_back({line.substr(4), ""});
        else (file.sections.empty() ? file.header : file.sections.back().text) += line + "\n";
        if (!file.sections.empty()) continue;
        if (line.starts_with("# tolerance: ")) file.tolerance = std::stod(line.substr(13));
        if (line.starts_with("# numbers: none, ")) file.numbers = false;
    }
    return file;
}

std::string print_rule_file(const RuleFile& file) {
    std::string text = file.header;
    for (const auto& section : file.sections) text += "--- " + section.title + "\n" + section.text;
    return text;
}

std::vector<std::string> check_rule(const Rule& rule, const RuleFile& file, std::span<const ir::OpDef* const> extra) {
    return Checker(rule, file, extra).run();
}

RuleFile blessed(const Rule& rule, RuleFile file, std::span<const ir::OpDef* const> extra) {
    for (std::size_t i = 0; i < file.sections.size(); ++i) {
        auto& section = file.sections[i];
        if (section.title == "after") continue;
        ir::Graph graph = ir::parse(section.text, extra);
        const RunLog log = run_alone(rule, graph);
        if (is_before(section.title)) {
            if (i + 1 == file.sections.size() || file.sections[i + 1].title != "after")
                file.sections.insert(file.sections.begin() + static_cast<std::ptrdiff_t>(i) + 1, {"after", ""});
            file.sections[i + 1].text = ir::print(graph);
        } else if (section.title.starts_with("declines") && !log.events.empty() && log.applications == 0) {
            const Event& event = log.events.back();
            section.title = fmt::format("{}{}: {}", kDeclines, name_of(event.code), reason(log, graph, event));
        }
    }
    return file;
}

ir::Tensors random_parameters(const ir::Graph& graph, unsigned seed) {
    std::mt19937 random(seed);
    ir::Tensors tensors;
    for (const ir::NodeId id : graph.parameters()) {
        const auto& parameter = graph.node(id).op.get<ir::Parameter>();
        ir::Dims dims;
        for (const ir::Dim d : parameter.shape.dims()) dims.push_back(std::clamp<std::int64_t>(3, d.low, d.high));
        ir::Tensor tensor(parameter.element, dims);
        if (ir::Tensor floats(ir::Element::f32, dims); is_float(parameter.element)) {
            for (float& x : floats.write<float>()) x = static_cast<float>(static_cast<int>(random() % 257) - 128) / 16;
            tensor = floats.converted(parameter.element);
        } else if (bytes_of(parameter.element, 1) == 1) {
            const bool logical = parameter.element == ir::Element::boolean;
            for (std::byte& b : tensor.write_raw()) b = static_cast<std::byte>(logical ? random() % 2 : random() % 256);
        } else {
            for (float& x : floats.write<float>()) x = static_cast<float>(random() % 100);
            tensor = floats.converted(parameter.element);
        }
        tensors.push_back(std::move(tensor));
    }
    return tensors;
}

std::vector<std::string> check_rule_in_folder(const Rule& rule, const std::string& folder,
                                              std::span<const ir::OpDef* const> extra) {
    const std::string path = folder + "/" + rule.name() + ".txt";
    std::ifstream in(path);
    if (!in) return {rule.name() + ": there is no " + path};
    std::stringstream text;
    text << in.rdbuf();
    RuleFile file = parse_rule_file(text.str());
    if (const char* bless = std::getenv("BLESS"); bless && std::string_view(bless) == "1") {
        file = blessed(rule, std::move(file), extra);
        std::ofstream(path) << print_rule_file(file);
    }
    return check_rule(rule, file, extra);
}

}  // namespace octet::rewrite
