#include "plugins/cpu/kernels/x64/segments.hpp"

#include <bit>
#include <cmath>
#include <numbers>

namespace octet::cpu::x64 {
namespace {

// The sum of c[j] T_j(u) as powers of u.
std::vector<double> powers_of(const std::vector<double>& c) {
    std::vector<double> sum(c.size(), 0.0), before(c.size(), 0.0), now(c.size(), 0.0);
    before[0] = 1;
    if (c.size() > 1) now[1] = 1;
    for (std::size_t j = 0; j < c.size(); ++j) {
        for (std::size_t i = 0; i < c.size(); ++i) sum[i] += c[j] * before[i];
        std::vector<double> next(c.size(), 0.0);
        for (std::size_t i = 0; i < c.size(); ++i) next[i] = (i > 0 ? 2 * now[i - 1] : 0.0) - before[i];
        before = std::move(now);
        now = std::move(next);
    }
    return sum;
}

// p(scale * r + shift) as powers of r.
std::vector<double> substituted(const std::vector<double>& p, double scale, double shift) {
    std::vector<double> result(p.size(), 0.0);
    for (std::size_t j = p.size(); j-- > 0;) {
        for (std::size_t i = p.size(); i-- > 0;) result[i] = shift * result[i] + (i > 0 ? scale * result[i - 1] : 0.0);
        result[0] += p[j];
    }
    return result;
}

}  // namespace

Segments segments_of(const std::function<double(double)>& f, double end, int degree, std::size_t count) {
    const double per_unit = (static_cast<double>(count) - 0.51) / end;  // the last index is count - 1
    const auto points = static_cast<std::size_t>(degree) + 1;
    Segments segments{static_cast<float>(per_unit), static_cast<float>(end), {}};
    segments.coefficients.resize(points);
    for (std::size_t index = 0; index < count; ++index) {
        const double low = index == 0 ? 0.0 : -0.5;
        const double middle = (0.5 + low) / 2, half = (0.5 - low) / 2;
        std::vector<double> c(points, 0.0);
        for (std::size_t k = 0; k < points; ++k) {
            const double angle = (static_cast<double>(k) + 0.5) / static_cast<double>(points) * std::numbers::pi;
            const double y = f((static_cast<double>(index) + middle + half * std::cos(angle)) / per_unit);
            for (std::size_t j = 0; j < points; ++j)
                c[j] += (j == 0 ? 1.0 : 2.0) / static_cast<double>(points) * y *
                        std::cos(static_cast<double>(j) * angle);
        }
        auto powers = substituted(powers_of(c), 1 / half, -middle / half);
        if (index == 0) powers[0] = f(0);  // exactly
        for (std::size_t j = 0; j < points; ++j)
            segments.coefficients[j][index] = std::bit_cast<std::uint32_t>(static_cast<float>(powers[j]));
    }
    return segments;
}

}  // namespace octet::cpu::x64
