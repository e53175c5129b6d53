#pragma once
// Graphs with FakeQuantize, built in a few words.
#include <string>
#include <vector>

#include "ir/edit.hpp"
#include "ir/ops/all.hpp"

namespace octet {

// A grid of codes: value = (code - zero_point) * scale. Levels of 2^n + 1 and dyadic scales make every step exact in float.
struct Grid {
    std::int64_t levels = 129;
    std::vector<float> scale = {0.25f};
    float zero_point = 0;
};

class GraphBuilder {
public:
    ir::Graph graph;
    ir::Edit edit{graph};

    ir::Value input(ir::Shape shape, std::string_view name = "x", ir::Element element = ir::Element::f32) {
        return edit.add(ir::Parameter{element, std::move(shape), {}}, {}, name);
    }
    ir::Value numbers(ir::Dims dims, const std::vector<float>& values, std::string_view name = {}) {
        return edit.constant(ir::Tensor::of<float>(std::move(dims), std::span<const float>(values)),
                             name.empty() ? fmt::format("k{}", graph.size()) : std::string(name));
    }
    ir::Value integers(const std::vector<std::int64_t>& values) { return edit.constant(ir::Tensor::vector(values)); }
    ir::Value fake_quantize(ir::Value x, const std::vector<float>& low, const std::vector<float>& high,
                            std::int64_t levels, std::string_view name, std::size_t axis = 1) {
        ir::Dims dims;
        if (low.size() > 1) {
            dims.assign(graph.shape(x).rank(), 1);
            dims[axis] = static_cast<std::int64_t>(low.size());
        }
        const ir::Value from = numbers(dims, low);
        const ir::Value to = numbers(dims, high);
        return edit.add(ir::FakeQuantize{levels}, {x, from, to, from, to}, name);
    }
    ir::Value fake_quantize(ir::Value x, const Grid& grid, std::string_view name, std::size_t axis = 1) {
        std::vector<float> low;
        std::vector<float> high;
        for (float s : grid.scale) {
            low.push_back(-grid.zero_point * s);
            high.push_back((static_cast<float>(grid.levels - 1) - grid.zero_point) * s);
        }
        return fake_quantize(x, low, high, grid.levels, name, axis);
    }
    // Constant weights behind a FakeQuantize with intervals per index of `axis`.
    ir::Value weights(ir::Dims dims, const std::vector<float>& values, const Grid& grid, std::string_view name,
                      std::size_t axis = 0) {
        return fake_quantize(numbers(std::move(dims), values), grid, name, axis);
    }
    void result(ir::Value v, std::string_view name = {}) { edit.add(ir::Result{}, {v}, name); }
};

}  // namespace octet
