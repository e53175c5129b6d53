// Stands in for this folder in builds without oneDNN: the same interface, every problem declined.
#include <octet/error.hpp>

#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "plugins/cpu/kernels/onednn/deconvolution.hpp"
#include "plugins/cpu/kernels/onednn/matmul.hpp"

namespace octet::cpu::onednn {

struct Kernel::Impl {
    std::string implementation;
};

Kernel::Kernel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Kernel::~Kernel() = default;
int Kernel::parts() const { return 0; }
std::size_t Kernel::scratch_bytes() const { return 0; }
std::size_t Kernel::packed_bytes() const { return 0; }
const std::string& Kernel::implementation() const { return impl_->implementation; }
void Kernel::prepare() {}
void Kernel::run(const Args&, int) const {
    throw InternalError("internal error: a onednn kernel in a build without onednn");
}
std::unique_ptr<Kernel> Kernel::clone() const { return nullptr; }

void limit_isa(const Machine&) {}
Isa effective_isa() { return detect_machine().isa; }
std::string version() { return {}; }

static Creation absent() { return {nullptr, declined("this build has no onednn")}; }
Creation create(const Convolution&) { return absent(); }
Creation create(const Deconvolution&) { return absent(); }
Creation create(const MatMul&) { return absent(); }

}  // namespace octet::cpu::onednn
