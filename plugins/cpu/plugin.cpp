#include "plugins/cpu/plugin.hpp"

#include "plugins/cpu/executable.hpp"
#if OCTET_ONEDNN
#include "plugins/cpu/kernels/onednn/kernel.hpp"
#endif

namespace octet::cpu {

namespace {

class CpuPlugin final : public Plugin {
public:
    CpuPlugin() : machine_(detect_machine()) {}
    std::string_view name() const override { return "CPU"; }
    std::string full_name() const override { return machine_.name; }
    std::shared_ptr<Executable> compile(const ir::Graph& graph, const Config& config) override;
    Config default_config() const override { return effective(settings_of({}, machine_)); }

private:
    Machine machine_;
};

std::shared_ptr<Executable> CpuPlugin::compile(const ir::Graph& graph, const Config& config) {
#if OCTET_ONEDNN
    onednn::limit_isa(machine_);
#endif
    auto executable = std::make_shared<CpuExecutable>(graph, machine_, settings_of(config, machine_));
    release_unused(graph);
    return executable;
}

}  // namespace

std::unique_ptr<Plugin> make_plugin() { return std::make_unique<CpuPlugin>(); }

}  // namespace octet::cpu
