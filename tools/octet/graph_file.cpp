#include "tools/octet/graph_file.hpp"

#include <algorithm>
#include <octet/core.hpp>
#include <ostream>

#include "ir/text.hpp"
#include "ir/xml/xml.hpp"
#include "runtime/src/model_access.hpp"
#include "tools/octet/random.hpp"
#include "tools/support/files.hpp"

namespace octet::tools {

ir::Graph read_graph(const std::filesystem::path& file) {
    if (file.extension() == ".txt") {
        try {
            return ir::parse(read_file(file));
        } catch (const Error& e) {
            throw Error(std::string(e.what()).find(file.string()) == std::string::npos
                            ? fmt::format("'{}': {}", file.string(), e.what())
                            : e.what());
        }
    }
    return runtime::ModelAccess::graph(*Core().read_model(file));
}

void write_graph(const ir::Graph& graph, const std::filesystem::path& file, std::size_t elide_above) {
    if (file.extension() == ".xml") return ir::xml::write(graph, file);
    ir::require(file.extension() == ".txt", "'{}': the name ends in '{}', wanted '.txt' or '.xml'", file.string(),
                file.extension().string());
    write_file(file, [&](std::ostream& out) { out << ir::print(graph, {.elide_above = elide_above}); });
}

ir::Tensor random_tensor(const ir::Type& type, std::uint64_t seed) {
    ir::require(type.shape.ranked(), "an input of unknown rank cannot be filled");
    ir::Dims dims;
    for (const ir::Dim d : type.shape.dims()) dims.push_back(std::max<std::int64_t>(d.low, 1));
    Random random{seed};
    if (is_float(type.element)) {
        ir::Tensor values(ir::Element::f32, dims);
        for (float& v : values.write<float>()) v = random.uniform();
        return type.element == ir::Element::f32 ? values : values.converted(type.element);
    }
    ir::Tensor values(type.element, dims);
    const std::size_t bits = bits_of(type.element);
    const bool small = type.element == ir::Element::boolean || bits == 64;
    const std::size_t step = small ? bits / 8 : 1;
    const auto bytes = values.write_raw();
    for (std::size_t i = 0; i < bytes.size(); i += step)
        bytes[i] = static_cast<std::byte>(random.next() >> (small ? 63 : 56));
    return values;
}

}  // namespace octet::tools
