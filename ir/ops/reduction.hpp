#pragma once
// Reductions over the axes of the second operand, and selections along an axis.
#include "ir/op.hpp"

namespace octet::ir {

enum class TopKMode : std::uint8_t { max, min };
inline constexpr std::array<std::string_view, 2> kTopKModeNames{"max", "min"};
constexpr std::span<const std::string_view> enum_names(TopKMode) { return kTopKModeNames; }

enum class TopKSort : std::uint8_t { value, index, none };
inline constexpr std::array<std::string_view, 3> kTopKSortNames{"value", "index", "none"};
constexpr std::span<const std::string_view> enum_names(TopKSort) { return kTopKSortNames; }

struct ReduceMean {
    static constexpr std::string_view name = "reduce_mean";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceMean::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceMean& op, Inputs inputs);

struct ReduceSum {
    static constexpr std::string_view name = "reduce_sum";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceSum::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceSum& op, Inputs inputs);

struct ReduceMax {
    static constexpr std::string_view name = "reduce_max";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceMax::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceMax& op, Inputs inputs);

struct ReduceMin {
    static constexpr std::string_view name = "reduce_min";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceMin::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceMin& op, Inputs inputs);

struct ReduceProd {
    static constexpr std::string_view name = "reduce_prod";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceProd::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceProd& op, Inputs inputs);
Partials partial(const ReduceProd& op, Inputs inputs, const Types& outputs);

struct ReduceL1 {
    static constexpr std::string_view name = "reduce_l1";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceL1::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceL1& op, Inputs inputs);

struct ReduceL2 {
    static constexpr std::string_view name = "reduce_l2";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceL2::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceL2& op, Inputs inputs);

struct ReduceLogicalAnd {
    static constexpr std::string_view name = "reduce_logical_and";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceLogicalAnd::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceLogicalAnd& op, Inputs inputs);

struct ReduceLogicalOr {
    static constexpr std::string_view name = "reduce_logical_or";
    bool keep_dims = false;
    static constexpr auto fields() { return std::array{field<&ReduceLogicalOr::keep_dims>("keep_dims")}; }
};
Types infer(const ReduceLogicalOr& op, Inputs inputs);

// Operands data, k. Results: values, indices. Equal values keep the order of their indices.
struct TopK {
    static constexpr std::string_view name = "top_k";
    std::int64_t axis = -1;
    TopKMode mode = TopKMode::max;
    TopKSort sort = TopKSort::value;
    Element index_element = Element::i32;
    bool stable = false;
    static constexpr auto fields() {
        return std::array{field<&TopK::axis>("axis"), field<&TopK::mode>("mode"), field<&TopK::sort>("sort"),
                          field<&TopK::index_element>("index_element"), field<&TopK::stable>("stable")};
    }
};
Types infer(const TopK& op, Inputs inputs);

struct CumSum {
    static constexpr std::string_view name = "cum_sum";
    bool exclusive = false;
    bool reverse = false;
    static constexpr auto fields() {
        return std::array{field<&CumSum::exclusive>("exclusive"), field<&CumSum::reverse>("reverse")};
    }
};
Types infer(const CumSum& op, Inputs inputs);

}  // namespace octet::ir
