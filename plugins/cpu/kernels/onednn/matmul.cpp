#include "plugins/cpu/kernels/onednn/matmul.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "plugins/cpu/kernels/onednn/saturation.hpp"
#include "plugins/cpu/kernels/onednn/weighted.hpp"

namespace octet::cpu::onednn {
namespace {

using dims = dnnl::memory::dims;
using format_tag = dnnl::memory::format_tag;

dims strides_of(const MatrixStrides& strides, const std::vector<std::int64_t>& outer, std::int64_t rows,
                std::int64_t columns) {
    dims all(outer.size() + 2, 0);
    if (!strides.dense()) {
        std::copy(strides.outer.begin(), strides.outer.end(), all.begin());
        all[outer.size()] = strides.row;
        all[outer.size() + 1] = strides.column;
        return all;
    }
    all[outer.size() + 1] = 1;
    all[outer.size()] = columns;
    std::int64_t step = rows * columns;
    for (std::size_t i = outer.size(); i-- > 0;) {
        all[i] = step;
        step *= outer[i];
    }
    return all;
}

class Builder {
public:
    Builder(const MatMul& problem, Kernel::Impl& impl) : p_(problem), w_(impl, problem.source) {}

    Acceptance build() {
        if (Acceptance answer = check(); !answer) {
            return answer;
        }
        if (Acceptance answer = map_epilogue(p_.epilogue, p_.columns, p_.in_place, w_.mapped); !answer) {
            return answer;
        }
        source_ = strides_of(p_.source_strides, p_.outer, p_.rows, p_.depth);
        weights_ = strides_of(p_.weights_strides, p_.outer, p_.depth, p_.columns);
        result_ = strides_of(p_.result_strides, p_.outer, p_.rows, p_.columns);
        prepare();
        const std::int64_t matrices = std::accumulate(p_.outer.begin(), p_.outer.end(), std::int64_t{1},
                                                      std::multiplies<>());
        const std::int64_t parts = parts_worth(matrices * p_.rows * p_.columns * p_.depth, p_.threads);
        Window whole;
        whole.extents = p_.outer;
        whole.extents.insert(whole.extents.end(), {p_.rows, p_.columns});
        whole.strides = result_;
        whole.begin.assign(whole.extents.size(), 0);
        whole.channel = whole.extents.size() - 1;
        whole.channels = p_.columns;
        const std::size_t axis = axis_to_split(whole.extents, parts);
        for (const Range& range : split(whole.extents[axis], parts)) {
            Window window = whole;
            window.begin[axis] = range.begin;
            window.extents[axis] = range.size();
            add_part(window);
        }
        return accepted();
    }

private:
    Acceptance check() const {
        if (p_.rows < 1 || p_.depth < 1 || p_.columns < 1 ||
            std::any_of(p_.outer.begin(), p_.outer.end(), [](std::int64_t extent) { return extent < 1; })) {
            return declined("onednn matmul: empty operand");
        }
        for (const MatrixStrides* strides : {&p_.source_strides, &p_.weights_strides, &p_.result_strides}) {
            if (!strides->dense() && strides->outer.size() != p_.outer.size()) {
                return declined(fmt::format("onednn matmul: {} outer strides for {} outer extents",
                                            strides->outer.size(), p_.outer.size()));
            }
        }
        if (p_.weights == nullptr && p_.source == DataType::bf16) {
            return declined("onednn matmul: bf16 with weights of run time");
        }
        if (p_.weights != nullptr && !p_.outer.empty()) {
            return declined("onednn matmul: constant weights with outer extents, which belong to the rows");
        }
        for (const EpilogueOp& op : p_.epilogue.ops) {
            if (op.kind == EpilogueOp::Kind::combine && op.spread == Spread::per_batch_channel) {
                return declined("onednn matmul: an operand of the epilogue has one value per batch and channel");
            }
        }
        if (Acceptance answer = w_.check_types("matmul", p_.source, p_.epilogue, p_.source_zero); !answer) {
            return answer;
        }
        if (!w_.quantized() || p_.allow_saturation) {
            return accepted();
        }
        if (p_.weights == nullptr) {
            // Unknown values: as bad as the largest.
            const std::int8_t worst[] = {127, 127};
            return check_saturation(worst, 1, 2, 2, 1);
        }
        const dims strides = strides_of(p_.weights_strides, p_.outer, p_.depth, p_.columns);
        return check_saturation(static_cast<const std::int8_t*>(p_.weights), p_.columns, p_.depth, strides[1],
                                strides[0]);
    }

    void prepare() {
        if (p_.weights == nullptr) {
            w_.use_zero_point(p_.source_zero);
            if (!w_.quantized()) {
                w_.scale_at_run_time();
            }
            return;
        }
        if (p_.source_zero != 0 && p_.epilogue.result == DataType::s32) {
            w_.use_zero_point(p_.source_zero);
        } else if (p_.source_zero != 0) {
            std::vector<std::int64_t> sums(static_cast<std::size_t>(p_.columns));
            const auto* values = static_cast<const std::int8_t*>(p_.weights);
            for (std::int64_t c = 0; c < p_.columns; ++c) {
                for (std::int64_t k = 0; k < p_.depth; ++k) {
                    sums[static_cast<std::size_t>(c)] += values[k * weights_[0] + c * weights_[1]];
                }
            }
            w_.fold_zero_point(p_.source_zero, sums);
        }
        constant_ = w_.scaled_weights(p_.weights, p_.depth * p_.columns, weights_[1], p_.columns);
    }

    // Outer extents first; rows keep each part's result dense; columns only of a single row, as oneDNN is slow at writing slices.
    std::size_t axis_to_split(const dims& extents, std::int64_t parts) const {
        const std::size_t rows = extents.size() - 2;
        for (std::size_t i = 0; i < rows; ++i) {
            if (extents[i] >= parts) {
                return i;
            }
        }
        return p_.rows == 1 && p_.outer.empty() ? rows + 1 : rows;
    }

    // `extents` with 1 where all indices see the same matrix.
    static void broadcast(dims& extents, dims& strides, std::size_t outer) {
        for (std::size_t i = 0; i < outer; ++i) {
            if (strides[i] == 0) {
                extents[i] = 1;
                strides[i] = 1;
            }
        }
    }

    static std::int64_t offset(const Window& window, const dims& strides, std::int64_t row, std::int64_t column) {
        std::int64_t element = row * strides[strides.size() - 2] + column * strides[strides.size() - 1];
        for (std::size_t i = 0; i + 2 < strides.size(); ++i) {
            element += window.begin[i] * strides[i];
        }
        return element;
    }

    void add_part(const Window& window) {
        const std::size_t outer = p_.outer.size();
        const std::int64_t row = window.begin[outer];
        const std::int64_t column = window.begin[outer + 1];
        dims source_extents = window.extents;
        source_extents[outer + 1] = p_.depth;
        dims weights_extents = window.extents;
        weights_extents[outer] = p_.depth;
        dims source_strides = source_;
        dims weights_strides = weights_;
        broadcast(source_extents, source_strides, outer);
        broadcast(weights_extents, weights_strides, outer);

        Window here = window;
        if (p_.rows == 1 && outer == 0) {
            here.strides[0] = window.extents[1];  // a slice of a single row is dense
        }
        const dnnl::memory::desc src(source_extents, type_of(p_.source), source_strides);
        const dnnl::memory::desc plain(weights_extents, w_.weights_type(), weights_strides);
        const dnnl::memory::desc weights = p_.weights == nullptr
                                               ? plain
                                               : dnnl::memory::desc(weights_extents, w_.packed_type(), format_tag::any);
        const dnnl::memory::desc dst = desc_of(here, p_.epilogue.result);
        const dnnl::memory::desc bias = w_.bias_desc(here, outer + 2);
        const dnnl::primitive_attr attr = w_.attributes(here, 1 << (outer + 1));
        const dnnl::matmul::primitive_desc pd(engine(), src, weights, bias, dst, attr);
        Part part;
        part.bind(DNNL_ARG_SRC, src, Source::src,
                  static_cast<std::size_t>(offset(window, source_, row, 0)) * size_of(p_.source));
        const auto first_weight = static_cast<std::size_t>(offset(window, weights_, 0, column)) *
                                  (w_.quantized() ? 1 : sizeof(float));
        if (p_.weights == nullptr) {
            part.bind(DNNL_ARG_WEIGHTS, plain, Source::weights, first_weight);
        } else {
            const void* values = static_cast<const std::byte*>(constant_) + first_weight;
            part.constant(DNNL_ARG_WEIGHTS, pd.weights_desc(), w_.packed(plain, values, pd.weights_desc()));
        }
        part.bind(DNNL_ARG_DST, dst, Source::dst, first_element(window) * size_of(p_.epilogue.result));
        w_.bind(part, here, bias);
        w_.add<dnnl::matmul>(std::move(part), pd);
    }

    const MatMul& p_;
    Weighted w_;
    dims source_;
    dims weights_;
    dims result_;
    const void* constant_ = nullptr;
};

}  // namespace

Creation create(const MatMul& matmul) {
    return create_kernel(matmul.allow_reference, [&](Kernel::Impl& impl) { return Builder(matmul, impl).build(); });
}

}  // namespace octet::cpu::onednn
