// The samples that are short enough to be read as examples, and the one in README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/samples/command.hpp"

namespace octet::samples {
namespace {

using testing::HasSubstr;

TEST(HelloClassification, PrintsTheBestClasses) {
    const ModelFolder folder;
    folder.write("p.ppm", picture(8, 8));
    const Outcome outcome = run_program("hello_classification", {"model.xml", "p.ppm", "CPU"}, folder.path);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    // 32 of each channel's 64 pixels are not black, and the sigmoid of each is 1; classes of equal score may come in any order.
    EXPECT_TRUE(std::regex_search(outcome.output,
                                  std::regex(R"(classid probability\n------- -----------\n(\d+ +1\.0000000\n){10}$)")))
        << outcome.output;
    const Outcome bad = run_program("hello_classification", {"model.xml"}, folder.path);
    EXPECT_EQ(bad.exit_code, 1);
    EXPECT_THAT(bad.errors, HasSubstr("MODEL IMAGE DEVICE"));
}

TEST(ExtendTransformations, ItsRuleAndItsRestrictionCount) {
    const ModelFolder folder;
    folder.write("m.xml", R"(<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,3,4,4" element_type="f32"/>
<output><port id="0" precision="FP32"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port></output></layer>
<layer id="1" name="two" type="Const" version="opset1"><data element_type="f32" shape="" offset="0" size="4"/>
<output><port id="0" precision="FP32"/></output></layer>
<layer id="2" name="squares" type="Power" version="opset1"><data auto_broadcast="numpy"/>
<input><port id="0"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port><port id="1"/></input>
<output><port id="2" precision="FP32"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port></output></layer>
<layer id="3" name="out" type="Result" version="opset1">
<input><port id="0"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port></input></layer></layers>
<edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>)");
    folder.write("m.bin", std::string("\0\0\0\x40", 4));
    const Outcome outcome = run_program("extend_transformations", {"m.xml"}, folder.path);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    // Multiply, which the rule made, is among the layers the CPU is asked about; Power is not.
    EXPECT_EQ(outcome.output,
              "1 applications of rules\nsquares: NO_ACT_FQ: it reads the model's input 'x', which is not "
              "quantized\n0 of 1 layers in int8 on CPU\n");
    EXPECT_EQ(run_program("extend_transformations", {}, folder.path).exit_code, 1);
    EXPECT_THAT(run_program("extend_transformations", {"no.xml"}, folder.path).errors,
                HasSubstr("there is no such file"));
}

TEST(Readme, ExampleRuns) {
    const ModelFolder folder;
    const Outcome outcome = run_program("readme_example", {"model.xml"}, folder.path);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "first score: 0.5\n");
}

}  // namespace
}  // namespace octet::samples
