#include "samples/benchmark_app/inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <octet/error.hpp>
#include <random>

namespace octet::benchmark {

namespace {

constexpr std::size_t kMostImageChannels = 4;

std::size_t fixed(const Dimension& dimension) {
    return dimension.is_static() ? static_cast<std::size_t>(dimension.get_length()) : 0;
}

// Integers of 0..255 as halves: exact, since their eight bits fit the mantissa.
std::uint16_t small_integer_as_half(std::uint32_t value) {
    if (value == 0) return 0;
    constexpr std::uint32_t kRebias = 127 - 15;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    return static_cast<std::uint16_t>((bits >> 13) - (kRebias << 10));
}

template <class T, class Make>
void fill_with(Tensor& tensor, Make make) {
    auto* data = static_cast<std::byte*>(tensor.data());
    for (std::size_t i = 0; i < tensor.get_byte_size() / sizeof(T); ++i) {
        const T value = make();
        std::memcpy(data + i * sizeof(T), &value, sizeof(T));
    }
}

}  // namespace

std::string label_of(const Port& port) { return port.get_names().empty() ? port.get_node_name() : port.get_any_name(); }

std::map<std::size_t, PartialShape> parse_shapes(std::string_view text, const std::vector<Port>& inputs) {
    const std::string whole(text);
    std::map<std::size_t, PartialShape> shapes;
    while (!text.empty()) {
        const auto open = text.find('[');
        const auto close = text.find(']');
        if (open == std::string_view::npos || close == std::string_view::npos || close < open)
            throw Error(
                fmt::format("option '-shape': got '{}', wanted 'input[1,3,224,224],other[1,4]' or '[1,3,224,224]'",
                            whole));
        const auto name = text.substr(0, open);
        const PartialShape shape(text.substr(open, close - open + 1));
        bool matched = false;
        for (const Port& port : inputs) {
            if (!name.empty() && !port.is_named(name) && port.get_node_name() != name) continue;
            shapes.insert_or_assign(port.get_index(), shape);
            matched = true;
        }
        if (!matched) throw Error(fmt::format("option '-shape': the model has no input '{}'", name));
        text.remove_prefix(close + 1);
        text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    }
    return shapes;
}

std::map<std::size_t, PartialShape> batch_shapes(std::uint32_t batch, const std::vector<Port>& inputs) {
    std::map<std::size_t, PartialShape> shapes;
    for (const Port& port : inputs) {
        PartialShape shape = port.get_partial_shape();
        if (!shape.rank_is_static() || shape.size() < 2) continue;
        shape[0] = Dimension(static_cast<std::int64_t>(batch));
        shapes.emplace(port.get_index(), shape);
    }
    if (shapes.empty()) throw Error("option '-b': no input of the model has a batch dimension");
    return shapes;
}

Batch batch_of(const std::vector<Port>& inputs) {
    Batch batch;
    for (const Port& port : inputs) {
        const PartialShape& shape = port.get_partial_shape();
        if (!shape.rank_is_static() || shape.size() < 2 || !shape[0].is_static()) continue;
        const std::size_t extent = fixed(shape[0]);
        if (batch.found && extent != batch.size) return {};
        batch = {extent, true};
    }
    return batch;
}

ImageShape image_shape_of(const PartialShape& shape) {
    if (!shape.rank_is_static() || (shape.size() != 3 && shape.size() != 4) ||
        (shape.size() == 4 && fixed(shape[0]) == 0))
        return {};
    const std::size_t at = shape.size() - 3;
    const auto is_channels = [](std::size_t extent) {
        return extent == 1 || extent == 3 || extent == kMostImageChannels;
    };
    ImageShape result{.valid = true,
                      .channels_first = true,
                      .height = fixed(shape[at + 1]),
                      .width = fixed(shape[at + 2]),
                      .channels = fixed(shape[at])};
    if (!is_channels(result.channels))
        result = {true, false, fixed(shape[at]), fixed(shape[at + 1]), fixed(shape[at + 2])};
    const std::size_t most = static_cast<std::size_t>(std::numeric_limits<int>::max());
    result.valid = is_channels(result.channels) && result.height > 0 && result.width > 0 && result.height <= most &&
                   result.width <= most;
    return result;
}

void fill_random(Tensor& tensor) {
    std::mt19937 source(0);
    const auto byte = [&] { return static_cast<std::uint8_t>(source() >> 24); };
    switch (tensor.get_element_type()) {
        case ElementType::f32:
            return fill_with<float>(tensor, [&] { return static_cast<float>(source() >> 8) * 0x1p-24f * 255; });
        case ElementType::f64:
            return fill_with<double>(tensor, [&] { return static_cast<double>(source()) * 0x1p-32 * 255; });
        case ElementType::f16: return fill_with<std::uint16_t>(tensor, [&] { return small_integer_as_half(byte()); });
        case ElementType::bf16:
            return fill_with<std::uint16_t>(tensor, [&] {
                return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(byte())) >> 16);
            });
        case ElementType::boolean:
            return fill_with<std::uint8_t>(tensor, [&] { return static_cast<std::uint8_t>(byte() & 1); });
        case ElementType::i16:
        case ElementType::u16: return fill_with<std::uint16_t>(tensor, byte);
        case ElementType::i32:
        case ElementType::u32: return fill_with<std::uint32_t>(tensor, byte);
        case ElementType::i64:
        case ElementType::u64: return fill_with<std::uint64_t>(tensor, byte);
        default:
            return fill_with<std::uint8_t>(
                tensor, byte);  // bytes, and smaller elements packed into them: every value of theirs
    }
}

}  // namespace octet::benchmark
