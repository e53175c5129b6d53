// octet run, bench and explain.
#include <gmock/gmock.h>

#include "tests/tools/program.hpp"
#include "tools/support/npy.hpp"

namespace octet::tools {
namespace {

using ir::Tensor;
using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class ModelCommands : public ProgramTest {
protected:
    template <class T>
    void write_array(const std::string& name, const ir::Dims& dims, const std::vector<T>& values) const {
        const Tensor t = Tensor::of<T>(dims, std::span<const T>(values));
        write_npy(folder / name, t.element(), dims, t.data());
    }
    std::vector<float> array(const std::string& name) const { return read_npy(folder / name).floats(); }
    json answer(const std::string& below) const { return json::parse(read_file(folder / below / "outputs.json")); }
};

TEST_F(ModelCommands, RunTakesArraysAndNamesOutputs) {
    write_model("m.xml", kSum);
    write_array<float>("a.npy", {1, 3}, {1, -2, 3});
    write_array<float>("b.npy", {1, 3}, {1, 1, 1});
    const Answer a = octet("run m.xml -d REFERENCE --input a=a.npy --input b=b.npy --output-dir out");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(a.out + a.error, IsEmpty());
    EXPECT_THAT(files("out"), UnorderedElementsAre("0.0.npy", "outputs.json"));
    EXPECT_EQ(answer("out"), json::parse(R"({"calls": [[{"layer": "y", "port": 0, "file": "0.0.npy"}]]})"));
    EXPECT_THAT(array("out/0.0.npy"), testing::ElementsAre(2, 0, 4));
}

TEST_F(ModelCommands, RunConvertsWhatHoldsTheSameNumbers) {
    write_model("m.xml", kSum);
    write_array<float16>("a.npy", {1, 3}, {float16(0.5f), float16(1.0f), float16(2.0f)});
    write_array<std::uint8_t>("b.npy", {1, 3}, {1, 2, 255});
    ASSERT_EQ(octet("run m.xml -d REFERENCE --input a=a.npy b=b.npy --output-dir out").status, 0);
    EXPECT_THAT(array("out/0.0.npy"), testing::ElementsAre(1.5f, 3, 257));

    write_text("i.txt", "a : i32[2] = parameter() shape=[2] element=i32\nout : i32[2] = result(a)\n");
    write_array<std::int64_t>("long.npy", {2}, {-1, 70000});
    ASSERT_EQ(octet("run i.txt -d REFERENCE --input a=long.npy --output-dir out").status, 0);
    EXPECT_EQ(read_npy(folder / "out/0.0.npy"), Tensor::vector<std::int32_t>({-1, 70000}));
    write_array<std::int64_t>("long.npy", {2}, {1, std::int64_t{1} << 40});
    EXPECT_EQ(octet("run i.txt -d REFERENCE --input a=long.npy --output-dir out").error,
              "octet: 'long.npy': input 'a' is i32, the file holds i64\n");
    write_array<float>("float.npy", {2}, {1, 2});
    EXPECT_EQ(octet("run i.txt -d REFERENCE --input a=float.npy --output-dir out").error,
              "octet: 'float.npy': input 'a' is i32, the file holds f32\n");
}

TEST_F(ModelCommands, RunFollowsAFeed) {
    write_model("m.xml",
                "a : f32[?,2] = parameter() shape=[?,2]\nr : f32[?,2] = relu(a)\nt : f32[?,2] = tanh(r)\nout : "
                "f32[?,2] = result(t)\n");
    write_array<float>("0.npy", {2, 2}, {-1, 0, 1, 2});
    write_array<float>("1.npy", {2, 2}, {3, 4, -5, 6});
    write_text(
        "feed.json",
        R"({"shapes": {"a": [2, 2]}, "calls": [{"a": "0.npy"}, {"a": "1.npy"}], "taps": [{"layer": "r", "port": 0}]})");
    const Answer a = octet("run m.xml -d REFERENCE --feed feed.json --output-dir out/deeper");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_EQ(answer("out/deeper"), json::parse(R"({"calls": [
        [{"layer": "t", "port": 0, "file": "0.0.npy"}, {"layer": "r", "port": 0, "file": "0.1.npy"}],
        [{"layer": "t", "port": 0, "file": "1.0.npy"}, {"layer": "r", "port": 0, "file": "1.1.npy"}]]})"));
    EXPECT_THAT(array("out/deeper/0.1.npy"), testing::ElementsAre(0, 0, 1, 2));
    EXPECT_THAT(array("out/deeper/1.1.npy"), testing::ElementsAre(3, 4, 0, 6));
    EXPECT_NEAR(array("out/deeper/0.0.npy")[3], std::tanh(2.0f), 1e-5);
}

TEST_F(ModelCommands, RunKeepsStateOverTheCallsOfAFeed) {
    write_text("m.txt",
               "x : f32[1] = parameter() shape=[1]\nzero : f32[1] = constant() value=f32[1]{0}\n"
               "old : f32[1] = read_value(zero) variable=\"v\"\nnew : f32[1] = add(x, old)\n"
               "keep : f32[1] = assign(new) variable=\"v\"\nout : f32[1] = result(new)\n");
    write_array<float>("x.npy", {1}, {2});
    write_text("feed.json", R"({"calls": [{"x": "x.npy"}, {"x": "x.npy"}]})");
    const Answer a = octet("run m.txt -d REFERENCE --feed feed.json --output-dir out");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(array("out/0.0.npy"), testing::ElementsAre(2));
    EXPECT_THAT(array("out/1.0.npy"), testing::ElementsAre(4));
}

TEST_F(ModelCommands, RunSaysWhatIsWrongAndLeavesNothing) {
    write_model("m.xml", kSum);
    write_array<float>("a.npy", {1, 3}, {1, 2, 3});
    write_array<float>("wide.npy", {1, 4}, {1, 2, 3, 4});
    const auto error = [&](const std::string& options) {
        const Answer a = octet("run m.xml --output-dir out " + options +
                               (options.starts_with("-d") ? "" : " -d REFERENCE"));
        EXPECT_EQ(a.status, 1) << options;
        return a.error;
    };
    EXPECT_EQ(error("--input c=a.npy"), "octet: the model has no input 'c', only 'a', 'b'\n");
    EXPECT_EQ(error("--input a.npy"), "octet: --input 'a.npy' is not NAME=FILE\n");
    EXPECT_EQ(error("--input a=wide.npy"), "octet: 'wide.npy': input 'a' has shape [1,3], the file holds [1,4]\n");
    EXPECT_THAT(error("--input a=none.npy"), HasSubstr("'none.npy'"));
    EXPECT_THAT(error("-d ABACUS"), StartsWith("octet: there is no device 'ABACUS'"));
    write_text("feed.json", R"({"calls": [{"a": "a.npy", "b": "a.npy"}, {"a": "a.npy"}]})");
    EXPECT_EQ(error("--feed feed.json"), "octet: call 1 gives no file for input 'b'\n");
    write_text("feed.json", R"({"calls": [], "taps": [{"layer": "none", "port": 0}]})");
    EXPECT_EQ(error("--feed feed.json"), "octet: the model has no layer 'none'\n");
    write_text("feed.json", R"({"calls": [], "taps": [{"layer": "sum", "port": 3}]})");
    EXPECT_EQ(error("--feed feed.json"), "octet: layer 'sum' has 1 outputs, there is no output 3\n");
    write_text("feed.json", "{");
    EXPECT_THAT(error("--feed feed.json"), StartsWith("octet: 'feed.json': it is not a feed: "));
    EXPECT_THAT(files(), UnorderedElementsAre("m.xml", "m.bin", "a.npy", "wide.npy", "feed.json"));
}

TEST_F(ModelCommands, PropertiesReachTheDevice) {
    write_model("m.xml", kSum);
    for (const std::string command : {"run m.xml --output-dir out", "bench m.xml --seconds 0.05", "explain m.xml"}) {
        const auto given = [&](const std::string& options) { return octet(command + " " + options); };
        EXPECT_EQ(given("--property INFERENCE_LOW_PRECISION=NO --property NUM_STREAMS=1").status, 0) << command;
        EXPECT_EQ(given("--property INFERENCE_LOW_PRECISION=maybe").error,
                  "octet: property 'INFERENCE_LOW_PRECISION': got 'maybe', wanted YES or NO\n");
        EXPECT_THAT(given("--property COLOUR=blue").error, StartsWith("octet: the CPU has no property 'COLOUR'"));
        const Answer wrong = given("--property NUM_STREAMS");
        EXPECT_EQ(wrong.status, 2);
        EXPECT_THAT(wrong.error, HasSubstr("'NUM_STREAMS' is not KEY=VALUE"));
    }
}

TEST_F(ModelCommands, RunRemovesWhatItWroteWhenItCannotFinish) {
    write_model("m.xml", kSum);
    std::filesystem::create_directories(folder / "out/outputs.json/full");
    const Answer a = octet("run m.xml -d REFERENCE --output-dir out");
    EXPECT_EQ(a.status, 1);
    EXPECT_THAT(a.error, StartsWith("octet: 'out/outputs.json': it cannot be written: "));
    EXPECT_THAT(files("out"), UnorderedElementsAre("outputs.json"));
}

TEST_F(ModelCommands, BenchEndsInOneObject) {
    write_model("m.xml", kSum);
    for (const char* streams : {"", " --streams 2"}) {
        const Answer a = octet(std::string("bench m.xml -d REFERENCE --seconds 0.05 --json") + streams);
        ASSERT_EQ(a.status, 0) << a.error;
        const json result = json::parse(a.out);
        for (const char* key : {"median_ms", "p95_ms", "min_ms", "throughput", "load_ms", "first_ms", "rss_mb"}) {
            ASSERT_TRUE(result.contains(key)) << key;
            EXPECT_GE(result[key].get<double>(), 0) << key;
        }
        EXPECT_LE(result["median_ms"], result["p95_ms"]);
        EXPECT_LE(result["min_ms"], result["median_ms"]);
        EXPECT_LE(result["read_ms"], result["load_ms"]);
        EXPECT_GT(result["throughput"], 0);
    }
    EXPECT_THAT(octet("bench m.xml -d REFERENCE --seconds 0.05").out,
                AllOf(HasSubstr("median"), HasSubstr("inferences/s")));
}

TEST_F(ModelCommands, BenchSaysWhatLoadingConsistsOf) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer a = octet("bench m.xml -d CPU --load");
    ASSERT_EQ(a.status, 0) << a.error;
    std::map<std::string, double> rows;
    std::set<std::string> beside;  // those that went on beside the others
    std::istringstream lines(a.out);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t name = line.find_first_not_of(' '), end = line.find("  ", name);
        rows[line.substr(name, end - name)] = std::stod(line.substr(end));
        if (name > 0) beside.insert(line.substr(name, end - name));
    }
    EXPECT_THAT(beside, ElementsAre("generate code", "pack weights"));
    double sum = 0;
    for (const auto& [name, ms] : rows)
        if (name != "load" && name != "first inference" && name != "packed weights" && name != "generated code" &&
            !beside.contains(name))
            sum += ms;
    EXPECT_NEAR(sum, rows.at("load"), 0.1) << a.out;
    for (const char* name : {"read the file", "plan", "choose kernels", "prepare kernels", "generate code",
                             "pack weights", "first inference"})
        EXPECT_TRUE(rows.contains(name)) << name << " is missing in\n" << a.out;
    EXPECT_GT(rows.at("packed weights"), 0);
    EXPECT_GT(octet("bench m.xml -d REFERENCE --load").out.size(), 0u);
}

// Nothing in the file depends on where a process's memory lies, or on chance.
TEST_F(ModelCommands, TwoProcessesKeepTheSame) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    for (const std::string name : {"a", "b", "a"}) {
        const Answer answer = octet("run m.xml --cache_dir cache-" + name + " --output-dir " + name);
        ASSERT_EQ(answer.status, 0) << answer.error;
    }
    const auto a = files("cache-a"), b = files("cache-b");
    ASSERT_EQ(a.size(), 1u);
    ASSERT_EQ(a, b);
    EXPECT_EQ(read_file(folder / "cache-a" / *a.begin()), read_file(folder / "cache-b" / *b.begin()));
    EXPECT_EQ(array("a/0.0.npy"), array("b/0.0.npy"));
    const Answer load = octet("bench m.xml --load --threads 1 --cache_dir cache-c");
    EXPECT_THAT(load.out, HasSubstr("write the cache"));
    EXPECT_THAT(octet("bench m.xml --load --threads 1 --cache_dir cache-c").out, HasSubstr("read the cache"));
}

TEST_F(ModelCommands, TuneMeasuresOnce) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer first = octet("bench m.xml --load --threads 1 --tune --cache_dir cache");
    ASSERT_EQ(first.status, 0) << first.error;
    EXPECT_THAT(first.out, HasSubstr("measure kernels"));
    const Answer later = octet("explain m.xml --tune --property CACHE_DIR=cache --property INFERENCE_NUM_THREADS=1");
    EXPECT_THAT(later.out, ContainsRegex("\nkinds of layers measured before: [1-9][0-9]*, of 'cache/"));
    EXPECT_THAT(later.out, Not(HasSubstr("measured now")));
    const Answer now = octet("explain m.xml --tune --all");
    EXPECT_THAT(now.out, ContainsRegex("\nkinds of layers measured now: "));
    EXPECT_THAT(octet("explain m.xml").out, Not(HasSubstr("measured")));
    ASSERT_EQ(octet("run m.xml --output-dir a").status, 0);
    ASSERT_EQ(octet("run m.xml --tune --cache_dir cache --output-dir b").status, 0);
    EXPECT_EQ(array("a/0.0.npy"), array("b/0.0.npy"));
}

TEST_F(ModelCommands, BenchPerKernel) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer a = octet("bench m.xml --seconds 0.05 --threads 1 --per-kernel --peak 1000");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(a.out, AllOf(StartsWith("layer "), HasSubstr("GB/s\n"), HasSubstr("block1.depthwise "), HasSubstr("%"),
                             ContainsRegex(R"([0-9]+ steps, [0-9.]+ ms, 0\.[0-9]+ GOP, [0-9.]+ GOPS)")));
    EXPECT_EQ(octet("bench m.xml --peak 1000").status, 2) << "without --per-kernel it means nothing";
}

TEST_F(ModelCommands, ExplainHasOneRowPerLayer) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer a = octet("explain m.xml -d CPU --json");
    ASSERT_EQ(a.status, 0) << a.error;
    const json report = json::parse(a.out);
    ASSERT_TRUE(report["summary"].is_object());
    std::map<std::string, json> rows;
    for (const json& row : report["layers"]) {
        for (const char* key : {"name", "type", "precision", "int8", "kernel", "fused_into", "code", "reason"})
            EXPECT_TRUE(row.contains(key)) << key;
        rows[row["name"]] = row;
    }
    for (const char* layer :
         {"conv1", "pool1", "block1.expand", "block1.depthwise", "block1.project", "block1.add", "conv2", "pool", "fc"})
        EXPECT_TRUE(rows.at(layer)["int8"]) << rows.at(layer);
    EXPECT_EQ(rows.at("block1.depthwise")["type"], "GroupConvolution");
    EXPECT_FALSE(rows.at("prob")["int8"]);
    EXPECT_EQ(rows.at("conv1/relu")["fused_into"], "conv1");
    EXPECT_EQ(report["summary"]["by_code"].size(), 1u) << report["summary"];
}

TEST_F(ModelCommands, ExplainGivesReasons) {
    write_model("m.xml", kSum);
    const Answer a = octet("explain m.xml -d REFERENCE");
    EXPECT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(a.out, AllOf(HasSubstr("sum "), HasSubstr("2 layers float:"), HasSubstr("2 x REFERENCE"),
                             HasSubstr("what to do: nothing: REFERENCE shows"),
                             HasSubstr("the model is not quantized: it holds no FakeQuantize")));
    const Answer one = octet("explain m.xml sum -d REFERENCE");
    EXPECT_THAT(one.out,
                AllOf(StartsWith("float "), HasSubstr("why       REFERENCE: "), HasSubstr("read by   y (ReLU): ")));
    const Answer none = octet("explain m.xml nothing -d REFERENCE");
    EXPECT_EQ(none.status, 1);
    EXPECT_EQ(none.error, "octet: the model has no layer 'nothing'\n");
}

// Two operands on grids so different that OpenVINO keeps the layer float.
TEST_F(ModelCommands, ExplainSaysHow) {
    write_model("m.xml", R"(x : f32[1,16,16,16] = parameter() shape=[1,16,16,16]
y : f32[1,16,16,16] = parameter() shape=[1,16,16,16]
low : f32[] = constant() value=f32[]{0}
high : f32[] = constant() value=f32[]{1}
top : f32[] = constant() value=f32[]{1000}
fq : f32[1,16,16,16] = fake_quantize(x, low, high, low, high) levels=256
fq2 : f32[1,16,16,16] = fake_quantize(y, low, top, low, top) levels=256
cat : f32[1,32,16,16] = concat(fq, fq2) axis=1
wq : i8[16,32,1,1] = constant() value=i8[16,32,1,1] random(1)
wf : f32[16,32,1,1] = convert(wq)
half : f32[] = constant() value=f32[]{0.5}
w : f32[16,32,1,1] = multiply(wf, half)
conv : f32[1,16,16,16] = convolution(cat, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
out : f32[1,16,16,16] = result(conv)
)");
    const Answer mine = octet("explain m.xml conv");
    EXPECT_THAT(mine.out,
                AllOf(StartsWith("int8 "), HasSubstr("how       2 sums for the 2 scales of its data: about ")))
        << mine.error;
    const Answer theirs = octet("explain m.xml conv --plan upstream");
    EXPECT_THAT(theirs.out, AllOf(StartsWith("float "), HasSubstr("why       ALIGN_LEVELS_COLLAPSE: ")))
        << theirs.error;
    EXPECT_THAT(octet("explain m.xml conv --plan integers").out, StartsWith("int8 "));
}

// A convolution on codes, one on what relu gives, and the model's input itself.
const std::string kMixed = R"(
x : f32[1,2,4,4] = parameter() shape=[1,2,4,4]
low : f32[] = constant() value=f32[]{-1}
high : f32[] = constant() value=f32[]{1}
fq : f32[1,2,4,4] = fake_quantize(x, low, high, low, high) levels=256
w : f32[2,2,1,1] = constant() value=f32[2,2,1,1]{1, -0.5, 0.25, 0.75}
wfq : f32[2,2,1,1] = fake_quantize(w, low, high, low, high) levels=255
conv1 : f32[1,2,4,4] = convolution(fq, wfq)
relu1 : f32[1,2,4,4] = relu(conv1)
conv2 : f32[1,2,4,4] = convolution(relu1, wfq)
conv3 : f32[1,2,4,4] = convolution(x, wfq)
sum : f32[1,2,4,4] = add(conv2, conv3)
out : f32[1,2,4,4] = result(sum)
)";

TEST_F(ModelCommands, ExplainGroupsWhatIsFloat) {
    write_model("m.xml", kMixed);
    const Answer a = octet("explain m.xml");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(a.out,
                AllOf(HasSubstr("x NO_ACT_FQ\n"), HasSubstr(": there is no FakeQuantize between it and 'relu1'\n"),
                      HasSubstr("conv3, sum: it reads the model's input 'x', which is not quantized\n"),
                      HasSubstr("what to do: have the tool that quantizes the model put a FakeQuantize")));
    const json summary = json::parse(octet("explain m.xml --json").out)["summary"];
    EXPECT_TRUE(summary["quantized"]);
    std::size_t count = 0;
    for (const json& group : summary["groups"]) {
        for (const char* key : {"code", "count", "layers", "cause", "advice", "causes"})
            EXPECT_TRUE(group.contains(key)) << key;
        EXPECT_FALSE(group.contains("share_of_time"));
        EXPECT_EQ(group["count"], group["layers"].size());
        count += group["count"].get<std::size_t>();
    }
    EXPECT_EQ(count, summary["compute"].get<std::size_t>() - summary["int8"].get<std::size_t>());
}

TEST_F(ModelCommands, ExplainMeasuresOnDemand) {
    write_model("m.xml", kMixed);
    const json report = json::parse(octet("explain m.xml --time --json").out);
    EXPECT_GT(report["summary"]["int8_time_share"], 0);
    EXPECT_LT(report["summary"]["int8_time_share"], 1);
    double shares = report["summary"]["int8_time_share"];
    for (const json& group : report["summary"]["groups"]) shares += group["share_of_time"].get<double>();
    EXPECT_NEAR(shares, 1, 1e-6);
    EXPECT_THAT(octet("explain m.xml --time").out,
                AllOf(HasSubstr("% of the time\n"), HasSubstr(" ms that they take\n")));
}

TEST_F(ModelCommands, ExplainShowsTheOperandsOfALayer) {
    write_model("m.xml", kMixed);
    EXPECT_THAT(octet("explain m.xml conv1").out,
                AllOf(StartsWith("int8 "), HasSubstr("data      'fq' (FakeQuantize, 256 levels, -1 to 1)\n"),
                      HasSubstr("weights   'wfq' (FakeQuantize, 255 levels, -1 to 1) on constant f32[2,2,1,1]\n")));
    EXPECT_THAT(octet("explain m.xml conv2").out,
                AllOf(StartsWith("float "),
                      HasSubstr("data      f32[1,2,4,4] of 'relu1' (relu), without FakeQuantize\n"),
                      HasSubstr("do        have the tool that quantizes")));
    const json one = json::parse(octet("explain m.xml conv1 --json").out);
    ASSERT_EQ(one["layers"].size(), 1u);
    EXPECT_EQ(one["operands"], json::parse(R"([
        {"operand": 0, "role": "data", "layer": "fq", "type": "f32[1,2,4,4]",
         "fake_quantize": {"layer": "fq", "levels": 256, "intervals": 1, "low": -1.0, "high": 1.0}},
        {"operand": 1, "role": "weights", "layer": "wfq", "type": "f32[2,2,1,1]",
         "fake_quantize": {"layer": "wfq", "levels": 255, "intervals": 1, "low": -1.0, "high": 1.0}}])"));
}

TEST_F(ModelCommands, ExplainFollowsTheOperandsOfALayerUpwards) {
    write_model("m.xml", R"(
x : f32[1,2,4,4] = parameter() shape=[1,2,4,4]
low : f32[] = constant() value=f32[]{-1}
high : f32[] = constant() value=f32[]{1}
wide : f32[1,2,1,1] = constant() value=f32[1,2,1,1]{2, 3}
fq : f32[1,2,4,4] = fake_quantize(x, low, wide, low, wide) levels=16
relu : f32[1,2,4,4] = relu(x)
both : f32[1,4,4,4] = concat(fq, relu) axis=1
codes : i8[2,4,1,1] = constant() value=i8[2,4,1,1]{1, 2, 3, 4, 5, 6, 7, 8}
numbers : f32[2,4,1,1] = convert(codes) element=f32
w : f32[2,4,1,1] = multiply(numbers, high)
conv : f32[1,2,4,4] = convolution(both, w)
out : f32[1,2,4,4] = result(conv)
)");
    EXPECT_THAT(octet("explain m.xml conv").out,
                AllOf(HasSubstr("data      'fq' (FakeQuantize, 16 levels, 2 intervals, -1 to 3)\n"
                                "data      f32[1,2,4,4] of 'relu' (relu), without FakeQuantize\n"
                                "weights   constant i8[2,4,1,1]\n")));
}

TEST_F(ModelCommands, LessInt8ThanRequiredIsCode3) {
    write_model("m.xml", kMixed);
    for (const std::string command :
         {"explain m.xml", "bench m.xml --seconds 0.02", "bench m.xml --seconds 0.02 --json"}) {
        const Answer met = octet(command + " --require_int8 10%");
        EXPECT_EQ(met.status, 0) << command << met.error;
        const Answer a = octet(command + " --require_int8 95%");
        EXPECT_EQ(a.status, 3) << command;
        EXPECT_EQ(a.out.empty(), false) << command;
        EXPECT_THAT(a.error, AllOf(StartsWith("octet: "), HasSubstr("% of the layers that compute are int8 ("),
                                   HasSubstr("), 95.0% were required; float: "), HasSubstr(" x NO_ACT_FQ (")))
            << command;
        const Answer time = octet(command + " --require_int8 99.9%time");
        EXPECT_EQ(time.status, 3) << command;
        EXPECT_THAT(time.error,
                    HasSubstr("% of the time of the layers that compute is int8, 99.9% was required; float: "));
    }
    EXPECT_EQ(octet("explain m.xml --require_int8 10%time").status, 0);
    const Answer wrong = octet("explain m.xml --require_int8 most");
    EXPECT_EQ(wrong.status, 2);
    EXPECT_THAT(wrong.error, HasSubstr("got 'most', wanted a share of int8 such as '95%'"));
}

TEST_F(ModelCommands, TheExamplesAgreeOnEveryDevice) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    for (const std::string device : {"REFERENCE", "CPU"}) {
        const Answer a = octet("run m.xml -d " + device + " --output-dir " + device);
        ASSERT_EQ(a.status, 0) << device << ": " << a.error;
    }
    const auto expected = array("REFERENCE/0.0.npy"), got = array("CPU/0.0.npy");
    ASSERT_EQ(expected.size(), 10u);
    ASSERT_EQ(got.size(), 10u);
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 0.02f) << i;
}

}  // namespace
}  // namespace octet::tools
