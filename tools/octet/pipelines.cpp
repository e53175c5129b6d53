#include "tools/octet/pipelines.hpp"

#include "ir/support/check.hpp"

namespace octet::tools {

std::string pipeline_names() {
    std::string names;
    for (const NamedPipeline& p : named_pipelines()) names += (names.empty() ? "" : ", ") + std::string(p.name);
    return names;
}

std::string pipeline_help() { return "name of the pipeline: " + pipeline_names(); }

rewrite::Pipeline pipeline_named(std::string_view name) {
    for (const NamedPipeline& p : named_pipelines())
        if (p.name == name) return p.make();
    ir::fail("there is no pipeline '{}', only {}", name, pipeline_names());
}

}  // namespace octet::tools
