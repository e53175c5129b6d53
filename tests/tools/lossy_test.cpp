// --allow-lossy of octet explain, bench and opt.
#include <gmock/gmock.h>

#include "tests/tools/program.hpp"

namespace octet::tools {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class AllowLossy : public ProgramTest {};

// Rows of two grids, which no exact form puts into one sum.
TEST_F(AllowLossy, SaysWhatIsLost) {
    write_model("m.xml", R"(x : f32[1,2,3,4] = parameter() shape=[1,2,3,4]
y : f32[1,2,3,4] = parameter() shape=[1,2,3,4]
low : f32[] = constant() value=f32[]{0}
high : f32[] = constant() value=f32[]{102}
top : f32[] = constant() value=f32[]{255}
fq : f32[1,2,3,4] = fake_quantize(x, low, high, low, high) levels=256
fq2 : f32[1,2,3,4] = fake_quantize(y, low, top, low, top) levels=256
cat : f32[1,2,6,4] = concat(fq, fq2) axis=2
wq : i8[2,2,1,1] = constant() value=i8[2,2,1,1]{1, 2, 3, 4}
wf : f32[2,2,1,1] = convert(wq)
half : f32[] = constant() value=f32[]{0.5}
w : f32[2,2,1,1] = multiply(wf, half)
conv : f32[1,2,6,4] = convolution(cat, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
out : f32[1,2,6,4] = result(conv)
)");
    EXPECT_THAT(octet("explain m.xml").out,
                AllOf(HasSubstr("0 of 1 computing layers in int8"), Not(HasSubstr("lose levels"))));
    const Answer all = octet("explain m.xml --allow-lossy");
    EXPECT_THAT(all.out, AllOf(HasSubstr("1 of 1 computing layers in int8"), HasSubstr("2 FakeQuantize lose levels:"),
                               HasSubstr("      fq: 256 -> 103 levels, on one grid with the other data of 'conv'\n")))
        << all.error;
    EXPECT_THAT(octet("explain m.xml fq --allow-lossy").out, HasSubstr("loses     256 -> 103 levels"));
    EXPECT_THAT(octet("explain m.xml conv --allow-lossy").out,
                HasSubstr("how       one sum on a common grid for 2 FakeQuantize: about "));
    const json rows = json::parse(octet("explain m.xml --allow-lossy --json").out)["layers"];
    EXPECT_TRUE(std::ranges::any_of(rows, [](const json& row) {
        return row["name"] == "fq" && row.value("loss", "").starts_with("256 -> 103 levels");
    }));
    EXPECT_THAT(octet("bench m.xml --seconds 0.02 --allow-lossy").out, ContainsRegex("lost levels +2 FakeQuantize"));
    EXPECT_EQ(json::parse(octet("bench m.xml --seconds 0.02 --allow-lossy --json").out)["lossy_layers"], 2);
    EXPECT_FALSE(json::parse(octet("bench m.xml --seconds 0.02 --json").out).contains("lossy_layers"));
    EXPECT_EQ(octet("bench m.xml --seconds 0.02 --allow-lossy --require_int8 100%time").status, 0);
    EXPECT_EQ(octet("bench m.xml --seconds 0.02 --require_int8 100%time").status, 3);
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision --allow-lossy").out, HasSubstr("levels=103"));
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision").out, Not(HasSubstr("levels=103")));
    EXPECT_THAT(octet("opt m.xml --pipeline low-precision --allow-lossy --log").out,
                HasSubstr("applied: 256 -> 103 levels"));
    EXPECT_EQ(octet("opt m.xml --pipeline low-precision --plan upstream --allow-lossy").status, 2);
}

}  // namespace
}  // namespace octet::tools
