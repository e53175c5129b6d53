#include "plugins/cpu/kernels/portable/copy.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "plugins/cpu/kernels/portable/interleave.hpp"
#include "plugins/cpu/kernels/portable/short_copy.hpp"
#include "plugins/cpu/kernels/portable/vectorize.hpp"

namespace octet::cpu::portable {
namespace {

using Dim = StridedCopy::Dim;

constexpr std::size_t kRows = 64;     // of the row dimension, in one unit
constexpr std::size_t kBytes = 8192;  // of a row of columns, in one unit, about
constexpr std::size_t kStreams = 16;  // turned at once where rows are contiguous in the input and columns in the output

// The two dimensions a unit walks itself: columns, the last and closest together in the output, and rows. Rows are the dimension that
// is contiguous in the input where columns are not.
std::size_t row_dim(const std::vector<Dim>& dims) {
    for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
        if (dims[i].in_step == 1 && dims.back().in_step != 1) {
            return i;
        }
    }
    return dims.size() - 2;
}

template <class T>
struct Plane {
    const T* in;
    T* out;
    Dim rows;
    Dim columns;

    void walk(std::size_t row, std::size_t row_end, std::size_t column, std::size_t column_end) const {
        for (std::size_t r = row; r < row_end; ++r) {
            const T* from = in + static_cast<std::ptrdiff_t>(r) * rows.in_step;
            T* to = out + static_cast<std::ptrdiff_t>(r) * rows.out_step;
            for (std::size_t c = column; c < column_end; ++c) {
                to[static_cast<std::ptrdiff_t>(c) * columns.out_step] =
                    from[static_cast<std::ptrdiff_t>(c) * columns.in_step];
            }
        }
    }

    // `streams` columns at a time, while there are so many; says where it stopped.
    template <std::size_t streams>
    std::size_t turn(std::size_t row, std::size_t row_end, std::size_t column, std::size_t column_end) const {
        alignas(64) std::array<T, kRows * streams> turned;
        for (; column + streams <= column_end; column += streams) {
            const T* from = in + row + static_cast<std::ptrdiff_t>(column) * columns.in_step;
            interleave<streams>(from, static_cast<std::size_t>(columns.in_step), turned.data(), row_end - row);
            for (std::size_t r = row; r < row_end; ++r) {
                std::memcpy(out + static_cast<std::ptrdiff_t>(r) * rows.out_step + column,
                            turned.data() + (r - row) * streams, streams * sizeof(T));
            }
        }
        return column;
    }

    // Images of a few channels: whole rows of columns lie one after the other in the output, or whole columns of rows in the input.
    bool narrow(std::size_t row, std::size_t row_end, std::size_t column, std::size_t column_end) const {
        const auto pixels = static_cast<std::ptrdiff_t>(columns.extent);
        if (rows.out_step == pixels && pixels <= 4) {
            const T* from = in + row;
            T* to = out + static_cast<std::ptrdiff_t>(row) * rows.out_step;
            const auto stride = static_cast<std::size_t>(columns.in_step);
            switch (pixels) {
                case 2: interleave<2>(from, stride, to, row_end - row); return true;
                case 3: interleave<3>(from, stride, to, row_end - row); return true;
                case 4: interleave<4>(from, stride, to, row_end - row); return true;
                default: return false;
            }
        }
        const auto channels = static_cast<std::ptrdiff_t>(rows.extent);
        if (columns.in_step == channels && channels <= 4) {
            const T* from = in + static_cast<std::ptrdiff_t>(column) * columns.in_step;
            T* to = out + column;
            const auto stride = static_cast<std::size_t>(rows.out_step);
            switch (channels) {
                case 2: deinterleave<2>(from, to, stride, column_end - column); return true;
                case 3: deinterleave<3>(from, to, stride, column_end - column); return true;
                case 4: deinterleave<4>(from, to, stride, column_end - column); return true;
                default: return false;
            }
        }
        return false;
    }

    void copy(std::size_t row, std::size_t row_end, std::size_t column, std::size_t column_end) const {
        if (columns.in_step == 1 && columns.out_step == 1) {
            for (std::size_t r = row; r < row_end; ++r) {
                const auto i = static_cast<std::ptrdiff_t>(r);
                std::memcpy(out + i * rows.out_step + column, in + i * rows.in_step + column,
                            (column_end - column) * sizeof(T));
            }
            return;
        }
        if (rows.in_step == 1 && columns.out_step == 1 && columns.in_step > 0) {
            if (narrow(row, row_end, column, column_end)) return;
            column = turn<kStreams>(row, row_end, column, column_end);
            column = turn<kStreams / 2>(row, row_end, column, column_end);
            column = turn<kStreams / 4>(row, row_end, column, column_end);
        }
        walk(row, row_end, column, column_end);
    }
};

struct Position {
    std::ptrdiff_t in = 0;
    std::ptrdiff_t out = 0;
    std::size_t row = 0;
    std::size_t row_end = 0;
    std::size_t column = 0;
    std::size_t column_end = 0;
};

std::size_t row_blocks(const Dim& rows) { return (rows.extent + kRows - 1) / kRows; }

// Whole groups of kStreams, so that only the last block has a rest.
std::size_t columns_each(std::size_t element_size) {
    return std::max(kBytes / element_size + kStreams - 1, kStreams) / kStreams * kStreams;
}
std::size_t column_blocks(const StridedCopy& copy) {
    const std::size_t each = columns_each(copy.element_size);
    return (copy.dims.back().extent + each - 1) / each;
}

Position position_of(const StridedCopy& copy, std::size_t row_index, std::size_t unit) {
    const Dim& rows = copy.dims[row_index];
    Position at{copy.in_offset, copy.out_offset};
    at.row = unit % row_blocks(rows) * kRows;
    at.row_end = std::min(rows.extent, at.row + kRows);
    unit /= row_blocks(rows);
    const std::size_t each = columns_each(copy.element_size);
    at.column = unit % column_blocks(copy) * each;
    at.column_end = std::min(copy.dims.back().extent, at.column + each);
    unit /= column_blocks(copy);
    for (std::size_t i = copy.dims.size() - 1; i-- > 0;) {
        if (i != row_index) {
            const auto index = static_cast<std::ptrdiff_t>(unit % copy.dims[i].extent);
            at.in += index * copy.dims[i].in_step;
            at.out += index * copy.dims[i].out_step;
            unit /= copy.dims[i].extent;
        }
    }
    return at;
}

template <class T>
void run_plane(const StridedCopy& copy, const void* in, void* out, std::size_t row_index, const Position& at) {
    const Plane<T> plane{static_cast<const T*>(in) + at.in, static_cast<T*>(out) + at.out, copy.dims[row_index],
                         copy.dims.back()};
    plane.copy(at.row, at.row_end, at.column, at.column_end);
}

// Elements of other sizes stand alone as the last dimension.
void run_blocks(const StridedCopy& copy, const void* in, void* out, std::size_t row_index, const Position& at) {
    const auto size = static_cast<std::ptrdiff_t>(copy.element_size);
    const Dim& rows = copy.dims[row_index];
    const Dim& columns = copy.dims.back();
    const auto* from = static_cast<const std::byte*>(in) + at.in * size;
    auto* to = static_cast<std::byte*>(out) + at.out * size;
    with_short_copy(copy.element_size, [&](const auto& copy_block) {
        const auto move = [&](std::size_t r, std::size_t c) {
            const auto i = static_cast<std::ptrdiff_t>(r);
            const auto j = static_cast<std::ptrdiff_t>(c);
            copy_block(to + (i * rows.out_step + j * columns.out_step) * size,
                       from + (i * rows.in_step + j * columns.in_step) * size);
        };
        // In the order in which they lie in the input: what is read in leaps waits for memory, what is written does not.
        if (std::abs(rows.in_step) < std::abs(columns.in_step)) {
            for (std::size_t c = at.column; c < at.column_end; ++c)
                for (std::size_t r = at.row; r < at.row_end; ++r) move(r, c);
            return;
        }
        for (std::size_t r = at.row; r < at.row_end; ++r)
            for (std::size_t c = at.column; c < at.column_end; ++c) move(r, c);
    });
}

std::vector<std::ptrdiff_t> dense_steps(std::span<const std::size_t> shape) {
    std::vector<std::ptrdiff_t> steps(shape.size());
    std::ptrdiff_t step = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        steps[i] = step;
        step *= static_cast<std::ptrdiff_t>(shape[i]);
    }
    return steps;
}

}  // namespace

void StridedCopy::simplify() {
    std::erase_if(dims, [](const Dim& dim) { return dim.extent == 1; });
    std::stable_sort(dims.begin(), dims.end(),
                     [](const Dim& a, const Dim& b) { return std::abs(a.out_step) > std::abs(b.out_step); });
    std::vector<Dim> merged;
    for (const Dim& dim : dims) {
        const auto extent = static_cast<std::ptrdiff_t>(dim.extent);
        if (!merged.empty() && merged.back().in_step == dim.in_step * extent &&
            merged.back().out_step == dim.out_step * extent) {
            merged.back() = {merged.back().extent * dim.extent, dim.in_step, dim.out_step};
        } else {
            merged.push_back(dim);
        }
    }
    dims = std::move(merged);
    if (!dims.empty() && dims.back().in_step == 1 && dims.back().out_step == 1) {
        const auto block = static_cast<std::ptrdiff_t>(dims.back().extent);
        const auto whole = [&](std::ptrdiff_t steps) { return steps % block == 0; };
        const bool fits = whole(in_offset) && whole(out_offset) &&
                          std::all_of(dims.begin(), dims.end() - 1,
                                      [&](const Dim& dim) { return whole(dim.in_step) && whole(dim.out_step); });
        if (fits) {
            element_size *= dims.back().extent;
            dims.pop_back();
            in_offset /= block;
            out_offset /= block;
            for (Dim& dim : dims) {
                dim.in_step /= block;
                dim.out_step /= block;
            }
        }
    }
    while (dims.size() < 2) {
        dims.insert(dims.begin(), Dim{});
    }
}

std::size_t StridedCopy::units() const {
    const std::size_t row_index = row_dim(dims);
    std::size_t count = row_blocks(dims[row_index]) * column_blocks(*this);
    for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
        count *= i == row_index ? 1 : dims[i].extent;
    }
    return count;
}

void StridedCopy::run(const void* in, void* out, std::size_t begin, std::size_t end) const {
    const std::size_t row_index = row_dim(dims);
    // simplify() may have joined small elements, of tensors aligned for these only.
    const auto address = reinterpret_cast<std::uintptr_t>(in) | reinterpret_cast<std::uintptr_t>(out);
    const std::size_t type_size = address % element_size == 0 ? element_size : 0;
    vectorized([&] {
        for (std::size_t unit = begin; unit < end; ++unit) {
            const Position at = position_of(*this, row_index, unit);
            switch (type_size) {
                case 1: run_plane<std::uint8_t>(*this, in, out, row_index, at); break;
                case 2: run_plane<std::uint16_t>(*this, in, out, row_index, at); break;
                case 4: run_plane<std::uint32_t>(*this, in, out, row_index, at); break;
                case 8: run_plane<std::uint64_t>(*this, in, out, row_index, at); break;
                default: run_blocks(*this, in, out, row_index, at); break;
            }
        }
    });
}

StridedCopy transpose(std::span<const std::size_t> shape, std::span<const std::size_t> order,
                      std::size_t element_size) {
    std::vector<std::size_t> result(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        result[i] = shape[order[i]];
    }
    const auto in_steps = dense_steps(shape);
    const auto out_steps = dense_steps(result);
    StridedCopy copy{element_size};
    for (std::size_t i = 0; i < order.size(); ++i) {
        copy.dims.push_back({result[i], in_steps[order[i]], out_steps[i]});
    }
    copy.simplify();
    return copy;
}

StridedCopy copy_block(std::span<const std::size_t> extents, std::span<const std::size_t> in_shape,
                       std::span<const std::size_t> from, std::span<const std::ptrdiff_t> step,
                       std::span<const std::size_t> out_shape, std::span<const std::size_t> to,
                       std::size_t element_size) {
    const auto in_steps = dense_steps(in_shape);
    const auto out_steps = dense_steps(out_shape);
    StridedCopy copy{element_size};
    for (std::size_t i = 0; i < extents.size(); ++i) {
        copy.dims.push_back({extents[i], in_steps[i] * step[i], out_steps[i]});
        copy.in_offset += static_cast<std::ptrdiff_t>(from[i]) * in_steps[i];
        copy.out_offset += static_cast<std::ptrdiff_t>(to[i]) * out_steps[i];
    }
    copy.simplify();
    return copy;
}

StridedCopy broadcast(std::span<const std::size_t> shape, std::span<const std::size_t> result,
                      std::size_t element_size) {
    const auto in_steps = dense_steps(shape);
    const auto out_steps = dense_steps(result);
    const std::size_t missing = result.size() - shape.size();
    StridedCopy copy{element_size};
    for (std::size_t i = 0; i < result.size(); ++i) {
        const bool repeats = i < missing || shape[i - missing] == 1;
        copy.dims.push_back({result[i], repeats ? 0 : in_steps[i - missing], out_steps[i]});
    }
    copy.simplify();
    return copy;
}

void fill(void* out, std::size_t count, const void* value, std::size_t element_size) {
    const auto fill_as = [&](auto element) {
        std::memcpy(&element, value, sizeof(element));
        std::fill_n(static_cast<decltype(element)*>(out), count, element);
    };
    switch (element_size) {
        case 1: return fill_as(std::uint8_t{});
        case 2: return fill_as(std::uint16_t{});
        case 4: return fill_as(std::uint32_t{});
        case 8: return fill_as(std::uint64_t{});
        default: throw std::invalid_argument(fmt::format("cannot fill with elements of {} bytes", element_size));
    }
}

}  // namespace octet::cpu::portable
