#include "ir/eval/copy.hpp"

#include <algorithm>
#include <numeric>

#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

template <class T>
void copy_line(const T* from, T* to, const CopyAxis& a) {
    if (a.from == 1 && a.to == 1) {
        std::memcpy(to, from, static_cast<std::size_t>(a.count) * sizeof(T));
    } else if (a.from == 0 && a.to == 1) {
        std::fill_n(to, a.count, *from);
    } else {
        for (std::int64_t i = 0; i < a.count; ++i) to[i * a.to] = from[i * a.from];
    }
}

// Destination in sequence along `inner`, source along `outer`: in tiles that both fit the cache.
template <class T>
void copy_transposed(const T* from, T* to, const CopyAxis& outer, const CopyAxis& inner) {
    constexpr std::int64_t kTile = 32;
    for (std::int64_t o = 0; o < outer.count; o += kTile)
        for (std::int64_t i = 0; i < inner.count; i += kTile)
            for (std::int64_t y = o; y < std::min(o + kTile, outer.count); ++y)
                for (std::int64_t x = i; x < std::min(i + kTile, inner.count); ++x)
                    to[y * outer.to + x * inner.to] = from[y * outer.from + x * inner.from];
}

template <class T>
void copy_nest(const T* from, T* to, std::span<const CopyAxis> axes, bool transposed) {
    if (axes.size() == 1) return copy_line(from, to, axes[0]);
    if (axes.size() == 2 && transposed) return copy_transposed(from, to, axes[0], axes[1]);
    for (std::int64_t i = 0; i < axes[0].count; ++i)
        copy_nest(from + i * axes[0].from, to + i * axes[0].to, axes.subspan(1), transposed);
}

// Axes of 1 vanish, neighbours that run on into each other melt.
std::vector<CopyAxis> melted(const std::vector<CopyAxis>& axes) {
    std::vector<CopyAxis> result;
    for (const CopyAxis& a : axes) {
        if (a.count == 1) continue;
        if (!result.empty() && result.back().from == a.from * a.count && result.back().to == a.to * a.count)
            result.back() = {result.back().count * a.count, a.from, a.to};
        else result.push_back(a);
    }
    if (result.empty()) result.push_back({1, 1, 1});
    return result;
}

std::vector<CopyAxis> box_axes(const Dims& dims, const Dims& from, const Dims& to) {
    std::vector<CopyAxis> axes;
    for (std::size_t i = 0; i < dims.size(); ++i) axes.push_back({dims[i], from[i], to[i]});
    return axes;
}

std::int64_t product_of(const Dims& dims, std::size_t from, std::size_t to) {
    std::int64_t n = 1;
    for (std::size_t i = from; i < to; ++i) n *= dims[i];
    return n;
}

template <class T>
T* take(const T* data, T* to, std::span<const std::vector<std::int64_t>> indices,
        std::span<const std::int64_t> strides) {
    if (indices.empty()) {
        *to = *data;
        return to + 1;
    }
    if (indices.size() == 1) {
        for (const std::int64_t i : indices[0]) *to++ = data[i * strides[0]];
        return to;
    }
    std::int64_t last = -1;
    std::size_t block = 0;
    for (const std::int64_t i : indices[0]) {
        if (i == last) {
            std::memcpy(to, to - block, block * sizeof(T));
            to += block;
            continue;
        }
        T* end = take(data + i * strides[0], to, indices.subspan(1), strides.subspan(1));
        block = static_cast<std::size_t>(end - to);
        to = end;
        last = i;
    }
    return to;
}

}  // namespace

std::size_t element_bytes(Element element) {
    return with_bits(element, [](auto sample) { return sizeof(sample); });
}

void copy_elements(std::size_t size, const std::byte* from, std::byte* to, std::vector<CopyAxis> axes) {
    for (const CopyAxis& a : axes)
        if (a.count == 0) return;
    axes = melted(axes);
    const auto run = std::ranges::find_if(axes, [](const CopyAxis& a) { return a.from == 1; });
    const bool transposed = axes.back().from != 1 && axes.back().from != 0 && run != axes.end();
    if (transposed) std::rotate(run, run + 1, axes.end() - 1);
    const auto copy = [&](auto sample) {
        using T = decltype(sample);
        copy_nest(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), std::span<const CopyAxis>(axes),
                  transposed);
    };
    switch (size) {
        case 1: return copy(std::uint8_t{});
        case 2: return copy(std::uint16_t{});
        case 4: return copy(std::uint32_t{});
        default: return copy(std::uint64_t{});
    }
}

Tensor permuted(const Tensor& data, const Dims& view, std::span<const std::size_t> order, Dims dims) {
    Tensor out(data.element(), std::move(dims));
    const Dims strides = row_major_strides(view);
    Dims extents, from;
    for (const std::size_t axis : order) {
        extents.push_back(view[axis]);
        from.push_back(strides[axis]);
    }
    copy_elements(element_bytes(data.element()), data.data(), out.write_raw().data(),
                  box_axes(extents, from, row_major_strides(extents)));
    return out;
}

Tensor taken(const Tensor& data, const std::vector<std::vector<std::int64_t>>& indices) {
    Dims dims;
    for (const auto& list : indices) dims.push_back(static_cast<std::int64_t>(list.size()));
    Tensor out(data.element(), dims);
    if (out.size() == 0) return out;
    const Dims strides = row_major_strides(data.dims());
    with_bits(data.element(), [&](auto sample) {
        using T = decltype(sample);
        take(reinterpret_cast<const T*>(data.data()), reinterpret_cast<T*>(out.write_raw().data()), std::span(indices),
             std::span(strides));
    });
    return out;
}

Tensor boxed(const Tensor& data, const Dims& first, Dims dims, const Dims& step) {
    Tensor out(data.element(), std::move(dims));
    if (out.size() == 0) return out;
    const std::size_t size = element_bytes(data.element());
    const Dims strides = row_major_strides(data.dims());
    std::int64_t start = 0;
    Dims from;
    for (std::size_t i = 0; i < first.size(); ++i) {
        start += first[i] * strides[i];
        from.push_back(step.empty() ? strides[i] : step[i] * strides[i]);
    }
    copy_elements(size, data.data() + start * static_cast<std::int64_t>(size), out.write_raw().data(),
                  box_axes(out.dims(), from, row_major_strides(out.dims())));
    return out;
}

Tensors split(const Tensor& data, std::size_t axis, const Dims& lengths) {
    Tensors parts;
    Dims first(data.dims().size(), 0);
    for (const std::int64_t length : lengths) {
        Dims dims = data.dims();
        dims[axis] = length;
        parts.push_back(boxed(data, first, std::move(dims)));
        first[axis] += length;
    }
    return parts;
}

Tensor concat(std::span<const Tensor> parts, std::size_t axis) {
    Dims dims = parts[0].dims();
    for (const Tensor& t : parts.subspan(1)) dims[axis] += t.dims()[axis];
    Tensor out(parts[0].element(), dims);
    const auto size = static_cast<std::int64_t>(element_bytes(out.element()));
    const std::int64_t row = product_of(dims, axis, dims.size());
    std::byte* to = out.write_raw().data();
    for (const Tensor& t : parts) {
        const std::int64_t block = product_of(t.dims(), axis, t.dims().size());
        copy_elements(static_cast<std::size_t>(size), t.data(), to,
                      {{product_of(dims, 0, axis), block, row}, {block, 1, 1}});
        to += block * size;
    }
    return out;
}

}  // namespace octet::ir::eval
