// Core, Model, CompiledModel: devices, ports, reshape, properties, and the texts of their errors.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/src/devices.hpp"
#include "tests/runtime/support.hpp"

namespace octet::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

TEST(Devices, Names) {
    const std::vector<std::string> known{"CPU", "REFERENCE"};
    EXPECT_EQ(runtime::device_named("CPU", known), 0u);
    EXPECT_EQ(runtime::device_named("REFERENCE.0", known), 1u);
    EXPECT_EQ(runtime::device_named("AUTO", known), 0u);
    EXPECT_EQ(runtime::device_named("AUTO:REFERENCE,CPU", known), 1u);
    const auto message = [&](const char* name) { return error_of([&] { runtime::device_named(name, known); }); };
    EXPECT_EQ(message("CPUU"), "there is no device 'CPUU'; known are CPU, REFERENCE; did you mean 'CPU'?");
    EXPECT_EQ(message("cpu"), "there is no device 'cpu'; known are CPU, REFERENCE; did you mean 'CPU'?");
    EXPECT_EQ(message("Refrence"),
              "there is no device 'Refrence'; known are CPU, REFERENCE; did you mean 'REFERENCE'?");
    EXPECT_EQ(message("ACCELERATOR"), "there is no device 'ACCELERATOR'; known are CPU, REFERENCE");
    EXPECT_EQ(message("CPU.1"), "there is no device 'CPU.1'; known are CPU, REFERENCE; did you mean 'CPU'?");
    EXPECT_EQ(message(""), "there is no device ''; known are CPU, REFERENCE");
}

TEST(Devices, OfCore) {
    Core core;
    EXPECT_THAT(core.get_available_devices(), ElementsAre("CPU", "REFERENCE"));
    EXPECT_THAT(core.get_property("CPU", available_devices), ElementsAre("CPU", "REFERENCE"));
    EXPECT_EQ(core.get_property("REFERENCE", device::full_name), "reference interpreter");
    EXPECT_FALSE(core.get_property("CPU", device::full_name).empty());
    EXPECT_EQ(error_of([&] { core.compile_model(relu_model(), "CPUU"); }),
              "there is no device 'CPUU'; known are CPU, REFERENCE; did you mean 'CPU'?");
    EXPECT_EQ(error_of([&] { core.compile_model(std::shared_ptr<Model>(), "CPU"); }), "there is no model to compile");
}

TEST(Models, Ports) {
    const auto model = relu_model();
    EXPECT_EQ(model->get_friendly_name(), "test");
    EXPECT_EQ(model->input().get_any_name(), "x");
    EXPECT_THAT(model->input("data").get_names(), UnorderedElementsAre("x", "data"));
    EXPECT_EQ(model->input().get_element_type(), element::f32);
    EXPECT_EQ(model->output("y").get_shape(), (Shape{2, 3}));
    EXPECT_EQ(model->input("data").get_index(), 0u);
    EXPECT_FALSE(model->is_dynamic());

    const auto two = two_ports_model();
    EXPECT_EQ(two->inputs().size(), 2u);
    EXPECT_EQ(two->input("b").get_element_type(), element::i32);
    EXPECT_EQ(two->output(1).get_node_name(), "difference");
    EXPECT_EQ(error_of([&] { two->input(0).get_any_name(); }), "the tensor of layer 'a' has no name");
}

TEST(Models, UnknownPorts) {
    const auto two = two_ports_model();
    EXPECT_EQ(error_of([&] { two->input(); }), "the input was asked for, the model has 2");
    EXPECT_EQ(error_of([&] { two->output(); }), "the output was asked for, the model has 2");
    EXPECT_EQ(error_of([&] { two->input(2); }), "input 2 was asked for, the model has 2");
    EXPECT_EQ(error_of([&] { two->output("sums"); }),
              "the model has no output 'sums'; it has 'sum', 'difference'; did you mean 'sum'?");
    EXPECT_EQ(error_of([&] { two->input("image"); }), "the model has no input 'image'; it has 'a', 'b'");
    EXPECT_EQ(error_of([&] { relu_model()->input("z"); }), "the model has no input 'z'; it has 'x'");
}

TEST(Models, Reshape) {
    const auto model = relu_model();
    const auto before = model->clone();
    model->reshape({{"x", PartialShape{5, 3}}});
    EXPECT_EQ(model->output().get_shape(), (Shape{5, 3}));
    EXPECT_EQ(before->output().get_shape(), (Shape{2, 3}));
    model->reshape(PartialShape{-1, 3});
    EXPECT_TRUE(model->is_dynamic());
    EXPECT_EQ(model->output().get_partial_shape(), PartialShape("[?,3]"));
    EXPECT_EQ(error_of([&] { model->output().get_shape(); }), "the shape [?,3] is dynamic, wanted a static one");
}

TEST(Models, ReshapeOfSeveralInputsAtOnce) {
    const auto model = two_ports_model();
    EXPECT_THAT(error_of([&] { model->reshape({{"a", PartialShape{7}}}); }), HasSubstr("'s'"));
    EXPECT_EQ(model->input("a").get_shape(), (Shape{4})) << "nothing is half-done";
    model->reshape({{"a", PartialShape{7}}, {"b", PartialShape{7}}});
    EXPECT_EQ(model->output(0).get_shape(), (Shape{7}));
    EXPECT_EQ(error_of([&] {
                  model->reshape({{"c", PartialShape{7}}});
              }),
              "the model has no input 'c'; it has 'a', 'b'");
    model->reshape(std::map<std::size_t, PartialShape>{{0, {9}}, {1, {9}}});
    EXPECT_EQ(model->output(1).get_shape(), (Shape{9}));
}

TEST(Models, CompiledOnesKeepTheirShapes) {
    Core core;
    const auto model = relu_model();
    const CompiledModel compiled = core.compile_model(model, "REFERENCE");
    model->reshape(PartialShape{9, 3});
    InferRequest request = compiled.create_infer_request();
    request.infer();
    EXPECT_EQ(request.get_output_tensor().get_shape(), (Shape{2, 3}));
    EXPECT_EQ(compiled.output("y").get_shape(), (Shape{2, 3}));
    EXPECT_EQ(compiled.input().get_any_name(), "x");
}

TEST(CoreProperties, SetAndGet) {
    Core core;
    core.set_property("REFERENCE", num_streams(3));
    EXPECT_EQ(core.get_property("REFERENCE", num_streams).num, 3);
    EXPECT_EQ(core.compile_model(relu_model(), "REFERENCE").get_property(num_streams).num, 3);
    EXPECT_EQ(core.compile_model(relu_model(), "REFERENCE", num_streams(2)).get_property(num_streams).num, 2)
        << "the call's own come first";
    EXPECT_EQ(core.compile_model(relu_model(), "REFERENCE", {{"NUM_STREAMS", 5}}).get_property(num_streams).num, 5);
    core.set_property({{"PERF_COUNT", true}});
    EXPECT_TRUE(core.get_property("CPU", enable_profiling));
    EXPECT_TRUE(core.get_property("REFERENCE", enable_profiling));
    EXPECT_THAT(core.get_property("REFERENCE", supported_properties), ::testing::Contains("FULL_DEVICE_NAME"));
    EXPECT_EQ(Core().get_property("REFERENCE", num_streams).num, 1) << "settings belong to one Core";
}

TEST(CoreProperties, Tune) {
    Core core;
    EXPECT_FALSE(core.get_property("CPU", tune));
    EXPECT_TRUE(core.compile_model(relu_model(), "CPU", tune(true)).get_property(tune));
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU", {{"TUNE", "often"}});
              }),
              "property 'TUNE': got 'often', wanted YES or NO");
}

TEST(CoreProperties, Errors) {
    Core core;
    EXPECT_THAT(error_of([&] {
                    core.set_property("REFERENCE", {{"NUM_STREAM", 3}});
                }),
                ::testing::AllOf(StartsWith("device 'REFERENCE' has no property 'NUM_STREAM'; it has '"),
                                 HasSubstr("did you mean 'NUM_STREAMS'?")));
    EXPECT_THAT(error_of([&] {
                    core.set_property({{"PERF_COUNTS", true}});
                }),
                ::testing::AllOf(StartsWith("no device has a property 'PERF_COUNTS'; known are '"),
                                 HasSubstr("did you mean 'PERF_COUNT'?")));
    EXPECT_THAT(error_of([&] { core.get_property("CPU", "NUM_STREAM"); }),
                StartsWith("device 'CPU' has no property 'NUM_STREAM'; it has '"));
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "REFERENCE", {{"NUM_STREAMS", "0"}});
              }),
              "property 'NUM_STREAMS': got '0', wanted AUTO or a number of 1..1024");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "REFERENCE", {{"PERF_COUNT", "maybe"}});
              }),
              "property 'PERF_COUNT': got 'maybe', wanted YES or NO");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU", {{"LOW_PRECISION_PLAN", "BEST"}});
              }),
              "property 'LOW_PRECISION_PLAN': got 'BEST', wanted CHEAPEST, INTEGERS or UPSTREAM");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU", {{"INT8_SATURATION", "sometimes"}});
              }),
              "property 'INT8_SATURATION': got 'sometimes', wanted YES or NO");
    EXPECT_EQ(
        error_of([&] {
            core.compile_model(relu_model(), "CPU", {{"INT8_SATURATION", "YES"}, {"EXECUTION_MODE_HINT", "ACCURACY"}});
        }),
        "property 'INT8_SATURATION': got YES, but EXECUTION_MODE_HINT is ACCURACY");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU",
                                     {{"LOW_PRECISION_ALLOW_LOSSY", "YES"}, {"EXECUTION_MODE_HINT", "ACCURACY"}});
              }),
              "property 'LOW_PRECISION_ALLOW_LOSSY': got YES, but EXECUTION_MODE_HINT is ACCURACY");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU", {{"EXECUTION_MODE_HINT", "EXACT"}});
              }),
              "property 'EXECUTION_MODE_HINT': got 'EXACT', wanted PERFORMANCE or ACCURACY");
    EXPECT_EQ(error_of([&] {
                  core.compile_model(relu_model(), "CPU", {{"INFERENCE_PRECISION_HINT", "f64"}});
              }),
              "property 'INFERENCE_PRECISION_HINT': got 'f64', wanted f32, bf16 or dynamic");
    EXPECT_THAT(error_of([&] {
                    core.compile_model(relu_model(), "REFERENCE", {{"FAST", "YES"}});
                }),
                StartsWith("REFERENCE has no property 'FAST'; it has CACHE_DIR, ENABLE_CPU_PINNING, "));
    const CompiledModel compiled = core.compile_model(relu_model(), "REFERENCE");
    EXPECT_EQ(
        error_of([&] { compiled.get_property("NUM_STREAM"); }),
        "a compiled model has no property 'NUM_STREAM'; it has 'EXECUTION_DEVICES', 'NETWORK_NAME', 'NUM_STREAMS', "
        "'OPTIMAL_NUMBER_OF_INFER_REQUESTS', 'PERF_COUNT', 'SUPPORTED_PROPERTIES'; did you mean 'NUM_STREAMS'?");
}

TEST(CompiledModels, Properties) {
    Core core;
    const CompiledModel compiled = core.compile_model(relu_model(), "REFERENCE.0", num_streams(3));
    EXPECT_EQ(compiled.get_property(model_name), "test");
    EXPECT_THAT(compiled.get_property(execution_devices), ElementsAre("REFERENCE"));
    EXPECT_EQ(compiled.get_property(optimal_number_of_infer_requests), 3u);
    EXPECT_EQ(error_of([] { CompiledModel().inputs(); }), "the compiled model is empty; Core::compile_model makes one");
    EXPECT_EQ(error_of([] { InferRequest().infer(); }),
              "the request is empty; CompiledModel::create_infer_request makes one");
}

TEST(CompiledModels, OpsThatNothingRuns) {
    const auto model = model_of(R"(x : f32[2] = parameter() shape=[2]
y : f32[2] = opaque(x) type="FancyOp" version="opset77" outputs=[f32[2]]
out : f32[2] = result(y)
)");
    for (const char* device : {"CPU", "REFERENCE"}) {
        try {
            Core().compile_model(model, device);
            ADD_FAILURE() << "compiled on " << device;
        } catch (const Unsupported& e) {
            EXPECT_THAT(e.what(), HasSubstr("FancyOp")) << device;
            EXPECT_THAT(e.what(), HasSubstr("opset77")) << device;
            EXPECT_THAT(e.what(), HasSubstr("layer 'y'")) << device;
            EXPECT_THAT(e.op(), HasSubstr("FancyOp")) << device;
        }
    }
}

class ModelFiles : public ::testing::Test {
protected:
    ModelFiles() {
        folder_ = (std::filesystem::temp_directory_path() / "octet-core-test-XXXXXX").string();
        EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    }
    ~ModelFiles() override { std::filesystem::remove_all(folder_); }

    // y = exp(x) in an IR of version 10 whose ends are f16.
    std::filesystem::path write(const std::string& type) {
        const auto path = std::filesystem::path(folder_) / "small.xml";
        std::ofstream(path)
            << R"(<?xml version="1.0"?><net name="small" version="10"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="2" element_type="f16"/><output><port id="0" precision="FP16"><dim>2</dim></port></output></layer>
<layer id="1" name="middle" type=")"
            << type
            << R"(" version="opset1"><input><port id="0"><dim>2</dim></port></input><output><port id="1" precision="FP16"><dim>2</dim></port></output></layer>
<layer id="2" name="y" type="Result" version="opset1"><input><port id="0"><dim>2</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/><edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges></net>)";
        return path;
    }
    std::string folder_;
};

TEST_F(ModelFiles, HalfEndsOfVersionTenAreFloats) {
    Core core;
    const auto model = core.read_model(write("Exp"));
    EXPECT_EQ(model->get_friendly_name(), "small");
    EXPECT_EQ(model->input("x").get_element_type(), element::f32);
    EXPECT_EQ(model->output("middle").get_element_type(), element::f32);
    InferRequest request = core.compile_model(model, "REFERENCE").create_infer_request();
    fill<float>(request.get_input_tensor(), {0, 1});
    request.infer();
    EXPECT_NEAR(request.get_output_tensor().data<float>()[1], 2.71828, 1e-3);
}

TEST_F(ModelFiles, ErrorsNameTheFile) {
    Core core;
    const auto path = write("FancyOp");
    EXPECT_THAT(error_of([&] { core.compile_model(path, "REFERENCE"); }),
                ::testing::AllOf(StartsWith("'" + path.string() + "': layer 'middle': "),
                                 HasSubstr("FancyOp (opset1)")));
    EXPECT_THAT(error_of([&] { core.read_model(folder_ + "/none.xml"); }), HasSubstr("none.xml"));
}

}  // namespace
}  // namespace octet::test
