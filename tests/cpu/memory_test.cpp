// What a model costs in memory: more streams add activations only.
#include <malloc.h>

#include "plugins/cpu/executable.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

class Outputs final : public OutputSink {
public:
    void* output(std::size_t, Element element, const Dims& dims) override {
        memory_.resize(bytes_of(element, static_cast<std::size_t>(product(dims))));
        return memory_.data();
    }

private:
    std::vector<std::byte> memory_;
};

std::size_t bytes_in_use() {
    const auto now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

constexpr std::int64_t kChannels = 512;

Value quantized(Edit& edit, Value x) {
    const Value low = edit.constant(Tensor::scalar(0.0f)), high = edit.constant(Tensor::scalar(2.0f));
    return edit.add(FakeQuantize{}, {x, low, high, low, high});
}
Value weights(Edit& edit, const Dims& dims) {
    const Type codes{Element::i8, Shape(dims)};
    const Dims one(dims.size(), 1);
    return edit.add(Dequantize{numbers(one, {0.5f}), numbers(one, {0}), Element::f32},
                    {edit.constant(random_tensor(codes, 1, -128, 127))});
}

// A 3x3 and a 1x1 convolution and a matrix product, all with many weights and small maps.
Graph heavy_graph() {
    Graph graph;
    Edit edit(graph);
    Value x = edit.add(Parameter{Element::f32, Shape{1, kChannels, 4, 4}, {}}, {});
    for (const std::int64_t kernel : {3, 1}) {
        const std::int64_t pad = kernel / 2;
        x = edit.add(Convolution{{1, 1}, {pad, pad}, {pad, pad}, {1, 1}},
                     {quantized(edit, x), weights(edit, {kChannels, kChannels, kernel, kernel})});
    }
    edit.add(Result{},
             {edit.add(MatMul{}, {quantized(edit, edit.add(Reshape{}, {x, edit.constant(Tensor::vector(
                                                                              std::vector<std::int64_t>{16, -1}))})),
                                  weights(edit, {kChannels, 900})})});
    return graph;
}

void infer_once(Execution& execution, std::vector<float>& data, Outputs& outputs, int stream) {
    const HostTensor input{Element::f32, {1, kChannels, 4, 4}, data.data()};
    execution.infer({&input, 1}, outputs, stream);
}

TEST(Memory, StreamsAddOnlyActivations) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the allocator of a sanitizer does not count";
#endif
    constexpr int kStreams = 4;
    Settings settings;
    settings.streams = settings.threads = kStreams;
    const auto executable = std::make_shared<CpuExecutable>(heavy_graph(), detect_machine(), settings);
    std::vector<float> data(kChannels * 16, 1);
    Outputs outputs;
    const auto first = executable->create_execution();
    infer_once(*first, data, outputs, 0);
    std::vector<std::unique_ptr<Execution>> more;
    const std::size_t before = bytes_in_use();
    for (int stream = 1; stream < kStreams; ++stream) {
        more.push_back(executable->create_execution());
        infer_once(*more.back(), data, outputs, stream);
    }
    const std::size_t each = (bytes_in_use() - before) / (kStreams - 1);
    const auto plan = executable->stream_plan({{1, kChannels, 4, 4}}, 0).plan;
    EXPECT_GT(plan->packed_bytes, 3'000'000u);
    EXPECT_GE(each, plan->arena_bytes);
    EXPECT_LE(each, plan->arena_bytes + plan->scratch_bytes + 64 * 1024);
}

}  // namespace
}  // namespace octet::cpu::testing
