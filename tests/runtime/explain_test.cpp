// What a report says about int8, and what is asked of it.
#include <octet/explain.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <octet/core.hpp>
#include <octet/error.hpp>

#include "ir/text.hpp"
#include "ir/xml/xml.hpp"
#include "tests/xml/folder.hpp"
#include "transformations/rewrite/decision.hpp"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LayerReport layer(std::string name, bool int8, std::string code = "", std::string reason = "", double us = 0) {
    LayerReport row;
    row.name = std::move(name);
    row.status = LayerStatus::executed;
    row.compute = true;
    row.int8 = int8;
    row.code = std::move(code);
    row.reason = std::move(reason);
    row.real_time_us = us;
    return row;
}
LayerReport inside(LayerReport row, std::string outer) {
    row.status = LayerStatus::fused;
    row.fused_into = std::move(outer);
    return row;
}

Report report() {
    Report r;
    r.layers = {layer("a", true, "", "", 60),
                inside(layer("a_relu", true), "a"),
                layer("b", false, "NO_ACT_FQ", "there is no FakeQuantize between it and 'x'", 10),
                inside(layer("b_relu", false, "NO_ACT_FQ", "it runs inside 'b', which is float"), "b"),
                layer("c", false, "NO_ACT_FQ", "there is no FakeQuantize between it and 'y'", 10),
                layer("d", false, "WEIGHTS_ZP", "the weights of 'd' have a zero point", 5),
                layer("e", false, "WEIGHTS_ZP", "the weights of 'e' have a zero point", 5),
                layer("softmax", false, "EXECUTOR_FALLBACK", "the CPU has no int8 kernel for SoftMax", 10)};
    LayerReport unused = layer("unused", false);
    unused.status = LayerStatus::not_run;
    LayerReport reorder = layer("reorder", false, "", "", 100);
    reorder.added = true;
    LayerReport moved = layer("transpose", false, "", "", 100);
    moved.compute = false;
    r.layers.insert(r.layers.end(), {unused, reorder, moved});
    return r;
}

TEST(Explain, CountsWhatComputes) {
    const Int8Summary s = summarize_int8(report());
    EXPECT_EQ(s.layers, 8u);
    EXPECT_EQ(s.int8_layers, 2u);
    EXPECT_DOUBLE_EQ(s.layer_share(), 0.25);
    EXPECT_DOUBLE_EQ(s.time_us, 100);
    EXPECT_DOUBLE_EQ(s.time_share(), 0.6);
}

// A step may be int8 and have parts that are not: they tell their own reason.
TEST(Explain, PartsOfInt8StepsHaveTheirOwnReason) {
    Report r;
    r.layers = {layer("gate", true, "", "", 60),
                inside(layer("squeeze", false, "NO_ACT_FQ", "there is no FakeQuantize between it and 'x'"), "gate"),
                inside(layer("swish", false, "NO_ACT_FQ", "it runs inside 'squeeze', which is float"), "squeeze")};
    const Int8Summary s = summarize_int8(r);
    ASSERT_EQ(s.groups.size(), 1u);
    EXPECT_EQ(s.groups[0].code, "NO_ACT_FQ");
    EXPECT_EQ(s.groups[0].count(), 2u);
}

TEST(Explain, GroupsByCode) {
    const Int8Summary s = summarize_int8(report());
    ASSERT_EQ(s.groups.size(), 3u);
    EXPECT_EQ(s.groups[0].code, "NO_ACT_FQ");
    EXPECT_EQ(s.groups[0].count(), 3u);
    EXPECT_DOUBLE_EQ(s.groups[0].time_us, 20);
    // What runs inside a layer has the reason of that layer.
    ASSERT_EQ(s.groups[0].causes.size(), 2u);
    EXPECT_EQ(s.groups[0].causes[0].reason, "there is no FakeQuantize between it and 'x'");
    EXPECT_THAT(s.groups[0].causes[0].layers, ElementsAre("b", "b_relu"));
    // A sentence about the layer itself is one for all.
    ASSERT_EQ(s.groups[1].causes.size(), 1u);
    EXPECT_EQ(s.groups[1].causes[0].reason, "the weights of the layer have a zero point");
    EXPECT_THAT(s.groups[1].causes[0].layers, ElementsAre("d", "e"));
    EXPECT_EQ(s.groups[2].causes[0].reason, "the CPU has no int8 kernel for SoftMax");
}

TEST(Explain, TimeGoesBeforeNumber) {
    Report r;
    r.layers = {layer("a", false, "NO_ACT_FQ", "a", 1), layer("b", false, "NO_ACT_FQ", "a", 1),
                layer("c", false, "WEIGHTS_ZP", "c", 3)};
    EXPECT_EQ(summarize_int8(r).groups[0].code, "WEIGHTS_ZP");
    EXPECT_EQ(Int8Requirement::parse("50%").shortfall(summarize_int8(r)),
              "0.0% of the layers that compute are int8 (0 of 3), 50.0% were required; float: 2 x NO_ACT_FQ (a: a), "
              "1 x WEIGHTS_ZP (c: c)");
}

TEST(Explain, ASentenceOfOneLayerKeepsItsName) {
    Report r;
    r.layers = {layer("d", false, "WEIGHTS_ZP", "the weights of 'd' have a zero point")};
    EXPECT_EQ(summarize_int8(r).groups[0].causes[0].reason, "the weights of 'd' have a zero point");
}

TEST(Explain, NothingToComputeIsAllInt8) {
    const Int8Summary s = summarize_int8({});
    EXPECT_EQ(s.layer_share(), 1);
    EXPECT_THAT(Int8Requirement::parse("100%").shortfall(s), IsEmpty());
    EXPECT_THAT(Int8Requirement::parse("100%time").shortfall(s), IsEmpty());
}

TEST(Explain, EveryCodeHasAdvice) {
    for (int i = 1; i <= static_cast<int>(rewrite::Code::not_profitable); ++i) {
        const auto name = rewrite::name_of(static_cast<rewrite::Code>(i));
        EXPECT_FALSE(advice_for(name).empty()) << name;
    }
    for (const char* code : {"REFERENCE", "LOW_PRECISION_OFF"}) EXPECT_FALSE(advice_for(code).empty()) << code;
    EXPECT_EQ(advice_for("NONE"), "");
    EXPECT_EQ(advice_for(""), "");
}

// Rows with reasons are those of a file's layers.
CompiledModel compiled(std::string_view text, const std::string& device, const AnyMap& settings = {}) {
    const ir::TemporaryFolder folder;
    ir::xml::write(ir::parse(text), folder.path / "m.xml");
    const Core core;
    const std::shared_ptr<const Model> model = core.read_model(folder.path / "m.xml");
    return core.compile_model(model, device, settings);
}
Report report_on_cpu(std::string_view text, const AnyMap& settings = {}) {
    return compiled(text, "CPU", settings).report();
}
LayerReport row_of(const Report& report, std::string_view name) {
    const auto row = std::ranges::find(report.layers, name, &LayerReport::name);
    return row == report.layers.end() ? LayerReport{} : *row;
}

TEST(ReasonsOfTheCpu, WeightsAloneCanBeCodes) {
    constexpr std::string_view kProduct = R"(x : f32[2,4] = parameter() shape=[2,4]
codes : i8[3,4] = constant() value=i8[3,4]{1, 2, 3, -4, 5, 6, -7, 8, 9, 10, 11, 127}
convert : f32[3,4] = convert(codes) element=f32
scale : f32[3,1] = constant() value=f32[3,1]{0.5, 1, 2}
weights : f32[3,4] = multiply(convert, scale)
product : f32[2,3] = matmul(x, weights) transpose_b=true
out : f32[2,3] = result(product)
)";
    const LayerReport row = row_of(report_on_cpu(kProduct), "product");
    EXPECT_FALSE(row.int8);
    EXPECT_EQ(row.precision, "f32");
    EXPECT_EQ(row.code, "NO_ACT_FQ");
    EXPECT_EQ(row.reason,
              "weight-only: its activation has no FakeQuantize (it reads the model's input 'x', which is not "
              "quantized); its weights stay i8");
    EXPECT_EQ(row_of(report_on_cpu(kProduct, {hint::low_precision(false)}), "product").reason,
              "weight-only: its activation has no FakeQuantize; its weights stay i8");
}

TEST(ReasonsOfTheCpu, LowPrecisionCanBeOff) {
    constexpr std::string_view kConvolution = R"(x : f32[1,2,4,4] = parameter() shape=[1,2,4,4]
low : f32[] = constant() value=f32[]{-1}
high : f32[] = constant() value=f32[]{1}
fq : f32[1,2,4,4] = fake_quantize(x, low, high, low, high) levels=256
w : f32[2,2,1,1] = constant() value=f32[2,2,1,1]{1, -0.5, 0.25, 0.75}
wfq : f32[2,2,1,1] = fake_quantize(w, low, high, low, high) levels=255
conv : f32[1,2,4,4] = convolution(fq, wfq)
out : f32[1,2,4,4] = result(conv)
)";
    EXPECT_TRUE(row_of(report_on_cpu(kConvolution), "conv").int8);
    const LayerReport off = row_of(report_on_cpu(kConvolution, {hint::low_precision(false)}), "conv");
    EXPECT_FALSE(off.int8);
    EXPECT_EQ(off.code, "LOW_PRECISION_OFF");
    EXPECT_EQ(off.reason, "INFERENCE_LOW_PRECISION is NO");
}

// Rows of two grids; on the common one the first has 65 levels, 0 to 64.
std::string rows_of_two_grids(int levels, float end) {
    return fmt::format(R"(x : f32[1,2,3,4] = parameter() shape=[1,2,3,4]
y : f32[1,2,3,4] = parameter() shape=[1,2,3,4]
zero : f32[] = constant() value=f32[]{{0}}
a_in : f32[] = constant() value=f32[]{{63.75}}
a_out : f32[] = constant() value=f32[]{{{}}}
b_out : f32[] = constant() value=f32[]{{255}}
a : f32[1,2,3,4] = fake_quantize(x, zero, a_in, zero, a_out) levels={}
b : f32[1,2,3,4] = fake_quantize(y, zero, b_out, zero, b_out) levels=256
rows : f32[1,2,6,4] = concat(a, b) axis=2
codes : i8[2,2,1,1] = constant() value=i8[2,2,1,1]{{1, -2, 3, 4}}
floats : f32[2,2,1,1] = convert(codes)
half : f32[] = constant() value=f32[]{{0.5}}
w : f32[2,2,1,1] = multiply(floats, half)
conv : f32[1,2,6,4] = convolution(rows, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
out : f32[1,2,6,4] = result(conv)
)",
                       end, levels);
}

std::vector<float> results(const CompiledModel& model) {
    InferRequest request = model.create_infer_request();
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 24; ++k)
            request.get_input_tensor(i).data<float>()[k] = static_cast<float>(k * 11 + i) * 0.37F - 3;
    request.infer();
    const Tensor out = request.get_output_tensor();
    return {out.data<float>(), out.data<float>() + out.get_size()};
}

TEST(ReasonsOfTheCpu, LevelsAreLostOnlyWhereThatIsAllowed) {
    const std::string text = rows_of_two_grids(256, 63.75F);
    const CompiledModel exact = compiled(text, "CPU");
    const CompiledModel lossy = compiled(text, "CPU", {hint::low_precision_allow_lossy(true)});
    EXPECT_FALSE(row_of(exact.report(), "conv").int8);
    EXPECT_EQ(row_of(exact.report(), "a").loss, "");
    EXPECT_TRUE(row_of(lossy.report(), "conv").int8);
    EXPECT_EQ(row_of(lossy.report(), "a").loss, "256 -> 65 levels, on one grid with the other data of 'conv'");
    EXPECT_EQ(row_of(lossy.report(), "b").loss, "256 -> 256 levels, on one grid with the other data of 'conv'");
    EXPECT_EQ(results(exact), results(compiled(text, "REFERENCE")));
    EXPECT_EQ(results(lossy), results(compiled(rows_of_two_grids(65, 64), "REFERENCE")));
    EXPECT_NE(results(lossy), results(exact));
    EXPECT_TRUE(lossy.get_property(hint::low_precision_allow_lossy));
    EXPECT_FALSE(exact.get_property(hint::low_precision_allow_lossy));
}

// The row of a recurrent layer is its recurrence, whatever reshapes its results.
TEST(ReasonsOfTheCpu, CellsAreTheirRecurrences) {
    const auto text = [](std::string_view r) {
        return fmt::format(R"(x : f32[1,2] = parameter() shape=[1,2]
h : f32[1,1] = parameter() shape=[1,1]
low : f32[] = constant() value=f32[]{{-1}}
high : f32[] = constant() value=f32[]{{1}}
fq : f32[1,2] = fake_quantize(x, low, high, low, high) levels=255
w : f32[4,2] = constant() value=f32[4,2]{{1, -0.5, 0.25, 0.75, 1, 0.5, 0.25, -0.75}}
wfq : f32[4,2] = fake_quantize(w, low, high, low, high) levels=255
w3 : f32[3,2] = constant() value=f32[3,2]{{1, -0.5, 0.25, 0.75, 1, 0.5}}
w3fq : f32[3,2] = fake_quantize(w3, low, high, low, high) levels=255
r : f32[4,1] = constant() value=f32[4,1]{{1, -0.5, 0.25, 0.75}}
rfq : f32[4,1] = fake_quantize(r, low, high, low, high) levels=255
r3 : f32[3,1] = constant() value=f32[3,1]{{1, -0.5, 0.25}}
r3fq : f32[3,1] = fake_quantize(r3, low, high, low, high) levels=255
b : f32[4] = constant() value=f32[4]{{1, -0.5, 0.25, 0.75}}
b3 : f32[3] = constant() value=f32[3]{{1, -0.5, 0.25}}
lstm : f32[1,1], f32[1,1] = lstm_cell(fq, h, h, wfq, r{0}, b) hidden_size=1
gru : f32[1,1] = gru_cell(fq, h, w3fq, r3{0}, b3) hidden_size=1
next : f32[1,1] = result(lstm)
kept : f32[1,1] = result(lstm:1)
other : f32[1,1] = result(gru)
)",
                           r);
    };
    const Report quantized = report_on_cpu(text("fq")), plain = report_on_cpu(text(""));
    for (const std::string_view layer : {"lstm", "gru"}) {
        const LayerReport row = row_of(quantized, layer);
        EXPECT_EQ(row.status, LayerStatus::executed);
        EXPECT_TRUE(row.int8);
        EXPECT_THAT(row.kernel, testing::EndsWith(fmt::format("_{}_s8", layer)));
        EXPECT_EQ(row_of(plain, layer).code, "NO_WEIGHTS_FQ");
        EXPECT_EQ(row_of(plain, layer).reason, fmt::format("its weights come from '{}', which is not quantized",
                                                           layer == "gru" ? "r3.sequence" : "r.sequence"));
    }
}

TEST(ReasonsOfTheCpu, IndicesAreNoLayersThatCompute) {
    const Report r = report_on_cpu(R"(x : f32[4] = parameter() shape=[4]
i : i32[2] = parameter() element=i32 shape=[2]
one : i32[1] = constant() value=i32[1]{1}
axis : i64[] = constant() value=i64[]{0}
next : i32[2] = add(i, one)
picked : f32[2] = gather(x, next, axis)
soft : f32[2] = softmax(picked) axis=0
out : f32[2] = result(soft)
)");
    EXPECT_EQ(row_of(r, "next").status, LayerStatus::executed);
    EXPECT_FALSE(row_of(r, "next").compute);
    EXPECT_EQ(summarize_int8(r).layers, 1u);
    EXPECT_EQ(row_of(r, "soft").reason, "the CPU has no int8 kernel for SoftMax");
}

TEST(RequiredInt8, IsMetOrNamesTheLargestCauses) {
    const Int8Summary s = summarize_int8(report());
    EXPECT_THAT(Int8Requirement::parse("25%").shortfall(s), IsEmpty());
    EXPECT_EQ(Int8Requirement::parse("26%").shortfall(s),
              "25.0% of the layers that compute are int8 (2 of 8), 26.0% were required; float: "
              "3 x NO_ACT_FQ (b: there is no FakeQuantize between it and 'x'), "
              "2 x WEIGHTS_ZP (d: the weights of the layer have a zero point), "
              "1 x EXECUTOR_FALLBACK (softmax: the CPU has no int8 kernel for SoftMax)");
    EXPECT_THAT(Int8Requirement::parse("60%time").shortfall(s), IsEmpty());
    EXPECT_EQ(Int8Requirement::parse("60.5%time").shortfall(s),
              "60.0% of the time of the layers that compute is int8, 60.5% was required; float: "
              "20.0% in 3 x NO_ACT_FQ (b: there is no FakeQuantize between it and 'x'), "
              "10.0% in 2 x WEIGHTS_ZP (d: the weights of the layer have a zero point), "
              "10.0% in 1 x EXECUTOR_FALLBACK (softmax: the CPU has no int8 kernel for SoftMax)");
}

TEST(RequiredInt8, OfTimeNeedsTimes) {
    Report r;
    r.layers = {layer("a", true)};
    EXPECT_EQ(Int8Requirement::parse("50%time").shortfall(summarize_int8(r)),
              "50.0% of the time was to be int8, but no times were measured");
}

TEST(RequiredInt8, OtherTextsAreErrors) {
    for (const char* text : {"", "95", "%", "-1%", "101%", "95%layers", "nan%", "inf%", " 95%", "95 %"}) {
        try {
            Int8Requirement::parse(text);
            FAIL() << text;
        } catch (const Error& e) {
            EXPECT_EQ(std::string(e.what()),
                      "got '" + std::string(text) +
                          "', wanted a share of int8 such as '95%' (of the layers that compute) or '95%time' (of their "
                          "time)");
        }
    }
}

}  // namespace
}  // namespace octet
