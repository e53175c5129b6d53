#pragma once
// Normalisations.
#include "ir/op.hpp"

namespace octet::ir {

enum class EpsMode : std::uint8_t { inside_sqrt, outside_sqrt };
inline constexpr std::array<std::string_view, 2> kEpsModeNames{"inside_sqrt", "outside_sqrt"};
constexpr std::span<const std::string_view> enum_names(EpsMode) { return kEpsModeNames; }

enum class L2EpsMode : std::uint8_t { add, max };
inline constexpr std::array<std::string_view, 2> kL2EpsModeNames{"add", "max"};
constexpr std::span<const std::string_view> enum_names(L2EpsMode) { return kL2EpsModeNames; }

// (data - mean) / sqrt(variance + epsilon) * gamma + beta; operands data, gamma, beta, mean, variance, the last four [C].
struct BatchNormInference {
    static constexpr std::string_view name = "batch_norm_inference";
    double epsilon = 1e-5;
    static constexpr auto fields() { return std::array{field<&BatchNormInference::epsilon>("epsilon")}; }
};
Types infer(const BatchNormInference& op, Inputs inputs);

// Mean (and variance) normalisation over the axes of the second operand.
struct Mvn {
    static constexpr std::string_view name = "mvn";
    double eps = 1e-6;
    bool normalize_variance = true;
    EpsMode eps_mode = EpsMode::inside_sqrt;
    static constexpr auto fields() {
        return std::array{field<&Mvn::eps>("eps"), field<&Mvn::normalize_variance>("normalize_variance"),
                          field<&Mvn::eps_mode>("eps_mode")};
    }
};
Types infer(const Mvn& op, Inputs inputs);

// x / sqrt(combine(sum(x^2), eps)) over the axes of the second operand.
struct NormalizeL2 {
    static constexpr std::string_view name = "normalize_l2";
    double eps = 1e-10;
    L2EpsMode eps_mode = L2EpsMode::add;
    static constexpr auto fields() {
        return std::array{field<&NormalizeL2::eps>("eps"), field<&NormalizeL2::eps_mode>("eps_mode")};
    }
};
Types infer(const NormalizeL2& op, Inputs inputs);

// x / (bias + alpha / size^n * sum(x^2))^beta over a window of `size` along each of the n axes of the second operand.
struct Lrn {
    static constexpr std::string_view name = "lrn";
    double alpha = 0.0001;
    double beta = 0.75;
    double bias = 1;
    std::int64_t size = 5;
    static constexpr auto fields() {
        return std::array{field<&Lrn::alpha>("alpha"), field<&Lrn::beta>("beta"), field<&Lrn::bias>("bias"),
                          field<&Lrn::size>("size")};
    }
};
Types infer(const Lrn& op, Inputs inputs);

struct SoftMax {
    static constexpr std::string_view name = "softmax";
    std::int64_t axis = 1;
    static constexpr auto fields() { return std::array{field<&SoftMax::axis>("axis")}; }
};
Types infer(const SoftMax& op, Inputs inputs);

struct LogSoftMax {
    static constexpr std::string_view name = "log_softmax";
    std::int64_t axis = 1;
    static constexpr auto fields() { return std::array{field<&LogSoftMax::axis>("axis")}; }
};
Types infer(const LogSoftMax& op, Inputs inputs);

}  // namespace octet::ir
