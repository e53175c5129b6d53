#pragma once
// A model as it was read, run node by node.
#include "runtime/plugin.hpp"

namespace octet::reference {

struct Settings {
    int streams = 1;
    bool profiling = false;
};

class ReferenceExecutable final : public Executable, public std::enable_shared_from_this<ReferenceExecutable> {
public:
    // Throws Unsupported for an op without a kernel.
    ReferenceExecutable(const ir::Graph& graph, const Settings& settings);

    std::unique_ptr<Execution> create_execution() override;
    int streams() const override { return settings_.streams; }
    Report report() const override { return report_; }
    Config properties() const override;

private:
    friend class ReferenceExecution;

    // One node that runs.
    struct Step {
        ir::NodeId node = 0;
        std::size_t row = 0;                // of the report
        std::vector<ir::NodeId> last_uses;  // nodes whose outputs are not needed afterwards
    };
    std::size_t row_of(const ir::Node& node);

    ir::Graph graph_;
    Settings settings_;
    std::vector<Step> steps_;
    std::vector<std::size_t> row_of_layer_;
    Report report_;
};

}  // namespace octet::reference
