#include "tools/octet/bench_kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace octet::tools {
namespace {

std::string rate(double amount, double us, double unit) {
    return amount > 0 && us > 0 ? fmt::format("{:.1f}", amount / us * 1e6 / unit) : "-";
}

}  // namespace

std::string kernel_table(const Report& report, double peak_gops) {
    std::vector<const LayerReport*> steps;
    double total = 0;
    std::size_t widest = 5, kernel = 6;
    for (const LayerReport& layer : report.layers) {
        if (layer.real_time_us <= 0) continue;
        steps.push_back(&layer);
        total += layer.real_time_us;
        widest = std::max(widest, layer.name.size());
        kernel = std::max(kernel, layer.kernel.size());
    }
    std::ranges::stable_sort(steps, std::greater{}, &LayerReport::real_time_us);
    std::string text = fmt::format("{:<{}}  {:<{}}  {:>9}  {:>6}  {:>8}  {:>6}  {:>7}\n", "layer", widest, "kernel",
                                   kernel, "us", "share", "GOPS", peak_gops > 0 ? "peak" : "", "GB/s");
    for (const LayerReport* step : steps) {
        const double us = step->real_time_us;
        const std::string peak = peak_gops > 0 && step->operations > 0
                                     ? fmt::format("{:.0f}%", step->operations / us * 1e-3 / peak_gops * 100)
                                     : "";
        text += fmt::format("{:<{}}  {:<{}}  {:>9.2f}  {:>5.1f}%  {:>8}  {:>6}  {:>7}\n", step->name, widest,
                            step->kernel, kernel, us, us / total * 100, rate(step->operations, us, 1e9), peak,
                            rate(step->bytes, us, 1e9));
    }
    double operations = 0;
    for (const LayerReport* step : steps) operations += step->operations;
    text += fmt::format("{} steps, {:.3f} ms, {:.3f} GOP, {} GOPS\n", steps.size(), total * 1e-3, operations * 1e-9,
                        rate(operations, total, 1e9));
    return text;
}

}  // namespace octet::tools
