// Speed of the kernels that transformers are made of, one thread: products of weights beside oneDNN, with weights that come from memory
// as in a network ("cold": copies in turn that fill 64 MB; the own kernel fetches the next copy meanwhile), attention heads, and layer normalisation.
#include <fmt/format.h>

#include <memory>

#include "plugins/cpu/kernels/x64/attention.hpp"
#include "plugins/cpu/kernels/x64/coded_product.hpp"
#include "plugins/cpu/kernels/x64/matmul.hpp"
#include "plugins/cpu/kernels/x64/normalize.hpp"
#include "tests/cpu_kernels/bench.hpp"
#ifdef OCTET_BENCH_ONEDNN
#include "plugins/cpu/kernels/onednn/matmul.hpp"
#endif

namespace octet::cpu {
namespace {

struct Shape {
    std::int64_t rows, k, columns;
    bool gelu = false;

    std::string name() const { return fmt::format("{}x{}x{}{}", rows, k, columns, gelu ? "_gelu" : ""); }
    double operations() const { return 2.0 * static_cast<double>(rows * k * columns); }
    std::size_t weight_bytes() const { return static_cast<std::size_t>(k * columns); }
};

constexpr Shape kShapes[] = {{128, 768, 768}, {128, 768, 3072},       {128, 768, 3072, true}, {128, 3072, 768},
                             {197, 768, 768}, {197, 768, 3072, true}, {197, 3072, 768}};

std::vector<std::uint8_t> random_codes(std::size_t count) {
    std::vector<std::uint8_t> codes(count);
    std::uint32_t state = 1;
    for (std::uint8_t& code : codes) {
        state = state * 1664525 + 1013904223;
        code = static_cast<std::uint8_t>(state >> 24);
    }
    return codes;
}

Epilogue epilogue_of(const Shape& shape) {
    const auto channels = static_cast<std::size_t>(shape.columns);
    Epilogue e;
    e.result = DataType::u8;
    e.ops = {{.scale = std::vector<float>(channels, 1e-4F), .shift = std::vector<float>(channels, 0.1F)}};
    if (shape.gelu) {
        e.ops.push_back({.kind = EpilogueOp::Kind::function, .function = Function::gelu_erf});
        e.ops.push_back({.scale = {50.F}, .shift = {20.F}});
    }
    return e;
}

void set_rate(benchmark::State& state, double operations) {
    state.counters["GOPS"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void own_product(benchmark::State& state, const Shape& shape, std::size_t copies) {
    const x64::MatMulDesc desc{.rows = shape.rows,
                               .k = shape.k,
                               .columns = shape.columns,
                               .epilogue = epilogue_of(shape)};
    const auto codes = random_codes(shape.weight_bytes());
    const std::span weights(reinterpret_cast<const std::int8_t*>(codes.data()), codes.size());
    const auto a = random_codes(static_cast<std::size_t>(shape.rows * shape.k));
    std::vector<std::uint8_t> out(static_cast<std::size_t>(shape.rows * shape.columns));
    x64::CodeBlock code;
    std::vector<std::unique_ptr<x64::MatMul>> kernels;
    for (std::size_t i = 0; i < copies; ++i) kernels.push_back(std::make_unique<x64::MatMul>(desc, weights, code));
    code.seal();
    std::size_t turn = 0;
    for (auto _ : state) {
        const x64::MatMul& kernel = *kernels[turn];
        turn = (turn + 1) % copies;
        x64::MatMul::Args args;
        args.a = a.data();
        args.out = out.data();
        args.next_weights = kernels[turn]->first_panel(0, 1);
        kernel.run(args, 0, kernel.units());
    }
    set_rate(state, shape.operations());
}

#ifdef OCTET_BENCH_ONEDNN
void onednn_product(benchmark::State& state, const Shape& shape, std::size_t copies) {
    const auto weights = random_codes(shape.weight_bytes());
    const auto a = random_codes(static_cast<std::size_t>(shape.rows * shape.k));
    std::vector<std::uint8_t> out(static_cast<std::size_t>(shape.rows * shape.columns));
    std::vector<std::unique_ptr<onednn::Kernel>> kernels;
    for (std::size_t i = 0; i < copies; ++i) {
        onednn::MatMul desc;
        desc.rows = shape.rows;
        desc.depth = shape.k;
        desc.columns = shape.columns;
        desc.weights = weights.data();
        desc.epilogue = epilogue_of(shape);
        auto made = create(desc);
        if (!made.kernel) return state.SkipWithError(made.acceptance.reason.c_str());
        kernels.push_back(std::move(made.kernel));
    }
    x64::Aligned<std::byte> scratch(kernels[0]->scratch_bytes());
    std::size_t turn = 0;
    for (auto _ : state) {
        const onednn::Args args{a.data(), nullptr, out.data(), nullptr, scratch.data()};
        for (int part = 0; part < kernels[turn]->parts(); ++part) kernels[turn]->run(args, part);
        turn = (turn + 1) % copies;
    }
    set_rate(state, shape.operations());
}
#endif

// Twelve heads of 64 values; the value is f32, q and k may be; bfloats: f32 is rounded to bf16.
void heads(benchmark::State& state, std::int64_t rows, bool floats, bool bfloats) {
    constexpr std::int64_t kHeads = 12, kWidth = 64;
    x64::AttentionDesc desc;
    desc.scores = {.rows = rows,
                   .k = kWidth,
                   .columns = rows,
                   .a_stride = kHeads * kWidth,
                   .w_stride = kHeads * kWidth,
                   .type = floats ? DataType::f32 : DataType::u8,
                   .transposed = true,
                   .a_zero = static_cast<std::uint8_t>(floats ? 0 : 128),
                   .w_zero = floats ? 0 : 128,
                   .bfloats = floats && bfloats};
    desc.scores.epilogue.ops = {{.scale = {1e-4F}, .shift = {0}}};
    desc.values = {.rows = rows,
                   .k = rows,
                   .columns = kWidth,
                   .w_stride = kHeads * kWidth,
                   .out_stride = kHeads * kWidth,
                   .type = DataType::f32,
                   .bfloats = bfloats};
    desc.q_offsets.clear();
    for (std::int64_t b = 0; b < kHeads; ++b) desc.q_offsets.push_back(b * kWidth);
    desc.k_offsets = desc.v_offsets = desc.out_offsets = desc.q_offsets;
    const auto values = static_cast<std::size_t>(rows * kHeads * kWidth);
    const auto q = random_codes(values), k = random_codes(values);
    const std::vector<float> v(values, 0.5F);
    std::vector<float> out(values);
    x64::CodeBlock code;
    const x64::Attention attention(desc, code);
    code.seal();
    x64::Aligned<std::byte> scratch(attention.scratch_size());
    x64::Attention::Args args;
    args.q = floats ? static_cast<const void*>(v.data()) : q.data();
    args.k = floats ? static_cast<const void*>(v.data()) : k.data();
    args.v = v.data();
    args.out = out.data();
    args.scratch = scratch.data();
    for (auto _ : state) attention.run(args, 0, attention.units());
    set_rate(state, 4.0 * static_cast<double>(kHeads * rows * rows * kWidth));
}

// Floats times coded weights of 4096 x 4096, more than the caches hold.
void coded(benchmark::State& state, std::int64_t rows, int bits) {
    constexpr std::int64_t kWidth = 4096, kGroup = 128;
    const std::int64_t group = bits == 4 ? kGroup : kWidth;
    const std::vector<std::byte> codes(static_cast<std::size_t>(kWidth * kWidth * bits / 8), std::byte{0x35});
    const std::vector<float> scale(static_cast<std::size_t>(kWidth / group * kWidth), 0.01F);
    const x64::CodedProductDesc desc{rows, {codes.data(), bits, bits == 8, true, kWidth, kWidth, group, scale}};
    const auto copies = static_cast<std::size_t>((std::int64_t{64} << 20) / (kWidth * kWidth * bits / 8));
    x64::CodeBlock code;
    std::vector<std::unique_ptr<x64::CodedProduct>> products;
    for (std::size_t i = 0; i < copies; ++i) products.push_back(std::make_unique<x64::CodedProduct>(desc, code));
    code.seal();
    const std::vector<float> a(static_cast<std::size_t>(rows * kWidth), 0.5F);
    std::vector<float> out(a.size());
    std::vector<float> scratch(products[0]->scratch_size() / sizeof(float));
    const x64::CodedProduct::Args args{a.data(), out.data(), {}, scratch.data()};
    std::size_t turn = 0;
    for (auto _ : state) products[turn++ % copies]->run(args, 0, products[0]->units());
    set_rate(state, 2.0 * static_cast<double>(rows * kWidth * kWidth));
}

// Rows of 768 floats as floats and as codes.
void normalized_rows(benchmark::State& state, std::int64_t rows) {
    constexpr std::int64_t kColumns = 768;
    const std::vector<float> factors(kColumns, 0.5F), shifts(kColumns, 0.1F);
    const EpilogueOp affine{.scale = factors, .shift = shifts};
    const x64::NormalizeDesc desc{rows, kColumns, 1e-5F, true, {{{affine}, DataType::f32}, {{affine}, DataType::u8}}};
    const auto values = static_cast<std::size_t>(rows * kColumns);
    std::vector<float> in(values), floats(values);
    for (std::size_t i = 0; i < values; ++i) in[i] = static_cast<float>(i % 97);
    std::vector<std::uint8_t> codes(values);
    x64::CodeBlock code;
    const x64::Normalize kernel(desc, code);
    code.seal();
    for (auto _ : state) kernel.run({in.data(), {floats.data(), codes.data()}}, 0, kernel.units());
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values));
}

}  // namespace

void register_transformer_benchmarks() {
    for (const int bits : {4, 8})
        for (const std::int64_t rows : {1, 8, 128})
            benchmark::RegisterBenchmark(fmt::format("transformer/coded_{}_bits/{}", bits, rows).c_str(), coded, rows,
                                         bits)
                ->Unit(benchmark::kMicrosecond);
    for (const Shape& shape : kShapes)
        for (const bool cold : {false, true}) {
            const std::size_t copies = cold ? (std::size_t{64} << 20) / shape.weight_bytes() : 1;
            const std::string name = "transformer/" + shape.name() + (cold ? "/cold" : "/hot");
            benchmark::RegisterBenchmark((name + "/own").c_str(), own_product, shape, copies)
                ->Unit(benchmark::kMicrosecond);
#ifdef OCTET_BENCH_ONEDNN
            benchmark::RegisterBenchmark((name + "/onednn").c_str(), onednn_product, shape, copies)
                ->Unit(benchmark::kMicrosecond);
#endif
        }
    for (const std::int64_t rows : {128, 197}) {
        for (const bool floats : {false, true})
            for (const bool bfloats : {false, true}) {
                if (bfloats && (!detect_machine().bf16 || !detect_machine().avx512())) continue;
                const std::string name = fmt::format("transformer/12_heads{}{}/{}", floats ? "_of_floats" : "",
                                                     bfloats ? "_bf16" : "", rows);
                benchmark::RegisterBenchmark(name.c_str(), heads, rows, floats, bfloats)->Unit(benchmark::kMicrosecond);
            }
        benchmark::RegisterBenchmark(fmt::format("transformer/normalize/{}x768", rows).c_str(), normalized_rows, rows)
            ->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace octet::cpu
