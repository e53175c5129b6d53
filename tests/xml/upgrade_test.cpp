// Older forms of operators, spellings of attributes, and what files leave open: order, ids, names.
#include <gtest/gtest.h>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"
#include "ir/text.hpp"
#include "ir/xml/xml.hpp"

namespace octet::ir {
namespace {

constexpr std::array<std::int64_t, 4> kNumbers{2, 3, 0, 0};

// A layer between parameters of these shapes and a result.
std::string model(std::string_view type, std::string_view version, std::string_view data,
                  const std::vector<std::string>& shapes, std::size_t outputs = 1) {
    std::string layers, ports, edges, results;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        layers += fmt::format(
            R"(<layer id="{0}" name="in{0}" type="Parameter" version="opset1"><data shape="{1}" element_type="{2}"/><output><port id="0"/></output></layer>)",
            i, shapes[i].substr(shapes[i].find(':') + 1), shapes[i].starts_with("i64:") ? "i64" : "f32");
        ports += fmt::format(R"(<port id="{}"/>)", i);
        edges += fmt::format(R"(<edge from-layer="{0}" from-port="0" to-layer="100" to-port="{0}"/>)", i);
    }
    std::string outs;
    for (std::size_t i = 0; i < outputs; ++i) outs += fmt::format(R"(<port id="{}"/>)", shapes.size() + i);
    layers += fmt::format(
        R"(<layer id="100" name="op" type="{}" version="{}"><data {}/><input>{}</input><output>{}</output></layer>)",
        type, version, data, ports, outs);
    layers += R"(<layer id="101" name="out" type="Result" version="opset1"><input><port id="0"/></input></layer>)";
    edges += fmt::format(R"(<edge from-layer="100" from-port="{}" to-layer="101" to-port="0"/>)", shapes.size());
    return fmt::format("<net version='11'><layers>{}</layers><edges>{}</edges></net>", layers, edges);
}

Graph read(const std::string& xml) {
    return xml::read_memory(xml, {reinterpret_cast<const std::byte*>(kNumbers.data()), sizeof kNumbers, nullptr});
}

// The line of the text form that makes "op".
std::string line(const Graph& graph) {
    const NodeId* op = graph.find("op");
    return op ? print(graph, *op) : "nothing";
}

TEST(Upgrade, RecurrentCells) {
    const std::vector<std::string> lstm{"2,3", "2,4", "2,4", "16,3", "16,4"};
    const auto with = [](std::vector<std::string> operands, const std::string& last) {
        operands.push_back(last);
        return operands;
    };
    const std::string cell = "lstm_cell(in0, in1, in2, in3, in4, in5) hidden_size=4";
    const std::string fields = "hidden_size='4' activations='sigmoid, tanh, tanh'";
    EXPECT_EQ(line(read(model("LSTMCell", "opset4", "hidden_size='4'", with(lstm, "16"), 2))),
              "op : f32[2,4], f32[2,4] = " + cell);
    EXPECT_EQ(line(read(model("LSTMCell", "opset1", fields, with(lstm, "16"), 2))),
              "op : f32[2,4], f32[2,4] = " + cell + R"( activations=["sigmoid","tanh","tanh"])");
    // Without B: zeros.
    EXPECT_EQ(line(read(model("LSTMCell", "opset4", "hidden_size='4'", lstm, 2))),
              "op : f32[2,4], f32[2,4] = lstm_cell(in0, in1, in2, in3, in4, op.constant) hidden_size=4");
    const Graph gru = read(
        model("GRUCell", "opset3", "hidden_size='4' linear_before_reset='true'", {"2,3", "2,4", "12,3", "12,4"}));
    EXPECT_EQ(line(gru),
              "op : f32[2,4] = gru_cell(in0, in1, in2, in3, op.constant) hidden_size=4 "
              "linear_before_reset=true");
    EXPECT_EQ(gru.constant(gru.node(*gru.find("op")).inputs[4])->dims(), (Dims{16}));
    EXPECT_EQ(line(read(model("RNNCell", "opset1", "hidden_size='4'", {"2,3", "2,4", "4,3", "4,4"}))),
              "op : f32[2,4] = rnn_cell(in0, in1, in2, in3, op.constant) hidden_size=4");
    // What operator set 4 left out.
    const auto opaque = [&](const std::string& more, const std::vector<std::string>& operands) {
        const Graph graph = read(model("LSTMCell", "opset1", fields + more, operands, 2));
        return graph.node(*graph.find("op")).op.is<Opaque>();
    };
    EXPECT_TRUE(opaque(" weights_format='ifco'", with(lstm, "16")));
    EXPECT_TRUE(opaque(" input_forget='true'", with(lstm, "16")));
    EXPECT_TRUE(opaque("", with(with(lstm, "16"), "12"))) << "peepholes that are not known to be zero";
    EXPECT_FALSE(opaque(" weights_format='fico' input_forget='false'", with(lstm, "16")));
}

TEST(Upgrade, SpellingsOfAttributes) {
    for (std::string_view spelling : {"true", "True", "TRUE", "1"})
        EXPECT_EQ(line(read(model("ReduceMean", "opset1", fmt::format("keep_dims='{}'", spelling), {"2,3", "i64:1"}))),
                  "op : f32[1..2,1..3] = reduce_mean(in0, in1) keep_dims=true");
    for (std::string_view spelling : {"2,2", "2, 2", " 2 ,2 ", "2.0,2.0"})
        EXPECT_EQ(line(read(
                      model("MaxPool", "opset1",
                            fmt::format("strides='{0}' kernel='{0}' rounding_type='CEIL' auto_pad='valid'", spelling),
                            {"1,3,8,8"}))),
                  "op : f32[1,3,4,4], i64[1,3,4,4] = max_pool(in0) strides=[2,2] dilations=[1,1] pads_begin=[0,0] "
                  "pads_end=[0,0] kernel=[2,2] "
                  "rounding=ceil auto_pad=valid");
    EXPECT_EQ(line(read(model("clamp", "opset1", "min='-1e-05' max='inf'", {"2"}))),
              "op : f32[2] = clamp(in0) low=-1e-05 high=inf");
    EXPECT_EQ(line(read(model("StridedSlice", "opset1", "begin_mask='' end_mask='' ellipsis_mask='0,0'",
                              {"4,6", "i64:1", "i64:1"}))),
              "op : f32[0..4,6] = strided_slice(in0, in1, in2) ellipsis_mask=[0,0]");
}

TEST(Upgrade, InterpolateOfOpset1) {
    const Graph graph = read(
        model("Interpolate", "opset1",
              "axes='2,3' mode='linear' align_corners='0' antialias='0' pads_begin='0' pads_end='0'",
              {"1,3,8,8", "i64:2"}));
    EXPECT_EQ(line(graph),
              "op : f32[1,3,?,?] = interpolate(in0, in1, op.constant) mode=linear_onnx coordinates=asymmetric "
              "nearest=simple");
    EXPECT_EQ(graph.constant({*graph.find("op.constant"), 0})->integers(), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(graph.node(*graph.find("op.constant")).origins, graph.node(*graph.find("op")).origins);
}

TEST(Upgrade, InterpolateOfOpset4) {
    const std::vector<std::string> shapes{"1,3,8,8", "i64:2", "2", "i64:2"};
    EXPECT_EQ(line(read(model("Interpolate", "opset4",
                              "mode='nearest' shape_calculation_mode='sizes' nearest_mode='floor'", shapes))),
              "op : f32[?,?,?,?] = interpolate(in0, in1, in3) nearest=floor");
    EXPECT_EQ(line(read(model("Interpolate", "opset4", "mode='nearest' shape_calculation_mode='scales'", shapes))),
              "op : f32[?,?,?,?] = interpolate(in0, in2, in3) calculation=scales");
}

TEST(Upgrade, NormalisationsOfOpset1) {
    const Graph mvn = read(
        model("MVN", "opset1", "across_channels='false' normalize_variance='true' eps='1e-9'", {"1,3,8,8"}));
    EXPECT_EQ(line(mvn), "op : f32[1,3,8,8] = mvn(in0, op.constant) eps=1e-09 eps_mode=outside_sqrt");
    EXPECT_EQ(mvn.constant({*mvn.find("op.constant"), 0})->integers(), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(line(read(model("BatchNormInference", "opset1", "eps='0.001'", {"3", "3", "1,3,8,8", "3", "3"}))),
              "op : f32[1,3,8,8] = batch_norm_inference(in2, in0, in1, in3, in4) epsilon=0.001");
}

TEST(Upgrade, OtherOlderForms) {
    EXPECT_EQ(line(read(model("ShapeOf", "opset1", "", {"2,?"}))), "op : i64[2] = shape_of(in0)");
    EXPECT_EQ(line(read(model("ShapeOf", "opset3", "output_type='i32'", {"2,?"}))),
              "op : i32[2] = shape_of(in0) element=i32");
    EXPECT_EQ(line(read(model("ConvertLike", "opset1", "", {"2", "i64:"}))), "op : i64[2] = convert(in0) element=i64");
    EXPECT_EQ(line(read(model("Softmax", "opset5", "axis='1'", {"2,3"}))), "op : f32[2,3] = softmax(in0)");
    EXPECT_EQ(line(read(model("TopK", "opset3", "axis='-1' mode='max' sort='value'", {"2,9", "i64:"}, 2))),
              "op : f32[2,0..9], i32[2,0..9] = top_k(in0, in1)");
}

TEST(Upgrade, WhatIsNotListedIsOpaque) {
    EXPECT_EQ(
        line(read(model("Fancy", "opset1", "b='1' a='x'", {"2"}))),
        R"(op : undefined[] = opaque(in0) type="Fancy" version="opset1" attributes={"a"="x", "b"="1"} outputs=[undefined[]])");
    const auto opaque = [](std::string_view type, std::string_view version, std::string_view data,
                           std::vector<std::string> shapes) {
        const Graph graph = read(model(type, version, data, shapes));
        return graph.node(*graph.find("op")).op.is<Opaque>();
    };
    EXPECT_TRUE(opaque("ReLU", "opset17", "", {"2"})) << "an operator set that is not known";
    EXPECT_TRUE(opaque("ReLU", "extension", "", {"2"}));
    EXPECT_TRUE(opaque("Swish", "opset1", "", {"2"})) << "the operator came with opset4";
    EXPECT_TRUE(opaque("Add", "opset1", "auto_broadcast='pdpd'", {"2", "2"}));
    EXPECT_TRUE(opaque("Interpolate", "opset11", "mode='bilinear_pillow' shape_calculation_mode='sizes'",
                       {"1,3,8,8", "i64:4"}));
    EXPECT_TRUE(opaque("ScatterNDUpdate", "opset15", "reduction='sum'", {"4,6", "i64:1,1", "1,6"}));
    EXPECT_FALSE(opaque("ScatterNDUpdate", "opset15", "reduction='none'", {"4,6", "i64:1,1", "1,6"}));
}

constexpr std::string_view kScrambled = R"(<net version="VERSION"><layers>
<layer id="9000000000000000000" name="out" type="Result" version="opset1"><input><port id="7"/></input></layer>
<layer id="-5" name="same" type="ReLU" version="opset1"><input><port id="0"/></input><output><port id="1" names="t,u\,v"/></output></layer>
<layer id="3" name="same" type="ReLU" version="opset1"><input><port id="0"/></input><output><port id="1"/></output></layer>
<layer id="8" name="b" type="Parameter" version="opset1"><data shape="2" element_type="f16"/><output><port id="0"/></output></layer>
<layer id="2" name="a" type="Parameter" version="opset1"><data shape="2" element_type="f16"/><output><port id="0" names="first"/></output></layer>
</layers><edges>
<edge from-layer="-5" from-port="1" to-layer="9000000000000000000" to-port="7"/>
<edge from-layer="3" from-port="1" to-layer="-5" to-port="0"/>
<edge from-layer="2" from-port="0" to-layer="3" to-port="0"/>
</edges></net>)";

std::string scrambled(std::string version) {
    std::string text(kScrambled);
    return text.replace(text.find("VERSION"), 7, version);
}

TEST(Reader, OrderIdsAndRepeatedNamesDoNotMatter) {
    EXPECT_EQ(print(read(scrambled("11"))), R"(b : f16[2] = parameter() element=f16 shape=[2]
a : f16[2] = parameter() element=f16 shape=[2] tensor_names=["first"]
same : f16[2] = relu(a)
same.2 : f16[2] = relu(same)
out : f16[2] = result(same.2) tensor_names=["t","u,v"] layer="same.2"
)");
}

TEST(Reader, LayersNameTensorsInVersion10) {
    xml::Info info;
    const Graph graph = xml::read_memory(scrambled("10"), {}, "model", &info);
    EXPECT_EQ(info.version, 10);
    const auto names = [&](std::string_view node) {
        const Op& op = graph.node(*graph.find(node)).op;
        return op.is<Parameter>() ? op.get<Parameter>().tensor_names : op.get<Result>().tensor_names;
    };
    EXPECT_EQ(names("a"), (std::vector<std::string>{"first", "a"}));
    EXPECT_EQ(names("b"), std::vector<std::string>{"b"});
    EXPECT_EQ(names("out"), (std::vector<std::string>{"t", "u,v", "same"}));
}

TEST(Reader, LayersOfTheFile) {
    const Graph graph = read(scrambled("11"));
    ASSERT_EQ(graph.layers().size(), 5u);
    EXPECT_EQ(graph.layers()[1], (Layer{"same", "ReLU", "opset1"}));
    EXPECT_EQ(graph.node(*graph.find("same.2")).origins, Origins{1});
    EXPECT_EQ(graph.node(*graph.find("same")).origins, Origins{2});
    EXPECT_EQ(graph.source(), "model");
}

TEST(Reader, ConstantsViewTheWeights) {
    const Graph graph = read(R"(<net version="11"><layers>
<layer id="0" name="w" type="Const" version="opset1"><data element_type="i64" shape="1" offset="8" size="8"/><output><port id="1"/></output></layer>
<layer id="1" name="odd" type="Const" version="opset1"><data element_type="u8" shape="" offset="1" size="1"/><output><port id="1"/></output></layer>
<layer id="2" name="none" type="Const" version="opset1"><data element_type="f32" shape="0,4" offset="0" size="0"/><output><port id="1"/></output></layer>
</layers></net>)");
    const auto tensor = [&](std::string_view name) { return *graph.constant({*graph.find(name), 0}); };
    EXPECT_EQ(tensor("w").data(), reinterpret_cast<const std::byte*>(&kNumbers[1]));
    EXPECT_EQ(tensor("w").integers(), std::vector<std::int64_t>{3});
    EXPECT_EQ(tensor("odd").integers(), std::vector<std::int64_t>{0});
    EXPECT_EQ(tensor("none").dims(), (Dims{0, 4}));
}

}  // namespace
}  // namespace octet::ir
