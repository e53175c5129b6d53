#pragma once
// A function as polynomials over equal segments, as many as a register has lanes, whose coefficients a permutation looks up.
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace octet::cpu::x64 {

struct Segments {
    float per_unit = 1;  // segments for each unit of the argument; that of index i has its middle at i / per_unit
    float end = 0;       // arguments go from 0 to here
    // The bits of floats, lowest power first, of the distance from the middle in segments, -1/2 to 1/2. Of each the first `count` count.
    std::vector<std::array<std::uint32_t, 16>> coefficients = {};
};

// Interpolates `f` at Chebyshev points; 16 or 8 segments.
Segments segments_of(const std::function<double(double)>& f, double end, int degree, std::size_t count);

}  // namespace octet::cpu::x64
