#include "ir/support/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "ir/support/check.hpp"

namespace octet::ir {
namespace {

class Descriptor {
public:
    explicit Descriptor(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

[[noreturn]] void fail_for(const std::string& name, int error) {
    if (error == ENOENT || error == ENOTDIR) fail("'{}': there is no such file", name);
    if (error == EACCES || error == EPERM) fail("'{}': there is no permission to read it", name);
    fail("'{}': it cannot be read: {}", name, std::generic_category().message(error));
}

}  // namespace

Bytes map_file(const std::filesystem::path& file) {
    const std::string name = file.string();
    const Descriptor descriptor(name.c_str());
    struct stat status {};
    if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) fail_for(name, errno);
    require(!S_ISDIR(status.st_mode), "'{}': it is a folder, a file is wanted", name);
    require(S_ISREG(status.st_mode), "'{}': it is not a regular file", name);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {};
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (memory == MAP_FAILED) fail_for(name, errno);
    std::shared_ptr<const void> owner(memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
    return {static_cast<const std::byte*>(memory), size, std::move(owner)};
}

}  // namespace octet::ir
