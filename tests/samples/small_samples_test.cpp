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

TEST(Readme, ExampleRuns) {
    const ModelFolder folder;
    const Outcome outcome = run_program("readme_example", {"model.xml"}, folder.path);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "first score: 0.5\n");
}

}  // namespace
}  // namespace octet::samples
