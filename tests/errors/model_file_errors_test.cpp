// What a user reads when a model file is not right: the whole sentence.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "ir/xml/xml.hpp"
#include "tests/xml/folder.hpp"

namespace octet::ir {
namespace {

// A model of three layers, x * w, with places to break.
struct Model {
    std::string version = "11";
    std::string parameter_data = R"(shape="2,3" element_type="f32")";
    std::string constant_data = R"(element_type="f32" shape="2,3" offset="8" size="24")";
    std::string constant_id = "1";
    std::string multiply_data = R"(auto_broadcast="numpy")";
    std::string multiply_type = R"(type="Multiply" version="opset1")";
    std::string multiply_input = R"(<port id="0"/><port id="1"/>)";
    std::string multiply_output = R"(<port id="2" precision="FP32"><dim>2</dim><dim>3</dim></port>)";
    std::string edges = R"(<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>)";
    std::string more_layers = {};

    std::string text() const {
        return "<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"" + version + "\">\n<layers>\n" +
               R"(<layer id="0" name="x" type="Parameter" version="opset1"><data )" + parameter_data +
               R"(/><output><port id="0" precision="FP32"/></output></layer>
<layer id=")" + constant_id +
               R"(" name="w" type="Const" version="opset1"><data )" + constant_data +
               R"(/><output><port id="0" precision="FP32"/></output></layer>
<layer id="2" name="y" )" +
               multiply_type + R"(><data )" + multiply_data + "/><input>" + multiply_input + "</input><output>" +
               multiply_output + R"(</output></layer>
<layer id="3" name="out" type="Result" version="opset1"><input><port id="0"/></input></layer>
)" + more_layers +
               "</layers>\n<edges>\n" + edges + "\n</edges>\n</net>\n";
    }
};

class ModelFile : public testing::Test {
protected:
    // The message with the folder left out.
    std::string error_of(std::string_view xml,
                         std::string_view bin = std::string_view(kWeights, sizeof kWeights)) const {
        folder_.write("m.xml", xml);
        if (!bin.empty()) folder_.write("m.bin", bin);
        return error_of_files();
    }
    std::string error_of_files() const {
        try {
            xml::read(folder_.path / "m.xml");
        } catch (const InternalError& e) {
            return std::string("internal: ") + e.what();
        } catch (const Error& e) {
            std::string text = e.what();
            const std::string prefix = folder_.path.string() + "/";
            for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
                text.erase(at, prefix.size());
            return text;
        }
        return "no error";
    }
    static constexpr char kWeights[32] = {};
    TemporaryFolder folder_;
};

TEST_F(ModelFile, IsRight) { EXPECT_EQ(error_of(Model().text()), "no error"); }

TEST_F(ModelFile, IsMissing) {
    EXPECT_EQ(error_of_files(), "'m.xml': there is no such file");
    std::filesystem::create_directory(folder_.path / "m.xml");
    EXPECT_EQ(error_of_files(), "'m.xml': it is a folder, a file is wanted");
}

TEST_F(ModelFile, IsEmpty) {
    EXPECT_EQ(error_of(""), "'m.xml': the file is empty");
    EXPECT_EQ(error_of(" \n\t\n"), "'m.xml': the file is empty");
}

TEST_F(ModelFile, IsNotXml) {
    EXPECT_EQ(error_of("\n\nweights, not a model"), "'m.xml' line 3: it is not XML: no document element found");
    EXPECT_EQ(error_of("<net version=\"11\">\n<layers>\n</net>"),
              "'m.xml' line 3: it is not XML: start-end tags mismatch");
    EXPECT_EQ(error_of(std::string_view("\x7f"
                                        "ELF\0\0",
                                        6)),
              "'m.xml' line 1: it is not XML: no document element found");
}

TEST_F(ModelFile, IsNoModel) {
    EXPECT_EQ(error_of("<html><body/></html>"), "'m.xml': it has no <net>, so it is no model");
}

TEST_F(ModelFile, HasAVersionThatCannotBeRead) {
    EXPECT_EQ(error_of(Model{.version = "7"}.text()),
              "'m.xml' line 2: it is an IR of version 7, only 10 and 11 can be read");
    EXPECT_EQ(error_of(Model{.version = "new"}.text()),
              "'m.xml' line 2: attribute 'version' of <net>: 'new' is not a whole number");
    EXPECT_EQ(error_of("<net name='m'/>"), "'m.xml' line 1: <net> has no attribute 'version'");
    EXPECT_EQ(error_of("<net version='11'/>"), "'m.xml' line 1: there are no layers");
}

TEST_F(ModelFile, HasPreProcessing) {
    EXPECT_EQ(error_of("<net version='10'>\n<pre-process/></net>"),
              "'m.xml' line 2: a <pre-process> section cannot be read");
}

TEST_F(ModelFile, IsNestedDeeply) {
    constexpr int kDeep = 1'000'000;
    std::string deep = "<net version='11'><layers>";
    for (int i = 0; i < kDeep; ++i) deep += "<a>";
    EXPECT_EQ(error_of(deep), "'m.xml' line 1: it is not XML: start-end tags mismatch");
    for (int i = 0; i < kDeep; ++i) deep += "</a>";
    deep += "</layers></net>";
    EXPECT_EQ(error_of(deep), "'m.xml' line 1: there are no layers");
}

TEST_F(ModelFile, HasBodiesNestedDeeply) {
    std::string deep = "<net version='11'>";
    std::string end = "</net>";
    for (int i = 0; i < 1000; ++i) {
        deep += "<layers><layer id='0' name='l' type='TensorIterator' version='opset1'><body>\n";
        end = "</body></layer></layers>" + end;
    }
    EXPECT_EQ(error_of(deep + end), "'m.xml' line 17: bodies are nested more than 16 deep");
}

TEST_F(ModelFile, HasNoWeightsFile) {
    EXPECT_EQ(error_of(Model().text(), ""), "'m.xml' line 5: layer 'w': 'm.bin': there is no such file");
}

TEST_F(ModelFile, HasAWeightsFileThatIsTooShort) {
    EXPECT_EQ(error_of(Model().text(), "short"),
              "'m.xml' line 5: layer 'w': it needs 24 bytes at offset 8, 'm.bin' has 5");
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="2,3" offset="9" size="24")"}.text()),
              "'m.xml' line 5: layer 'w': it needs 24 bytes at offset 9, 'm.bin' has 32");
    EXPECT_EQ(
        error_of(Model{.constant_data = R"(element_type="i8" shape="2147483648" offset="0" size="2147483648")"}.text()),
        "'m.xml' line 5: layer 'w': it needs 2147483648 bytes at offset 0, 'm.bin' has 32");
    EXPECT_EQ(
        error_of(
            Model{.constant_data = R"(element_type="f32" shape="2,3" offset="9223372036854775807" size="24")"}.text()),
        "'m.xml' line 5: layer 'w': it needs 24 bytes at offset 9223372036854775807, 'm.bin' has 32");
}

TEST_F(ModelFile, HasConstantsOfTheWrongSize) {
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="2,3" offset="0" size="20")"}.text()),
              "'m.xml' line 5: layer 'w': f32[2,3] takes 24 bytes, the attribute 'size' is 20");
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="4294967296,4294967296" offset="0" size="0")"}
                           .text()),
              "'m.xml' line 5: layer 'w': f32[4294967296,4294967296] takes too many bytes, the attribute 'size' is 0");
    EXPECT_EQ(
        error_of(
            Model{.constant_data = R"(element_type="f32" shape="2,3" offset="0" size="18446744073709551615")"}.text()),
        "'m.xml' line 5: layer 'w': 18446744073709551615 is out of range");
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="2,3" offset="-8" size="24")"}.text()),
              "'m.xml' line 5: layer 'w': attribute 'offset' is -8");
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="2,?" offset="0" size="24")"}.text()),
              "'m.xml' line 5: layer 'w': the shape [2,?] of a constant must be known");
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="f32" shape="2,3" size="24")"}.text()),
              "'m.xml' line 5: layer 'w': it has no attribute 'offset'");
}

TEST_F(ModelFile, HasElementTypesThatAreNotKnown) {
    EXPECT_EQ(error_of(Model{.constant_data = R"(element_type="nf4" shape="2,3" offset="8" size="3")"}.text()),
              "'m.xml' line 5: layer 'w': unknown element type 'nf4'");
    EXPECT_EQ(error_of(Model{.parameter_data = R"(element_type="float" shape="2,3")"}.text()),
              "'m.xml' line 4: layer 'x': unknown element type 'float'");
    EXPECT_EQ(error_of(Model{.multiply_output = R"(<port id="2" precision="FP33"/>)"}.text()),
              "'m.xml' line 6: layer 'y': unknown element type 'FP33'");
}

TEST_F(ModelFile, HasDimensionsThatAreNone) {
    EXPECT_EQ(error_of(Model{.parameter_data = R"(element_type="f32" shape="2,-3")"}.text()),
              "'m.xml' line 4: layer 'x': -3 is no dimension");
    EXPECT_EQ(error_of(Model{.parameter_data = R"(element_type="f32" shape="2,,3")"}.text()),
              "'m.xml' line 4: layer 'x': '' is not a whole number");
    EXPECT_EQ(error_of(Model{.parameter_data = R"(element_type="f32" shape="8..2")"}.text()),
              "'m.xml' line 4: layer 'x': '8..2' is no dimension");
    EXPECT_EQ(error_of(Model{.multiply_output = R"(<port id="2" precision="FP32"><dim>-2</dim></port>)"}.text()),
              "'m.xml' line 6: layer 'y': a dimension is -2");
    EXPECT_EQ(error_of(Model{.multiply_output = R"(<port id="2" precision="FP32"><dim>two</dim></port>)"}.text()),
              "'m.xml' line 6: layer 'y': 'two' is not a whole number");
}

TEST_F(ModelFile, HasShapesThatDoNotGoTogether) {
    EXPECT_EQ(error_of(Model{.parameter_data = R"(element_type="f32" shape="2,4")"}.text()),
              "'m.xml' line 6: layer 'y': multiply: dimensions 4 and 3 do not broadcast");
    EXPECT_EQ(
        error_of(Model{.multiply_output = R"(<port id="2" precision="FP32"><dim>2</dim><dim>4</dim></port>)"}.text()),
        "'m.xml' line 6: layer 'y': output 0 is f32[2,3], the file declares f32[2,4] (operator Multiply of opset1)");
    EXPECT_EQ(
        error_of(Model{.multiply_output = R"(<port id="2" precision="I32"><dim>2</dim><dim>3</dim></port>)"}.text()),
        "'m.xml' line 6: layer 'y': output 0 is f32[2,3], the file declares i32[2,3] (operator Multiply of opset1)");
    EXPECT_EQ(error_of(Model{.multiply_output = R"(<port id="2"/><port id="3"/>)"}.text()),
              "'m.xml' line 6: layer 'y': the file gives it 2 outputs, it has 1");
}

TEST_F(ModelFile, HasEdgesThatLeadNowhere) {
    const auto with = [](std::string edge) { return Model{.edges = Model().edges + "\n" + edge}.text(); };
    EXPECT_EQ(error_of(with(R"(<edge from-layer="7" from-port="0" to-layer="2" to-port="0"/>)")),
              "'m.xml' line 13: an edge names the layer 7, which does not exist");
    EXPECT_EQ(error_of(with(R"(<edge from-layer="0" from-port="5" to-layer="2" to-port="0"/>)")),
              "'m.xml' line 13: an edge names the output port 5 of layer 'x', which does not exist");
    EXPECT_EQ(error_of(with(R"(<edge from-layer="0" from-port="0" to-layer="2" to-port="2"/>)")),
              "'m.xml' line 13: an edge names the input port 2 of layer 'y', which does not exist");
    EXPECT_EQ(error_of(with(R"(<edge from-layer="0" from-port="0" to-layer="2" to-port="1"/>)")),
              "'m.xml' line 13: two edges lead to input 1 of layer 'y'");
    EXPECT_EQ(error_of(with(R"(<edge from-layer="0" to-layer="2" to-port="1"/>)")),
              "'m.xml' line 13: <edge> has no attribute 'from-port'");
    EXPECT_EQ(error_of(Model{.multiply_input = R"(<port id="0"/><port id="1"/><port id="9"/>)"}.text()),
              "'m.xml' line 6: layer 'y': no edge leads to input 2");
}

TEST_F(ModelFile, HasACycle) {
    Model model;
    model.more_layers =
        R"(<layer id="8" name="a" type="ReLU" version="opset1"><input><port id="0"/></input><output><port id="1"/></output></layer>
<layer id="9" name="b" type="ReLU" version="opset1"><input><port id="0"/></input><output><port id="1"/></output></layer>
<layer id="10" name="behind" type="ReLU" version="opset1"><input><port id="0"/></input><output><port id="1"/></output></layer>
)";
    model.edges += R"(
<edge from-layer="8" from-port="1" to-layer="9" to-port="0"/><edge from-layer="9" from-port="1" to-layer="8" to-port="0"/>
<edge from-layer="9" from-port="1" to-layer="10" to-port="0"/>)";
    EXPECT_EQ(error_of(model.text()), "'m.xml' line 8: the layers form a cycle: 'a' -> 'b' -> 'a'");
}

TEST_F(ModelFile, HasTwoLayersWithOneId) {
    EXPECT_EQ(error_of(Model{.constant_id = "0"}.text()), "'m.xml' line 5: layers 'x' and 'w' have the same id 0");
    EXPECT_EQ(error_of(Model{.constant_id = "one"}.text()),
              "'m.xml' line 5: attribute 'id' of <layer>: 'one' is not a whole number");
}

TEST_F(ModelFile, HasAttributesThatAreMissingOrWrong) {
    const auto with = [](std::string type, std::string data) {
        return Model{.multiply_data = std::move(data), .multiply_type = "type=\"" + type + "\" version=\"opset1\""}
            .text();
    };
    EXPECT_EQ(error_of(with("Concat", "")), "'m.xml' line 6: layer 'y': it has no attribute 'axis'");
    EXPECT_EQ(error_of(with("Concat", "axis='first'")),
              "'m.xml' line 6: layer 'y': attribute 'axis': 'first' is not a whole number");
    EXPECT_EQ(error_of(with("Concat", "axis='5'")),
              "'m.xml' line 6: layer 'y': concat: axis 5 is not within a rank of 2");
    EXPECT_EQ(error_of(with("Reshape", "special_zero='maybe'")),
              "'m.xml' line 6: layer 'y': attribute 'special_zero': 'maybe' is neither true nor false");
    EXPECT_EQ(error_of(with("Convolution", "strides='1,x' dilations='1,1'")),
              "'m.xml' line 6: layer 'y': attribute 'strides': 'x' is not a whole number");
    EXPECT_EQ(error_of(with("Split", "num_splits='1000000000000'")),
              "'m.xml' line 6: layer 'y': attribute 'num_splits' is 1000000000000, the layer has 1 outputs");
    EXPECT_EQ(error_of("<net version='11'><layers>\n<layer id='0' type='Const'/></layers></net>"),
              "'m.xml' line 2: <layer> has no attribute 'name'");
}

TEST_F(ModelFile, HasBodiesThatAreWiredWrongly) {
    const auto with = [](std::string map) {
        return "<net version='11'><layers>\n<layer id='0' name='x' type='Parameter' version='opset1'><data shape='2' "
               "element_type='f32'/>"
               "<output><port id='0'/></output></layer>\n"
               "<layer id='1' name='loop' type='TensorIterator' version='opset1'><input><port "
               "id='0'/></input><output><port id='1'/></output>\n"
               "<port_map>\n" +
               map +
               "</port_map>\n<body><layers>\n"
               "<layer id='4' name='p' type='Parameter' version='opset1'><data shape='2' "
               "element_type='f32'/><output><port id='0'/></output></layer>\n"
               "<layer id='5' name='r' type='Result' version='opset1'><input><port id='0'/></input></layer></layers>\n"
               "<edges><edge from-layer='4' from-port='0' to-layer='5' to-port='0'/></edges></body></layer></layers>\n"
               "<edges><edge from-layer='0' from-port='0' to-layer='1' to-port='0'/></edges></net>";
    };
    EXPECT_EQ(
        error_of(with(
            "<input external_port_id='0' internal_layer_id='4'/><output external_port_id='1' internal_layer_id='5'/>")),
        "no error");
    EXPECT_EQ(error_of(with("<input external_port_id='8' internal_layer_id='4'/>")),
              "'m.xml' line 5: the layer has no input port 8");
    EXPECT_EQ(error_of(with("<input external_port_id='0' internal_layer_id='5'/>")),
              "'m.xml' line 5: the body has no Parameter with id 5");
    EXPECT_EQ(error_of(with("<output external_port_id='1' internal_layer_id='x'/>")),
              "'m.xml' line 5: attribute 'internal_layer_id' of <output>: 'x' is not a whole number");
    EXPECT_EQ(error_of("<net version='11'><layers>\n<layer id='1' name='loop' type='TensorIterator' "
                       "version='opset1'/></layers></net>"),
              "'m.xml' line 2: layer 'loop': it has no <body>");
}

}  // namespace
}  // namespace octet::ir
