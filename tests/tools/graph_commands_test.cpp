// octet dump, opt, example-model, and what all commands share.
#include <gmock/gmock.h>

#include "tests/tools/program.hpp"

namespace octet::tools {

const char* const kProgram = OCTET_PROGRAM;

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

using GraphCommands = ProgramTest;

TEST_F(GraphCommands, WrongUsageIsCode2) {
    for (const char* arguments : {"", "nonsense", "run", "dump", "opt x.txt",
                                  "run m.xml --output-dir d --feed f --input a=b", "bench m.xml --threads -1"}) {
        const Answer a = octet(arguments);
        EXPECT_EQ(a.status, 2) << arguments;
        EXPECT_THAT(a.error, StartsWith("octet: ")) << arguments;
        EXPECT_THAT(a.out, IsEmpty()) << arguments;
    }
}

TEST_F(GraphCommands, HelpIsNoError) {
    const Answer a = octet("--help");
    EXPECT_EQ(a.status, 0);
    for (const char* command : {"run", "bench", "explain", "dump", "opt", "example-model"}) {
        EXPECT_THAT(a.out, HasSubstr(command));
        EXPECT_EQ(octet(std::string(command) + " --help").status, 0) << command;
    }
}

TEST_F(GraphCommands, AMissingModelIsOneSentence) {
    for (const char* arguments :
         {"dump no.xml --after read", "opt no.xml --pipeline canonicalise", "explain no.xml -d REFERENCE",
          "bench no.xml -d REFERENCE", "run no.xml -d REFERENCE --output-dir out"}) {
        const Answer a = octet(arguments);
        EXPECT_EQ(a.status, 1) << arguments;
        EXPECT_EQ(a.error, "octet: 'no.xml': there is no such file\n") << arguments;
    }
    EXPECT_THAT(files(), IsEmpty());
}

TEST_F(GraphCommands, ABrokenGraphNamesFileAndLine) {
    write_text("g.txt", "a : f32[1] = parameter() shape=[1]\nb : f32[1] = nonsense(a)\n");
    const Answer a = octet("dump g.txt --after read");
    EXPECT_EQ(a.status, 1);
    EXPECT_THAT(a.error, AllOf(StartsWith("octet: 'g.txt': line 2: "), HasSubstr("nonsense")));
}

TEST_F(GraphCommands, DumpListsStepsAndPrintsAfterEach) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer steps = octet("dump m.xml");
    EXPECT_EQ(steps.status, 0);
    EXPECT_THAT(steps.out, AllOf(HasSubstr("read "), HasSubstr("quantize-weights "), HasSubstr("integers ")));
    EXPECT_THAT(octet("dump m.xml --pipeline canonicalise").out, Not(HasSubstr("integers ")));

    const Answer before = octet("dump m.xml --after read"), after = octet("dump m.xml --after integers");
    EXPECT_EQ(before.status + after.status, 0);
    EXPECT_THAT(before.out, AllOf(HasSubstr("= fake_quantize("), Not(HasSubstr("= quantize("))));
    EXPECT_THAT(after.out, AllOf(HasSubstr("= quantize("), HasSubstr("i32[1,32,8,8] = convolution(")));
    const Answer wrong = octet("dump m.xml --after nowhere");
    EXPECT_EQ(wrong.status, 1);
    EXPECT_EQ(wrong.error, "octet: pipeline 'low-precision' has no step 'nowhere'; 'octet dump MODEL' lists them\n");
}

TEST_F(GraphCommands, DumpShowsTheStepsOfTheCpu) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    EXPECT_THAT(octet("dump m.xml").out, HasSubstr("partition "));
    const Answer a = octet("dump m.xml --after partition");
    ASSERT_EQ(a.status, 0) << a.error;
    EXPECT_THAT(a.out, AllOf(HasSubstr("convolution: convolution 'conv1"), HasSubstr(" > relu 'conv1/relu'"),
                             HasSubstr(" : u8[1,32,8,8]\n"), HasSubstr("matmul: ")));
    write_text("open.txt",
               "x : f32[?,2] = parameter() shape=[?,2]\ny : f32[?,2] = relu(x)\nout : f32[?,2] = result(y)\n");
    EXPECT_EQ(octet("dump open.txt --after partition").out, "elementwise: relu 'y' : f32[1,2]\n");
}

TEST_F(GraphCommands, OptWritesWhatCanBeReadAgain) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    ASSERT_EQ(octet("opt m.xml --pipeline low-precision -o out.txt").status, 0);
    const ir::Graph graph = ir::parse(read_file(folder / "out.txt"));
    EXPECT_NE(graph.find("conv1"), nullptr);
    EXPECT_EQ(octet("dump out.txt --after read --elide 1000000").out, ir::print(graph));
    // As a model file, which has no spelling for integers.
    const Answer a = octet("opt m.xml --pipeline low-precision -o out.xml");
    EXPECT_EQ(a.status, 1);
    EXPECT_THAT(a.error, StartsWith("octet: "));
    EXPECT_EQ(octet("opt m.xml --pipeline low-precision -o out.json").error,
              "octet: 'out.json': the name ends in '.json', wanted '.txt' or '.xml'\n");
    EXPECT_EQ(octet("opt m.xml --pipeline low-precision -o none/out.txt").error,
              "octet: 'none/out.txt': it cannot be written: No such file or directory\n");
    EXPECT_THAT(files(), UnorderedElementsAre("m.xml", "m.bin", "out.txt"));
}

TEST_F(GraphCommands, OptWritesWhatOtherReadersQuantize) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    ASSERT_EQ(octet("opt m.xml --pipeline low-precision-qdq -o qdq.xml").status, 0);
    EXPECT_LT(std::filesystem::file_size(folder / "qdq.bin"), std::filesystem::file_size(folder / "m.bin") / 2);
    const std::string graph = octet("dump qdq.xml --after read").out;
    EXPECT_THAT(graph, AllOf(HasSubstr("= fake_quantize("), HasSubstr("] = convert("), HasSubstr("element=u8"),
                             HasSubstr("f32[1,32,8,8] = convolution("), Not(HasSubstr("quantize(\n"))));
    const std::string before = octet("explain m.xml --json").out, after = octet("explain qdq.xml --json").out;
    const auto int8 = [](const std::string& text) {
        std::map<std::string, bool> layers;
        const nlohmann::json report = nlohmann::json::parse(text);
        for (const auto& row : report["layers"])
            if (row["type"] == "Convolution" || row["type"] == "GroupConvolution" || row["type"] == "MatMul")
                layers[row["name"]] = row["int8"];
        return layers;
    };
    EXPECT_EQ(int8(before), int8(after));
    const auto steps = [](const std::string& text) { return nlohmann::json::parse(text)["summary"]["steps"]; };
    EXPECT_EQ(steps(before), steps(after));
}

TEST_F(GraphCommands, OptStopsAndLeavesOut) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const auto count = [&](const std::string& options) {
        const std::string log = octet("opt m.xml --pipeline low-precision --log " + options).out;
        return std::count(log.begin(), log.end(), '\n');
    };
    const auto all = count("");
    EXPECT_GT(all, 10);
    EXPECT_LT(count("--only quantize-weights --stop-after 2"), count("--only quantize-weights"));
    EXPECT_LT(count("--disable low-precision-matmul*"), all);
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision --stop-after 0").out, Not(HasSubstr("= quantize(")));
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision --stats").out,
                AllOf(HasSubstr("step, rule"), HasSubstr("quantize-weights")));
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision --explain fc").out,
                HasSubstr("low-precision-matmul @ fc: applied"));
    EXPECT_EQ(octet("opt m.xml --pipeline none").error,
              "octet: there is no pipeline 'none', only canonicalise, low-precision, low-precision-lossy, "
              "low-precision-upstream, low-precision-qdq, low-precision-qdq-lossy, low-precision-qdq-upstream, "
              "low-precision-gpu, low-precision-none\n");
}

// 129 levels: no number that OpenVINO takes for 8 bits.
TEST_F(GraphCommands, OptTakesAPlan) {
    write_text("g.txt", R"(x : f32[1,2,3,3] = parameter() shape=[1,2,3,3]
low : f32[] = constant() value=f32[]{0}
high : f32[] = constant() value=f32[]{32}
fq : f32[1,2,3,3] = fake_quantize(x, low, high, low, high) levels=129
wq : i8[2,2,1,1] = constant() value=i8[2,2,1,1]{1, 2, 3, 4}
w : f32[2,2,1,1] = dequantize(wq) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{0}
conv : f32[1,2,3,3] = convolution(fq, w)
out : f32[1,2,3,3] = result(conv)
)");
    EXPECT_THAT(octet("opt g.txt --pipeline low-precision").out, HasSubstr("= quantize("));
    EXPECT_THAT(octet("opt g.txt --pipeline low-precision --plan cheapest").out, HasSubstr("= quantize("));
    EXPECT_THAT(octet("opt g.txt --pipeline low-precision --plan upstream").out, Not(HasSubstr("= quantize(")));
    EXPECT_EQ(octet("opt g.txt --pipeline low-precision --plan other").status, 2);
}

TEST_F(GraphCommands, BisectNamesTheFirstChange) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer good = octet("opt m.xml --pipeline low-precision --bisect");
    EXPECT_EQ(good.status, 0) << good.error;
    EXPECT_EQ(good.out, "no application changes the results by more than 0.02 of their range\n");
    // With no tolerance the last bit of a float is a change.
    const Answer bad = octet("opt m.xml --pipeline low-precision --bisect --tolerance 0");
    EXPECT_EQ(bad.status, 1);
    EXPECT_THAT(bad.out, HasSubstr(": applied\n"));
    EXPECT_THAT(bad.error, AllOf(StartsWith("octet: application "), HasSubstr("the tolerance is 0\n")));
}

TEST_F(GraphCommands, ReduceFindsASmallGraphWithTheSameFault) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    // With no tolerance the last bit of a float is a fault.
    const Answer found = octet("opt m.xml --pipeline low-precision --reduce --tolerance 0 --tries 800 -o small.txt");
    EXPECT_EQ(found.status, 0) << found.error;
    EXPECT_THAT(found.error, AllOf(StartsWith("other results: "), HasSubstr(" nodes, ")));
    const ir::Graph small = ir::parse(read_file(folder / "small.txt"));
    EXPECT_LT(small.live(), ir::xml::read(folder / "m.xml").live());
    const Answer again = octet("opt small.txt --pipeline low-precision --bisect --tolerance 0");
    EXPECT_THAT(again.error, StartsWith("octet: application "));
}

TEST_F(GraphCommands, ReduceEndsAfterItsTime) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    const Answer found = octet("opt m.xml --pipeline low-precision --reduce --tolerance 0 --seconds 1e-9 -o all.txt");
    EXPECT_EQ(found.status, 0) << found.error;
    EXPECT_EQ(ir::parse(read_file(folder / "all.txt")).live(), ir::xml::read(folder / "m.xml").live());
}

TEST_F(GraphCommands, ReduceNeedsAFault) {
    ASSERT_EQ(octet("example-model tiny -o m.xml").status, 0);
    for (const char* what : {"--pipeline low-precision", "--device CPU"}) {
        const Answer answer = octet(std::string("opt m.xml --reduce ") + what);
        EXPECT_EQ(answer.status, 1);
        EXPECT_EQ(answer.error, "octet: the graph has no fault, there is nothing to reduce\n");
    }
    EXPECT_EQ(octet("opt m.xml --device CPU --pipeline low-precision").error, "octet: --device is of --reduce alone\n");
    const Answer neither = octet("opt m.xml --reduce");
    EXPECT_EQ(neither.status, 2);
    EXPECT_THAT(neither.error, StartsWith("octet: --pipeline is required\n"));
}

TEST_F(GraphCommands, ExampleModelIsTheSameEveryTime) {
    ASSERT_EQ(octet("example-model tiny -o a.xml").status, 0);
    ASSERT_EQ(octet("example-model tiny -o b.xml").status, 0);
    EXPECT_EQ(read_file(folder / "a.bin"), read_file(folder / "b.bin"));
    EXPECT_THAT(files(), UnorderedElementsAre("a.xml", "a.bin", "b.xml", "b.bin"));
    EXPECT_EQ(octet("example-model big -o c.xml").error,
              "octet: there is no example 'big', only resnet50, mobilenet_v2, tiny\n");
}

}  // namespace
}  // namespace octet::tools
