#include "plugins/cpu/kernels/x64/recurrent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "plugins/cpu/kernels/portable/bfloat.hpp"
#include "plugins/cpu/kernels/x64/recurrent_emit.hpp"
#include "plugins/cpu/kernels/x64/tile.hpp"

namespace octet::cpu::x64 {
namespace {

constexpr std::int64_t kMostDepth = 65536;  // 128 * 128 * depth must fit 31 bits
constexpr std::int64_t kPanelsAtOnce = 8;   // that one task packs

}  // namespace

Acceptance RecurrentProduct::accepts(const RecurrentProductDesc& desc, const Machine& machine) {
    if (!machine.avx2()) {
        return declined("needs AVX2");
    }
    if (desc.rows < 1 || desc.depth < 1 || desc.panels < 1 || desc.vectors < 1 || desc.vectors > 4) {
        return declined("an empty product, or panels wider than 64 columns");
    }
    if (desc.narrow && (desc.integer || !machine.avx512())) {
        return declined("bf16 weights are of float products with AVX-512");
    }
    // With tiles, products of bf16 in vectors take twice the time of f32.
    if (desc.split && (!desc.narrow || !machine.bf16 || machine.amx())) {
        return declined("bf16 states are for bf16 weights where vectors of them multiply faster");
    }
    if (desc.cell && !machine.avx512()) {
        return declined("cells behind their products need AVX-512");
    }
    if (desc.depth > kMostDepth) {
        return declined("sums of so many products may leave 32 bits");
    }
    return accepted();
}

RecurrentProduct::RecurrentProduct(const RecurrentProductDesc& desc, CodeBlock& code, const Column& weights)
    : desc_(desc), code_(&code), packed_(static_cast<std::size_t>(desc.panel_bytes(code.isa()) * desc.panels)) {
    const int kind = desc.cell ? static_cast<int>(*desc.cell) : -1;
    for (std::int64_t rows = 1; rows <= std::min(desc.rows, kMostRows); ++rows) {
        const auto at = static_cast<std::size_t>(rows - 1);
        const std::string key = fmt::format("recurrent {} {} {} {} {} {}", rows, desc.depth, desc.vectors, desc.integer,
                                            desc.narrow, desc.split);
        sums_[at] = code.add(key,
                             [=](Emitter& emitter) { emit_recurrent_sums(emitter, desc, static_cast<int>(rows)); });
        if (!desc.cell) continue;
        cells_[at] = code.add(fmt::format("{} cell {}", key, kind),
                              [=](Emitter& emitter) { emit_recurrent_cells(emitter, desc, static_cast<int>(rows)); });
    }
    for (std::int64_t first = 0; first < desc.panels && !packed_.filled(); first += kPanelsAtOnce) {
        code.later([this, first, weights] {
            for (std::int64_t panel = first; panel < std::min(first + kPanelsAtOnce, desc_.panels); ++panel) {
                pack(panel, weights);
            }
        });
    }
}

void RecurrentProduct::pack_floats(std::byte* to, const Column& weights, std::int64_t panel) const {
    const std::int64_t columns = desc_.columns();
    std::vector<std::uint16_t> narrowed(desc_.narrow ? static_cast<std::size_t>(desc_.depth) : 0);
    for (std::int64_t c = 0; c < columns; ++c) {
        const auto* from = reinterpret_cast<const float*>(weights(panel, c));
        if (from == nullptr) {
            continue;
        }
        if (!desc_.narrow) {
            for (std::int64_t k = 0; k < desc_.depth; ++k) {
                reinterpret_cast<float*>(to)[k * columns + c] = from[k];
            }
            continue;
        }
        portable::to_bfloat(from, narrowed.size(), narrowed.data());
        for (std::int64_t k = 0; k < desc_.depth; ++k) {
            const std::int64_t at = desc_.split ? (k / 2 * columns + c) * 2 + k % 2 : k * columns + c;
            reinterpret_cast<std::uint16_t*>(to)[at] = narrowed[static_cast<std::size_t>(k)];
        }
    }
}

void RecurrentProduct::pack(std::int64_t panel, const Column& weights) {
    const std::int64_t columns = desc_.columns();
    std::byte* to = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    if (!desc_.integer) {
        return pack_floats(to, weights, panel);
    }
    const bool pairs = code_->isa().pairs();
    auto* const all = reinterpret_cast<std::int8_t*>(to + desc_.start_bytes());
    auto* const values = all + (pairs ? desc_.steps() * columns * 4 : 0);
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::byte* column = weights(panel, c);
        if (column == nullptr) {
            continue;
        }
        const auto* from = reinterpret_cast<const std::int8_t*>(column);
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < desc_.depth; k += 4) {
            const std::int64_t count = std::min<std::int64_t>(desc_.depth - k, 4);
            for (std::int64_t i = 0; i < count; ++i) {
                values[(k / 4 * columns + c) * 4 + i] = from[k + i];
                sum += from[k + i];
            }
        }
        reinterpret_cast<std::int32_t*>(to)[c] = -128 * sum;
    }
    if (pairs) widen_weights(all, desc_.steps(), columns);
}

// Tiles of nearly the same height: a tile of one row reads as many weights as one of three.
template <class Run>
void RecurrentProduct::each_tile(std::int64_t rows, const Run& run) {
    const std::int64_t tiles = (rows + kMostRows - 1) / kMostRows;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        const std::int64_t begin = rows * tile / tiles;
        run(begin, static_cast<std::size_t>(rows * (tile + 1) / tiles - begin - 1));
    }
}

void RecurrentProduct::run(const std::byte* state, std::int64_t rows, std::int64_t panel, float* sums) const {
    RecurrentCall call;
    call.panel = packed_.data() + panel * desc_.panel_bytes(code_->isa());
    each_tile(rows, [&](std::int64_t row, std::size_t kernel) {
        call.state = state + row * desc_.state_stride();
        call.sums = sums + row * desc_.columns();
        code_->call(sums_[kernel], call);
    });
}

void RecurrentProduct::run_cells(const RecurrentPanelsStep& step) const {
    const std::int64_t units = desc_.columns() /
                               static_cast<std::int64_t>(portable::RecurrentCell{.kind = *desc_.cell}.gates());
    // A panel for all rows, or all panels for the only tile of rows.
    const std::int64_t all = step.end - step.begin, at_once = step.count <= kMostRows ? all : 1;
    const std::int64_t sign = step.backwards ? -1 : 1, size = sizeof(float);
    RecurrentCall call;
    call.bias = step.bias;
    call.start_stride = static_cast<std::int64_t>(step.start_stride) * size;
    call.count = at_once;
    call.panel_step = sign * desc_.panel_bytes(code_->isa());
    call.scale_step = sign * desc_.columns() * size;
    call.unit_step = sign * units * size;
    for (std::int64_t i = 0; i < all; i += at_once) {
        const std::int64_t panel = step.backwards ? step.end - 1 - i : step.begin + i;
        call.panel = packed_.data() + panel * desc_.panel_bytes(code_->isa());
        call.scale = desc_.integer ? step.scale + panel * desc_.columns() : nullptr;
        call.unit = panel * units * size;
        each_tile(step.count, [&](std::int64_t row, std::size_t kernel) {
            call.state = step.state + row * desc_.state_stride();
            call.rows = step.rows + row;
            code_->call(cells_[kernel], call);
        });
    }
}

}  // namespace octet::cpu::x64
