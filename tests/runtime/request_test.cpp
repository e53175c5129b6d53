// InferRequest with synchronous inference: tensors, validation, dynamic shapes, state, profiling. On every device.
#include "tests/runtime/support.hpp"

namespace octet::test {
namespace {

using ::testing::HasSubstr;

class Requests : public ::testing::TestWithParam<const char*> {
protected:
    InferRequest request_of(const std::shared_ptr<Model>& model, const AnyMap& properties = {}) {
        return core_.compile_model(model, GetParam(), properties).create_infer_request();
    }
    Core core_;
};
INSTANTIATE_TEST_SUITE_P(Devices, Requests, ::testing::Values("CPU", "REFERENCE"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Requests, OwnTensors) {
    InferRequest request = request_of(relu_model());
    fill<float>(request.get_tensor("data"), {-1, 2, -3, 4, -5, 6});
    request.infer();
    EXPECT_EQ(values_of(request.get_output_tensor()), (std::vector<float>{0, 2, 0, 4, 0, 6}));
    EXPECT_TRUE(request.get_tensor("y") == request.get_output_tensor(0));
    EXPECT_TRUE(request.get_tensor("x") == request.get_input_tensor());
}

TEST_P(Requests, MemoryOfTheCallerIsUsedDirectly) {
    InferRequest request = request_of(relu_model());
    std::vector<float> in{-1, 2, -3, 4, -5, 6}, out(6, 99);
    request.set_tensor("x", Tensor(element::f32, {2, 3}, in.data()));
    request.set_output_tensor(Tensor(element::f32, {2, 3}, out.data()));
    request.infer();
    EXPECT_EQ(out, (std::vector<float>{0, 2, 0, 4, 0, 6}));
    in[0] = 7;
    request.infer();
    EXPECT_EQ(out[0], 7);
    EXPECT_EQ(request.get_output_tensor().data(), out.data());
}

TEST_P(Requests, PortsOfSeveralTypes) {
    const CompiledModel compiled = core_.compile_model(two_ports_model(), GetParam());
    InferRequest request = compiled.create_infer_request();
    fill<float>(request.get_tensor(compiled.input("a")), {1, 2, 3, 4});
    Tensor b(element::i32, {4});
    fill<std::int32_t>(b, {10, 20, 30, 40});
    request.set_tensor(compiled.input("b"), b);
    Tensor difference(element::f32, {4});
    request.set_tensor(compiled.output(1), difference);
    request.infer();
    EXPECT_EQ(values_of(request.get_tensor("sum")), (std::vector<float>{11, 22, 33, 44}));
    EXPECT_EQ(values_of(difference), (std::vector<float>{-9, -18, -27, -36}));
}

TEST_P(Requests, WrongTensors) {
    InferRequest request = request_of(relu_model());
    const auto set = [&](const char* name, const Tensor& tensor) {
        return error_of([&] { request.set_tensor(name, tensor); });
    };
    EXPECT_EQ(set("x", Tensor(element::i32, {2, 3})), "input 'x' was given a tensor of i32, wanted f32");
    EXPECT_EQ(set("data", Tensor(element::f32, {3, 2})), "input 'x' was given a tensor of shape [3,2], wanted [2,3]");
    EXPECT_EQ(set("x", Tensor(element::f32, {2, 3, 1})), "input 'x' was given a tensor of shape [2,3,1], wanted [2,3]");
    EXPECT_EQ(set("y", Tensor(element::f32, {2, 4})), "output 'y' was given a tensor of shape [2,4], wanted [2,3]");
    EXPECT_EQ(set("y", Tensor(element::u8, {2, 3})), "output 'y' was given a tensor of u8, wanted f32");
    EXPECT_EQ(set("x", Tensor()), "input 'x' was given an empty tensor");
    EXPECT_EQ(set("dat", Tensor()), "the model has no input or output 'dat'; it has 'x', 'y'");
    EXPECT_EQ(error_of([&] { request.get_tensor("z"); }), "the model has no input or output 'z'; it has 'x', 'y'");
    EXPECT_EQ(error_of([&] { request.set_input_tensor(1, Tensor()); }), "input 1 was asked for, the model has 1");
    EXPECT_EQ(error_of([&] { request.get_output_tensor(7); }), "output 7 was asked for, the model has 1");
}

TEST_P(Requests, AReshapedTensorIsLookedAtAgain) {
    InferRequest request = request_of(relu_model());
    Tensor x(element::f32, {2, 3});
    request.set_input_tensor(x);
    x.set_shape({3, 3});
    EXPECT_EQ(error_of([&] { request.infer(); }), "input 'x' was given a tensor of shape [3,3], wanted [2,3]");
    x.set_shape({2, 3});
    request.infer();
}

TEST_P(Requests, DynamicShapes) {
    InferRequest request = request_of(dynamic_relu_model());
    EXPECT_EQ(error_of([&] { request.infer(); }), "input 'x' has the dynamic shape [1..8,3] and was given no tensor");
    for (const std::size_t rows : {2u, 8u, 1u, 2u}) {
        Tensor x(element::f32, {rows, 3});
        std::vector<float> values(rows * 3);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
        fill<float>(x, values);
        request.set_tensor("x", x);
        request.infer();
        EXPECT_EQ(request.get_output_tensor().get_shape(), (Shape{rows, 3}));
        EXPECT_EQ(values_of(request.get_output_tensor()), values);
    }
    EXPECT_EQ(error_of([&] {
                  request.set_input_tensor(Tensor(element::f32, {9, 3}));
              }),
              "input 'x' was given a tensor of shape [9,3], wanted [1..8,3]");
}

TEST_P(Requests, ADynamicInputOfTheRequestsOwn) {
    InferRequest request = request_of(dynamic_relu_model());
    request.get_input_tensor().set_shape({2, 3});
    fill<float>(request.get_input_tensor(), {1, 2, 3, 4, 5, 6});
    request.infer();
    EXPECT_EQ(values_of(request.get_output_tensor()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_P(Requests, DynamicOutputsInMemoryOfTheCaller) {
    InferRequest request = request_of(dynamic_relu_model());
    std::vector<float> memory(6, 99);
    request.set_output_tensor(Tensor(element::f32, {6}, memory.data()));
    request.set_input_tensor(Tensor(element::f32, {2, 3}));
    request.infer();
    EXPECT_EQ(request.get_output_tensor().get_shape(), (Shape{2, 3}));
    EXPECT_EQ(memory, std::vector<float>(6, 0));
    request.set_input_tensor(Tensor(element::f32, {3, 3}));
    EXPECT_EQ(error_of([&] { request.infer(); }),
              "output 'y': shape [3,3] takes 36 bytes, the memory of the tensor has 24");
    request.set_input_tensor(Tensor(element::f32, {1, 3}));
    request.infer();
}

TEST_P(Requests, OutputsWhoseShapeDependsOnTheData) {
    InferRequest request = request_of(model_of(R"(x : f32[4] = parameter() shape=[4]
n : i64[1,0..4] = non_zero(x)
y : i64[1,0..4] = result(n)
)"));
    fill<float>(request.get_input_tensor(), {0, 1, 0, 1});
    request.infer();
    EXPECT_EQ(values_of<std::int64_t>(request.get_output_tensor()), (std::vector<std::int64_t>{1, 3}));
    fill<float>(request.get_input_tensor(), {1, 1, 0, 1});
    request.infer();
    EXPECT_EQ(request.get_output_tensor().get_shape(), (Shape{1, 3}));
    fill<float>(request.get_input_tensor(), {0, 0, 0, 0});
    request.infer();
    EXPECT_EQ(request.get_output_tensor().get_size(), 0u);
}

TEST_P(Requests, StateBelongsToTheRequest) {
    const CompiledModel compiled = core_.compile_model(counter_model(), GetParam());
    InferRequest first = compiled.create_infer_request(), second = compiled.create_infer_request();
    fill<float>(first.get_input_tensor(), {1, 2});
    fill<float>(second.get_input_tensor(), {10, 20});
    first.infer();
    first.infer();
    second.infer();
    EXPECT_EQ(values_of(first.get_output_tensor()), (std::vector<float>{2, 4}));
    EXPECT_EQ(values_of(second.get_output_tensor()), (std::vector<float>{10, 20}));
    first.reset_state();
    first.infer();
    EXPECT_EQ(values_of(first.get_output_tensor()), (std::vector<float>{1, 2}));
}

TEST_P(Requests, ErrorsOfAnInferenceLeaveTheRequestUsable) {
    InferRequest request = request_of(failing_model());
    fill<std::int64_t>(request.get_input_tensor(1), {9, 9});
    EXPECT_THAT(error_of([&] { request.infer(); }), HasSubstr("'g'"));
    fill<std::int64_t>(request.get_input_tensor(1), {2, 2});
    fill<float>(request.get_input_tensor(0), {1, 2, 3, 4});
    request.infer();
    EXPECT_EQ(values_of(request.get_output_tensor()), (std::vector<float>{1, 2, 3, 4}));
}

TEST_P(Requests, ProfilingRows) {
    const CompiledModel compiled = core_.compile_model(slow_model(), GetParam(), enable_profiling(true),
                                                       hint::inference_precision("f32"));
    InferRequest request = compiled.create_infer_request();
    for (const ProfilingInfo& row : request.get_profiling_info()) EXPECT_EQ(row.status, ProfilingInfo::Status::NOT_RUN);
    request.infer();
    request.infer();
    const std::vector<ProfilingInfo> rows = request.get_profiling_info();
    const auto row = std::ranges::find(rows, "m", &ProfilingInfo::node_name);
    ASSERT_NE(row, rows.end());
    EXPECT_EQ(row->node_type, "matmul");
    EXPECT_EQ(row->status, ProfilingInfo::Status::EXECUTED);
    EXPECT_GT(row->real_time.count(), 0);
    EXPECT_THAT(row->exec_type, ::testing::EndsWith("_f32"));
    const Report report = compiled.report();
    const auto layer = std::ranges::find(report.layers, "m", &LayerReport::name);
    ASSERT_NE(layer, report.layers.end());
    EXPECT_GT(layer->real_time_us, 0);
    EXPECT_EQ(layer->status, LayerStatus::executed);
    EXPECT_FALSE(layer->int8);
}

TEST_P(Requests, NoTimesWithoutProfiling) {
    InferRequest request = request_of(relu_model());
    request.infer();
    EXPECT_EQ(error_of([&] { request.get_profiling_info(); }),
              "there are no times, the model was compiled without PERF_COUNT");
}

}  // namespace
}  // namespace octet::test
