#include "plugins/cpu/blob/key.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "ir/ops/core.hpp"
#include "ir/support/mapped_file.hpp"
#include "ir/text.hpp"
#include "plugins/cpu/blob/digest.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu::blob {
namespace {

// The file this code was loaded from: every build has its own.
std::string identity_of_build() {
    static const std::string text = [] {
        Dl_info info{};
        std::string identity;
        if (::dladdr(reinterpret_cast<const void*>(&name_of), &info) != 0 && info.dli_fname != nullptr)
            identity = ir::file_identity(info.dli_fname);
        // A program that was started by a relative name, and went elsewhere.
        return identity.empty() ? ir::file_identity("/proc/self/exe") : identity;
    }();
    return text;
}

void add_constant(std::string& text, const ir::Tensor& tensor) {
    const auto out = std::back_inserter(text);
    fmt::format_to(out, " {}{}", octet::name_of(tensor.element()), ir::to_string(tensor.dims()));
    if (const auto place = ir::mapped_place(tensor.raw())) fmt::format_to(out, " at {} {}", place->file, place->offset);
    else fmt::format_to(out, " of {} {}", digest(tensor.raw(), 1), digest(tensor.raw(), 2));
}

// Names of nodes are texts in reports, which come from the graph itself.
std::string text_of(const ir::Graph& graph) {
    std::string text;
    const auto out = std::back_inserter(text);
    for (const ir::NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        fmt::format_to(out, "{} {}", id, node.op.name());
        if (const auto* constant = node.op.as<ir::Constant>()) add_constant(text, constant->value);
        else fmt::format_to(out, " {}", ir::print_fields(node.op, {.elide_above = 16}));
        for (const ir::Value v : node.inputs) fmt::format_to(out, " {}:{}", v.node, v.port);
        text += '\n';
    }
    for (const ir::NodeId id : graph.parameters()) fmt::format_to(out, "{} ", id);
    for (const ir::NodeId id : graph.results()) fmt::format_to(out, "{} ", id);
    return text;
}

}  // namespace

Key key_of(const ir::Graph& graph, const Settings& settings, const Machine& machine) {
    std::string text = text_of(graph);
    const char* debug = std::getenv("OCTET_DEBUG");
    fmt::format_to(std::back_inserter(text), "\n{} {} {} {} {} {} {} {} {} {} {}\n{}\n{} {}\n",
                   settings.threads_per_stream(), settings.low_precision, settings.plan, settings.allow_lossy,
                   settings.accuracy, settings.bf16, settings.saturates, cpu::name_of(machine.isa), machine.vbmi,
                   machine.bf16, machine.evex_dot, debug != nullptr ? debug : "", identity_of_build(),
                   onednn::version());
    return {digest(text, 1), digest(text, 2)};
}

std::string name_of(const Key& key) { return fmt::format("{:016x}{:016x}", key[0], key[1]); }

}  // namespace octet::cpu::blob
