#pragma once
// A pipeline is a list of named steps; `run` is the engine.
//
//   Pipeline canonicalise() {
//       return {{"fold", "shapes must be constants before fusions look at them", fold_constants},
//               {"fuse", "the plugins know swish, not its parts", {fuse_swish(), fuse_hswish()}}};
//   }
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "transformations/rewrite/log.hpp"
#include "transformations/rewrite/rule.hpp"

namespace octet::rewrite {

// What a pass tells about its decisions.
class Notes {
public:
    Notes(RunLog& log, std::uint16_t step, std::uint32_t scope) : log_(log), step_(step), scope_(scope) {}
    void applied(NodeId node, std::string text);
    void declined(NodeId node, Code code, std::string text, Detail detail = {});
    bool in_body() const {
        return scope_ != 0;
    }  // the graph is the body of a node; passes see it after the graph around it

private:
    void add(Event event, std::string text);
    RunLog& log_;
    std::uint16_t step_;
    std::uint32_t scope_;
};

// An ordinary function over the whole graph; says whether it changed it.
using Pass = std::function<bool(Graph&, Notes&)>;

enum class Repeat : std::uint8_t { once, to_fixed_point };

struct Step {
    std::string name;
    std::string why;  // why here: what must have run before, what needs it
    std::variant<std::vector<Rule>, Pass> action;
    Repeat repeat;

    Step(std::string step_name, std::string reason, std::vector<Rule> rules, Repeat times = Repeat::to_fixed_point)
        : name(std::move(step_name)), why(std::move(reason)), action(std::move(rules)), repeat(times) {}
    // A pass is `bool(Graph&, Notes&)` or `bool(Graph&)`.
    template <class F>
    requires(std::is_invocable_r_v<bool, F, Graph&, Notes&> || std::is_invocable_r_v<bool, F, Graph&>)
        Step(std::string step_name, std::string reason, F pass, Repeat times = Repeat::once)
        : name(std::move(step_name)), why(std::move(reason)), action(as_pass(std::move(pass))), repeat(times) {}

private:
    template <class F>
    static Pass as_pass(F pass) {
        if constexpr (std::is_invocable_v<F, Graph&, Notes&>) return pass;
        else return [pass](Graph& graph, Notes&) { return pass(graph); };
    }
};
using Pipeline = std::vector<Step>;

// What is checked while running. Each level includes the one before. A change that was reported must change the structural hash, and the
// other way round.
enum class Verify : std::uint8_t { nothing, steps, applications };

struct Options {
    // Names of steps and rules; a `*` at the end stands for anything.
    std::vector<std::string> disabled = {};
    std::vector<std::string> only = {};  // steps; empty: all
    std::vector<std::string> dump = {};  // steps after which `dumped` is called, when they changed the graph
    std::function<void(std::string_view step, const Graph&)> dumped = nullptr;
    std::vector<std::string> explain = {};  // layers that the caller is to explain; nothing to the engine
    std::size_t stop_after = SIZE_MAX;      // applications over the whole run; a pass that changed the graph is one
    std::size_t limit_per_node =
        16;  // applications of one step per node of the graph, beyond which it is taken for endless
    Verify verify = Verify::steps;

    // "dump=fuse*,disable=fuse-swish,stop-after=17,explain=conv1,only=fold,verify=applications": keys may come again. Throws Error for an
    // unknown key.
    static Options parse(std::string_view text);
    // The same from the variable OCTET_DEBUG.
    static Options from_environment();
};
bool matches(std::string_view name, const std::vector<std::string>& patterns);

// Runs the steps in order, on the graph and on the bodies of its nodes.
RunLog run(const Pipeline& pipeline, Graph& graph, const Options& options = {});

// The first application after which `good` does not hold any more, found by running the pipeline up to log2(applications) times.
struct Culprit {
    std::size_t application = 0;  // counted from 1; 0: the graph was bad before
    std::string text = {};        // as `describe`
};
std::optional<Culprit> bisect(const Pipeline& pipeline, const Graph& graph,
                              const std::function<bool(const Graph&)>& good, Options options = {});

}  // namespace octet::rewrite
