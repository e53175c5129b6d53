#include "plugins/cpu/blob/replace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "ir/support/descriptor.hpp"

namespace octet::cpu::blob {

bool replace_file(const std::filesystem::path& path, const std::function<bool(int)>& write) {
    std::string beside = path.string() + ".XXXXXX";
    const ir::Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
    if (file.get() < 0) return false;
    const bool good = write(file.get()) && ::rename(beside.c_str(), path.c_str()) == 0;
    if (!good) ::unlink(beside.c_str());
    return good;
}

bool write_all(int descriptor, const void* data, std::size_t count) {
    const auto* from = static_cast<const char*>(data);
    while (count > 0) {
        const ssize_t written = ::write(descriptor, from, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        from += written;
        count -= static_cast<std::size_t>(written);
    }
    return true;
}

}  // namespace octet::cpu::blob
