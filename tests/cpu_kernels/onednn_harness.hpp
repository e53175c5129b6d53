#pragma once
// Shared by the oneDNN tests: random operands at guard pages, running all parts on a pool, comparing with exact sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "plugins/cpu/kernels/onednn/kernel.hpp"
#include "plugins/cpu/pool.hpp"
#include "tests/cpu_kernels/guarded.hpp"
#include "tests/cpu_kernels/onednn_reference.hpp"

namespace octet::cpu::testing {

inline bool exact_products() {
    Machine machine;
    machine.isa = onednn::effective_isa();
    return machine.vnni();
}

inline std::vector<float> spread_values(std::int64_t count, float low, float high, std::uint64_t seed) {
    std::vector<float> values(static_cast<std::size_t>(count));
    fill_uniform(values, seed, low, high);
    return values;
}

inline EpilogueOp function_op(Function function, float alpha = 0, float beta = 0) {
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::function;
    op.function = function;
    op.alpha = alpha;
    op.beta = beta;
    return op;
}

inline EpilogueOp combine_op(Combine combine, DataType type, Spread spread) {
    EpilogueOp op;
    op.kind = EpilogueOp::Kind::combine;
    op.combine = combine;
    op.operand_type = type;
    op.spread = spread;
    return op;
}

inline EpilogueOp scalar_op(float scale, float shift) {
    EpilogueOp op;
    op.scale = {scale};
    op.shift = {shift};
    return op;
}

// Scales that bring sums of `length` full-range products into the range of codes, with saturation on both sides.
inline Epilogue requantize(std::int64_t channels, std::int64_t length, DataType result, std::uint64_t seed = 7) {
    const float typical = 255.0F * 60.0F * std::sqrt(static_cast<float>(length));
    EpilogueOp op;
    op.scale = spread_values(channels, 40 / typical, 150 / typical, seed);
    op.shift = spread_values(channels, -20, 60, seed + 1);
    Epilogue epilogue;
    epilogue.ops = {op};
    epilogue.result = result;
    epilogue.low = result == DataType::s8 ? -128.0F : 0.0F;
    epilogue.high = result == DataType::s8 ? 127.0F : 255.0F;
    return epilogue;
}

inline void run_all(const onednn::Kernel& kernel, onednn::Args args) {
    static ThreadPool pool(2);
    Guarded<std::byte> scratch((kernel.scratch_bytes() + 4095) / 4096 * 4096, Guard::after);
    args.scratch = scratch.data();
    pool.parallel(static_cast<std::size_t>(kernel.parts()), [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t part = begin; part < end; ++part) {
            kernel.run(args, static_cast<int>(part));
        }
    });
    EXPECT_TRUE(scratch.intact());
}

// `inner`: pixels of one image; element i of the result has channel i % channels.
inline void compare(const Epilogue& epilogue, const std::vector<double>& sums, std::int64_t channels,
                    std::int64_t inner, const void* dst, const void* const* operands, double magnitude) {
    int shown = 0;
    for (std::size_t i = 0; i < sums.size() && shown < 5; ++i) {
        const auto index = static_cast<std::int64_t>(i);
        const double exact = run_epilogue(epilogue, sums[i], index, channels, inner, operands);
        const double got = load(dst, epilogue.result, index);
        if (!Judge().right(epilogue, exact, got, std::max(magnitude, std::fabs(exact)))) {
            ADD_FAILURE() << "element " << i << ": got " << got << ", wanted " << exact;
            ++shown;
        }
    }
}

// The implementation's name, or the code or reason of the decline.
inline std::string answer_of(const onednn::Creation& creation) {
    if (creation.acceptance) {
        return creation.kernel->implementation();
    }
    EXPECT_EQ(creation.kernel, nullptr);
    return creation.acceptance.code.empty() ? creation.acceptance.reason : creation.acceptance.code;
}

// On every level with exact 8-bit products a fast kernel, elsewhere the refusal that full-range weights deserve.
inline void expect_exact_or_refused(const std::string& answer) {
    if (exact_products()) {
        EXPECT_NE(answer.find(':'), std::string::npos) << answer;
        EXPECT_EQ(answer.find("onednn"), std::string::npos) << answer;
    } else {
        EXPECT_EQ(answer, "SATURATION_RISK");
    }
}

}  // namespace octet::cpu::testing
