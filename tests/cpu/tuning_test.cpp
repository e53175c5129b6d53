// Measuring kernels: which one is chosen, what the file keeps, and what becomes of damaged files and those of other machines. The times
// are made up, but for the last tests.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <octet/error.hpp>
#include <set>

#include "plugins/cpu/executable.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#include "plugins/cpu/tuning/file.hpp"
#include "plugins/cpu/tuning/tuned.hpp"
#include "tests/cpu/support.hpp"
#include "tests/xml/folder.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct FakeCandidate {
    std::string name;
    double us = 0;
    bool comparable = true;
};
struct FakeLayer {
    std::string text;
    std::vector<FakeCandidate> candidates;  // in the usual order
};

// A model whose layers take the times that are written beside their candidates, one step each. A kernel's name is its layer's and its own.
class FakeModel {
public:
    explicit FakeModel(std::vector<FakeLayer> layers) : layers_(std::move(layers)) {}

    Plan make(const Postpone& postpone) {
        ++plans;
        Plan plan;
        for (const FakeLayer& layer : layers_) {
            const FakeCandidate& taken = first(layer, postpone);
            plan.steps.emplace_back().kernel = layer.text + "/" + taken.name;
            plan.layers.push_back({layer.text, taken.name, plan.steps.size() - 1, plan.steps.size()});
        }
        return plan;
    }
    std::vector<double> measure(const Plan& plan) {
        ++runs;
        std::vector<double> us;
        for (const Step& step : plan.steps)
            for (const FakeLayer& layer : layers_)
                for (const FakeCandidate& c : layer.candidates)
                    if (step.kernel == layer.text + "/" + c.name) us.push_back(c.us);
        if (const auto extra = extra_us(plan); extra > 0) us.back() += extra;
        return us;
    }
    MeasuredLayers tune(const MeasuredLayers& known = {}, const TuneLimits& limits = {}) {
        return measure_layers([&](const Postpone& p) { return make(p); }, [&](const Plan& p) { return measure(p); },
                              known, limits);
    }

    int plans = 0, runs = 0;
    std::function<double(const Plan&)> extra_us = [](const Plan&) {
        return 0.0;
    };  // what the layers together take more

private:
    static const FakeCandidate& first(const FakeLayer& layer, const Postpone& postpone) {
        for (const FakeCandidate& c : layer.candidates)
            if (!postpone || !postpone(layer.text, c.name, c.comparable)) return c;
        return layer.candidates.front();
    }
    std::vector<FakeLayer> layers_;
};

std::string choice(const MeasuredLayers& layers, const std::string& text) { return layers.at(text).choice; }

TEST(Tune, EachLayerGetsItsFastestCandidate) {
    FakeModel model({{"a", {{"own", 30}, {"rows", 40}, {"onednn", 20}}}, {"b", {{"own", 10}, {"onednn", 11}}}});
    const MeasuredLayers layers = model.tune();
    EXPECT_EQ(choice(layers, "a"), "onednn");
    EXPECT_EQ(choice(layers, "b"), "own");
    EXPECT_EQ(layers.at("a").usual, "own");
    EXPECT_THAT(layers.at("a").times,
                ElementsAre(CandidateTime{"onednn", "a/onednn", 20}, CandidateTime{"own", "a/own", 30},
                            CandidateTime{"rows", "a/rows", 40}));
    EXPECT_EQ(times_text(layers.at("a")), "a/onednn 0.020 ms, a/own 0.030 ms, a/rows 0.040 ms");
    EXPECT_EQ(unusual_choices(layers, {"a", "b", "c"}), "a\tonednn\n");
}

TEST(Tune, WhatGainsLittleKeepsItsKernel) {
    EXPECT_EQ(choice(FakeModel({{"a", {{"own", 100}, {"onednn", 99}}}}).tune(), "a"), "own");
    EXPECT_EQ(choice(FakeModel({{"a", {{"own", 100}, {"onednn", 90}}}}).tune(), "a"), "onednn");
}

TEST(Tune, AllLayersOfOneTextGetTheSame) {
    // The second is in the way of the first: together they take more.
    FakeModel model({{"a", {{"own", 20}, {"onednn", 10}}}, {"a", {{"own", 20}, {"onednn", 10}}}});
    EXPECT_EQ(choice(model.tune(), "a"), "onednn");
    EXPECT_EQ(model.plans, 4) << "each candidate, one more that finds nothing new, and the choice";
}

TEST(Tune, TheModelAsAWholeHasToBeFaster) {
    FakeModel model({{"a", {{"own", 20}, {"onednn", 10}}}, {"b", {{"own", 5}, {"onednn", 30}}}});
    // What "a" gains, "b" loses to it.
    model.extra_us = [](const Plan& plan) {
        return plan.layers[0].candidate == "onednn" && plan.layers[1].candidate == "own" ? 10.0 : 0.0;
    };
    const MeasuredLayers layers = model.tune();
    EXPECT_EQ(choice(layers, "a"), "own");
    EXPECT_EQ(layers.at("a").times.size(), 2u) << "the times are kept";
}

TEST(Tune, WhatIsKnownStays) {
    FakeModel model({{"a", {{"own", 20}, {"onednn", 10}}}, {"b", {{"own", 20}, {"rows", 30}, {"onednn", 10}}}});
    const MeasuredLayers known{{"b", {"own", "rows", {}}}};
    model.extra_us = [](const Plan& plan) {
        EXPECT_EQ(plan.layers[1].candidate, "rows");
        return 0.0;
    };
    const MeasuredLayers layers = model.tune(known);
    EXPECT_EQ(choice(layers, "a"), "onednn");
    EXPECT_FALSE(layers.contains("b"));
}

TEST(Tune, NothingRunsWhereThereIsNoChoice) {
    FakeModel model({{"a", {{"own", 20}}}, {"b", {{"onednn", 10}}}});
    const MeasuredLayers layers = model.tune();
    EXPECT_EQ(model.runs, 0);
    EXPECT_EQ(choice(layers, "b"), "onednn");
    EXPECT_EQ(times_text(layers.at("b")), "");
}

TEST(Tune, WhatCostsOtherLayersIsNotCompared) {
    FakeModel model({{"a", {{"rows", 20}, {"onednn", 10, false}}}});
    EXPECT_EQ(choice(model.tune(), "a"), "rows");
    EXPECT_EQ(model.runs, 0);
}

TEST(Tune, TimeIsLimited) {
    FakeModel model({{"a", {{"own", 1000}, {"onednn", 1000}}}});
    model.tune({}, {.budget_us = 10500, .least_rounds = 3, .most_rounds = 100});
    EXPECT_EQ(model.runs, 12) << "the round that reaches the budget is the last one";
    FakeModel slow({{"a", {{"own", 1e9}, {"onednn", 1e9}}}});
    slow.tune({}, {.budget_us = 10500, .least_rounds = 3, .most_rounds = 100});
    EXPECT_EQ(slow.runs, 6);
    FakeModel fast({{"a", {{"own", 1}, {"onednn", 1}}}});
    fast.tune({}, {.budget_us = 10500, .least_rounds = 3, .most_rounds = 5});
    EXPECT_EQ(fast.runs, 10);
}

// -- the file -------------------------------------------------------------
std::string contents_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void overwrite(const fs::path& path, const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
}

Settings settings_for(const fs::path& folder, bool tune, int threads = 1) {
    Settings settings;
    settings.streams = 1;
    settings.threads = threads;
    settings.cache_dir = folder.string();
    settings.tune = tune;
    return settings;
}

const MeasuredLayers& some_layers() {
    static const MeasuredLayers layers{{"convolution u8[1,3] with to f32[2]",
                                        {"own", "onednn", {{"onednn", "onednn_brg:x", 1.25}, {"own", "jit_x", 2}}}},
                                       {"matmul", {"own", "own", {{"own", "jit_y", 0}}}},
                                       {"not planned", {}}};
    return layers;
}

struct LayersFile : public ::testing::Test {
    LayersFile() { EXPECT_TRUE(write_layers(path, "owner", some_layers())); }
    const TemporaryFolder folder;
    const fs::path path = folder.path / "made" / "x.kernels";
};

TEST_F(LayersFile, GivesBackWhatWasWritten) {
    const StoredLayers stored = read_layers(path, "owner");
    EXPECT_THAT(stored.damage, IsEmpty());
    EXPECT_EQ(stored.layers, some_layers());
    EXPECT_TRUE(read_layers(folder.path / "missing", "owner").damage.empty());
    EXPECT_FALSE(write_layers(path / "below a file", "owner", some_layers()));
}

TEST_F(LayersFile, EveryDamageIsNoticed) {
    const std::string whole = contents_of(path);
    const auto expect_refused = [&](const std::string& damaged) {
        overwrite(path, damaged);
        const StoredLayers stored = read_layers(path, "owner");
        EXPECT_THAT(stored.layers, IsEmpty());
        EXPECT_THAT(stored.damage, HasSubstr(", and was ignored")) << damaged;
    };
    for (std::size_t i = 0; i < whole.size(); ++i) {
        std::string damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        expect_refused(damaged);
        expect_refused(whole.substr(0, i));
    }
    expect_refused(whole + "more\n");
}

TEST_F(LayersFile, SaysWhatIsWrong) {
    const std::string whole = contents_of(path);
    EXPECT_EQ(read_layers(path, "somebody").damage, "belongs to another machine, and was ignored");
    overwrite(path, "octet kernels 2\n");
    EXPECT_EQ(read_layers(path, "owner").damage, "is of another form, and was ignored");
    overwrite(path, whole.substr(0, whole.size() - 1));
    EXPECT_EQ(read_layers(path, "owner").damage, "is damaged, as its checksum says, and was ignored");
    ASSERT_TRUE(write_layers(path, "owner", {{"layer", {"own", "own", {{"own", "a\tb", 1}}}}}));
    EXPECT_EQ(read_layers(path, "owner").damage, "holds a line that is no layer, and was ignored");
}

TEST(LayersOwner, IsTheProcessorTheLibrariesAndTheThreads) {
    Machine machine;
    machine.name = "processor";
    std::vector<std::string> owners;
    const auto add = [&](const Settings& settings) { owners.push_back(owner_of(machine, settings)); };
    add(settings_for({}, false));
    add(settings_for("elsewhere", true));
    EXPECT_EQ(owners[0], owners[1]) << "where it is kept, and whether it is measured now, makes no difference";
    add(settings_for({}, false, 2));
    machine.signature = 7;
    add(settings_for({}, false));
    machine.isa = Isa::avx2;
    add(settings_for({}, false));
    EXPECT_EQ(std::set(owners.begin(), owners.end()).size(), 4u);
    EXPECT_NE(file_of_layers("f", owners[1]), file_of_layers("f", owners[2]));
    EXPECT_TRUE(file_of_layers({}, owners[0]).empty());
}

// -- models ---------------------------------------------------------------
// Codes, a 3x3 convolution and a product: two kinds of layers with candidates.
Graph network() {
    Graph graph;
    Edit edit(graph);
    Value x = edit.add(Parameter{Element::u8, Shape{1, 32, 14, 14}, {}}, {});
    Convolution window{{1, 1}, {1, 1}, {1, 1}, {1, 1}};
    x = edit.add(window, {x, edit.constant(random_tensor({Element::i8, Shape{64, 32, 3, 3}}, 1, -20, 20))});
    x = edit.add(Dequantize{numbers({1, 1, 1, 1}, {0.001f}), numbers({1, 1, 1, 1}, {0}), Element::f32}, {x});
    x = edit.add(whole_codes(4), {x});
    Convolution pointwise{{1, 1}, {0, 0}, {0, 0}, {1, 1}};
    x = edit.add(pointwise, {x, edit.constant(random_tensor({Element::i8, Shape{32, 64, 1, 1}}, 2, -20, 20))});
    x = edit.add(Dequantize{numbers({1, 1, 1, 1}, {0.5f}), numbers({1, 1, 1, 1}, {0}), Element::f32}, {x});
    edit.add(Result{}, {x});
    return graph;
}

TEST(LayerText, SaysWhatMatters) {
    EXPECT_THAT(layers_with_candidates(network()),
                ElementsAre("convolution u8[1,32,14,14] i8[64,32,3,3] strides=[1,1] pads_begin=[1,1] pads_end=[1,1] "
                            "dilations=[1,1] dequantize quantize with to u8[1,64,14,14]",
                            "convolution u8[1,64,14,14] i8[32,64,1,1] strides=[1,1] pads_begin=[0,0] pads_end=[0,0] "
                            "dilations=[1,1] dequantize with to f32[1,32,14,14]"));
}

// Whatever is measured, results stay the same.
TEST(Candidates, ComputeTheSame) {
    const auto graph = std::make_shared<const Graph>(network());
    const Machine machine = detect_machine();
    const Tensor data = random_tensor({Element::u8, Shape{1, 32, 14, 14}}, 3, 0, 255);
    std::set<std::string> seen;
    Tensors wanted;
    for (bool more = true; more;) {
        Planner planner(graph, machine, 2);
        planner.postpone([&](const std::string&, std::string_view candidate, bool) {
            return seen.contains(std::string(candidate));
        });
        const Plan plan = planner.run();
        ASSERT_EQ(plan.layers.size(), 2u);
        more = false;
        for (const PlannedLayer& layer : plan.layers) more = seen.insert(layer.candidate).second || more;
        const Tensors outputs = run_plan(plan, {data}, 2);
        if (wanted.empty()) wanted = outputs;
        EXPECT_EQ(outputs, wanted) << plan.layers[0].candidate << " " << plan.layers[1].candidate;
    }
    EXPECT_TRUE(seen.size() > 2 || !machine.avx2());
}

// Tunes with the planner's plans and times by kernel: what is not oneDNN's takes longer, or oneDNN's.
struct TunedModel : public ::testing::Test {
    Tuned tune(bool wanted, int threads = 1) {
        const Settings settings = settings_for(folder.path, wanted, threads);
        return tuned_layers(
            *graph, machine, settings,
            [&](const Postpone& postpone) {
                Planner planner(graph, machine, threads);
                planner.postpone(postpone);
                return planner.run();
            },
            [&](const Plan& plan) {
                ++runs;
                std::vector<double> us;
                for (const Step& step : plan.steps)
                    us.push_back(step.kernel.starts_with("onednn") == onednn_wins ? 1 : 2);
                return us;
            });
    }
    fs::path file() const { return file_of_layers(folder.path, owner_of(machine, settings_for(folder.path, true))); }
    std::vector<std::string> kernels(const Tuned& tuned) const {
        Planner planner(graph, machine, 1);
        planner.postpone(tuned.postpone());
        std::vector<std::string> names;
        for (const Step& step : planner.run().steps)
            if (step.kernel != "reorder") names.push_back(step.kernel);
        return names;
    }

    const std::shared_ptr<const Graph> graph = std::make_shared<const Graph>(network());
    const Machine machine = detect_machine();
    const TemporaryFolder folder;
    int runs = 0;
    bool onednn_wins = true;
};

TEST_F(TunedModel, WithoutTheWishNothingIsMeasured) {
    const Tuned tuned = tune(false);
    EXPECT_EQ(runs, 0);
    EXPECT_EQ(tuned.note, "");
    EXPECT_EQ(tuned.unusual, "");
    EXPECT_FALSE(tuned.layers);
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(TunedModel, LaterCompilationsReadWhatWasMeasured) {
    const Tuned first = tune(true);
    EXPECT_EQ(first.note, "kinds of layers measured now: 2");
    const int measured = runs;
    for (const bool wish : {true, false}) {
        const Tuned later = tune(wish);
        EXPECT_EQ(runs, measured);
        EXPECT_EQ(later.note, "kinds of layers measured before: 2, of '" + file().string() + "'");
        EXPECT_EQ(later.unusual, first.unusual);
        EXPECT_EQ(*later.layers, *first.layers);
        EXPECT_EQ(kernels(later), kernels(first));
    }
    tune(false, 2);
    EXPECT_EQ(runs, measured) << "nothing is known of two threads";
}

TEST_F(TunedModel, TheChoiceIsPlannedAndReported) {
    if (!machine.avx2() || onednn::version().empty()) GTEST_SKIP() << "there is one kernel for each layer";
    for (const bool wins : {true, false}) {
        onednn_wins = wins;
        const Tuned tuned = tune(true);
        for (const auto& [text, layer] : *tuned.layers) EXPECT_EQ(layer.choice == "onednn", wins) << text;
        for (const std::string& kernel : kernels(tuned)) EXPECT_EQ(kernel.starts_with("onednn"), wins);
        Planner planner(graph, machine, 1);
        planner.postpone(tuned.postpone());
        Plan plan = planner.run();
        tuned.note_times(plan);
        for (const PlannedLayer& layer : plan.layers) {
            const Step& step = plan.steps[layer.end - 1];
            EXPECT_THAT(step.measured, ::testing::StartsWith(step.kernel + " 0.001 ms, "));
        }
        fs::remove(file());
    }
}

TEST_F(TunedModel, ADamagedFileIsMeasuredAgainOrLeftOut) {
    tune(true);
    const std::string good = contents_of(file());
    overwrite(file(), good + "x");
    const std::string damage = "'" + file().string() + "' is damaged, as its checksum says, and was ignored";
    const Tuned ignored = tune(false);
    EXPECT_EQ(ignored.note, damage);
    EXPECT_FALSE(ignored.layers);
    const Tuned again = tune(true);
    EXPECT_EQ(again.note, damage + "; kinds of layers measured now: 2");
    EXPECT_EQ(contents_of(file()), good);
}

TEST_F(TunedModel, WhatDoesNotRunIsNotMeasured) {
    const Tuned tuned = tuned_layers(
        *graph, machine, settings_for(folder.path, true), [](const Postpone&) -> Plan { throw Error("no such index"); },
        [](const Plan&) { return std::vector<double>(); });
    EXPECT_EQ(tuned.note, "nothing can be measured, as the model does not run on made-up inputs: no such index");
    EXPECT_FALSE(fs::exists(file()));
}

// With the real clock: whatever wins, results are the same and the second compilation measures nothing.
TEST(TunedExecutable, ComputesTheSame) {
    const TemporaryFolder folder;
    Graph graph;
    Edit edit(graph);
    Value x = edit.add(Parameter{Element::f32, Shape{1, 16, 9, 9}, {}}, {});
    const Value low = edit.constant(Tensor::scalar(0.0f)), high = edit.constant(Tensor::scalar(255.0f));
    x = edit.add(FakeQuantize{}, {x, low, high, low, high});
    const Dims one(4, 1);
    const Value weights = edit.add(Dequantize{numbers(one, {0.5f}), numbers(one, {0}), Element::f32},
                                   {edit.constant(random_tensor({Element::i8, Shape{16, 16, 3, 3}}, 1, -9, 9))});
    x = edit.add(Convolution{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, {x, weights});
    edit.add(Result{}, {x});
    class Sink final : public OutputSink {
    public:
        void* output(std::size_t, Element element, const Dims& dims) override {
            tensor = Tensor(element, dims);
            return tensor.write_raw().data();
        }
        Tensor tensor;
    };
    Tensor data = random_tensor({Element::f32, Shape{1, 16, 9, 9}}, 5, 0, 255);
    const auto run = [&](const Settings& settings, std::string& note) {
        const auto executable = std::make_shared<CpuExecutable>(graph, detect_machine(), settings);
        const HostTensor input{Element::f32, {1, 16, 9, 9}, data.write_raw().data()};
        Sink sink;
        executable->create_execution()->infer({&input, 1}, sink, 0);
        note = executable->report().tuning;
        return sink.tensor;
    };
    std::string untuned, measured, stored;
    const Tensor wanted = run(settings_for({}, false, 2), untuned);
    EXPECT_EQ(run(settings_for(folder.path, true, 2), measured), wanted);
    EXPECT_EQ(run(settings_for(folder.path, false, 2), stored), wanted);
    EXPECT_EQ(untuned, "");
    EXPECT_EQ(measured, "kinds of layers measured now: 1");
    EXPECT_THAT(stored, ::testing::StartsWith("kinds of layers measured before: 1, of '" + folder.path.string()));
}

}  // namespace
}  // namespace octet::cpu::testing
