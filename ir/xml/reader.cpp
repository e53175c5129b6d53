#include <algorithm>
#include <string>

#include "ir/widen.hpp"
#include "ir/xml/net.hpp"
#include "ir/xml/xml.hpp"

namespace octet::ir::xml {
namespace {

Graph read_document(Source& source, Info* info) {
    if (source.text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        fail("'{}': the file is empty", source.name);
    pugi::xml_document document;
    const auto status = document.load_buffer(source.text.data(), source.text.size(), pugi::parse_default,
                                             pugi::encoding_auto);
    if (!status) {
        const auto end = source.text.begin() +
                         std::min<std::ptrdiff_t>(status.offset, static_cast<std::ptrdiff_t>(source.text.size()));
        std::string reason = status.description();
        reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
        fail("'{}' line {}: it is not XML: {}", source.name, 1 + std::count(source.text.begin(), end, '\n'), reason);
    }
    const auto net = document.child("net");
    if (!net) fail("'{}': it has no <net>, so it is no model", source.name);
    const std::int64_t version = source.integer(net, "version");
    if (version != 10 && version != 11)
        source.fail_at(net, fmt::format("it is an IR of version {}, only 10 and 11 can be read", version));
    source.version = static_cast<int>(version);
    if (net.child("pre-process")) source.fail_at(net.child("pre-process"), "a <pre-process> section cannot be read");
    if (info) info->version = source.version;
    Graph graph = read_net(source, net);
    // Version 10 stores f16 but means "any float": its users give and get f32.
    if (source.version == 10 && needs_widening(graph)) graph = widened(graph, true);
    Edit(graph).set_source(source.name);
    return graph;
}

}  // namespace

Tensor Weights::view(Element element, const Dims& dims, std::uint64_t offset, std::uint64_t size) {
    // The product of the dimensions saturates; what is above any file's size cannot be right.
    const auto count = static_cast<std::uint64_t>(product(dims));
    const bool possible = count < std::uint64_t{1} << 56;
    if (!possible || bytes_of(element, count) != size)
        fail("{}{} takes {} bytes, the attribute 'size' is {}", name_of(element), to_string(dims),
             possible ? std::to_string(bytes_of(element, count)) : "too many", size);
    if (size == 0) return Tensor(element, dims);
    if (!bytes_) bytes_ = map_file(file_);
    if (offset > bytes_->size || size > bytes_->size - offset)
        fail("it needs {} bytes at offset {}, '{}' has {}", size, offset, file_.string(), bytes_->size);
    return Tensor(element, dims, bytes_->data + offset, bytes_->owner);
}

void Source::fail_at(pugi::xml_node node, std::string_view sentence) const {
    const auto offset = std::clamp<std::ptrdiff_t>(node.offset_debug(), 0, static_cast<std::ptrdiff_t>(text.size()));
    throw PlacedError(
        fmt::format("'{}' line {}: {}", name, 1 + std::count(text.begin(), text.begin() + offset, '\n'), sentence));
}

const char* Source::attribute(pugi::xml_node node, const char* wanted) const {
    const auto found = node.attribute(wanted);
    if (!found) fail_at(node, fmt::format("<{}> has no attribute '{}'", node.name(), wanted));
    return found.value();
}

std::int64_t Source::integer(pugi::xml_node node, const char* wanted) const {
    const char* value = attribute(node, wanted);
    try {
        return parse_integer(value);
    } catch (const Error& e) {
        fail_at(node, fmt::format("attribute '{}' of <{}>: {}", wanted, node.name(), e.what()));
    }
}

Graph read(const std::filesystem::path& xml, const std::filesystem::path& bin, Info* info) {
    const Bytes text = map_file(xml);
    std::filesystem::path weights = bin;
    if (bin.empty()) weights = std::filesystem::path(xml).replace_extension(".bin");
    Source source{xml.string(), {reinterpret_cast<const char*>(text.data), text.size}, Weights(std::move(weights))};
    return read_document(source, info);
}

Graph read_memory(std::string_view xml, const Bytes& weights, std::string_view name, Info* info) {
    Source source{std::string(name), xml, Weights(weights, fmt::format("{} weights", name))};
    return read_document(source, info);
}

}  // namespace octet::ir::xml
