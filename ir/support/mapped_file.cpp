#include "ir/support/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>

#include "ir/support/check.hpp"
#include "ir/support/descriptor.hpp"

namespace octet::ir {
namespace {

[[noreturn]] void fail_for(const std::string& name, int error) {
    if (error == ENOENT || error == ENOTDIR) fail("'{}': there is no such file", name);
    if (error == EACCES || error == EPERM) fail("'{}': there is no permission to read it", name);
    fail("'{}': it cannot be read: {}", name, std::generic_category().message(error));
}

std::string identity_of(const struct stat& s) {
    return fmt::format("{}.{}.{}.{}.{}.{}.{}", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec,
                       s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
}

// Where files are mapped: giving back other memory would lose its contents.
class Mappings {
public:
    void add(const std::byte* data, std::size_t size, std::string identity) {
        const std::scoped_lock lock(mutex_);
        files_[data] = {size, std::move(identity)};
    }
    void unmap(const std::byte* data, std::size_t size) {
        const std::scoped_lock lock(mutex_);
        files_.erase(data);
        ::munmap(const_cast<std::byte*>(data), size);
    }
    void give_back(std::span<const std::byte> bytes) {
        const std::scoped_lock lock(mutex_);
        const auto it = find(bytes);
        if (it == files_.end()) return;
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t offset = static_cast<std::size_t>(bytes.data() - it->first);
        const std::size_t first = (offset + page - 1) / page * page, end = (offset + bytes.size()) / page * page;
        if (first < end) ::madvise(const_cast<std::byte*>(it->first) + first, end - first, MADV_DONTNEED);
    }
    std::span<const std::byte> give_back_file(std::span<const std::byte> bytes) {
        const std::scoped_lock lock(mutex_);
        const auto it = find(bytes);
        if (it == files_.end()) return {};
        ::madvise(const_cast<std::byte*>(it->first), it->second.size, MADV_DONTNEED);
        return {it->first, it->second.size};
    }
    std::optional<MappedPlace> place(std::span<const std::byte> bytes) {
        const std::scoped_lock lock(mutex_);
        const auto it = find(bytes);
        if (it == files_.end()) return std::nullopt;
        return MappedPlace{it->second.identity, static_cast<std::size_t>(bytes.data() - it->first)};
    }

private:
    struct File {
        std::size_t size = 0;
        std::string identity;
    };
    using Files = std::map<const std::byte*, File, std::less<>>;

    // The file that holds all of them.
    Files::iterator find(std::span<const std::byte> bytes) {
        const auto next = files_.upper_bound(bytes.data());
        if (next == files_.begin()) return files_.end();
        const auto it = std::prev(next);
        return bytes.data() + bytes.size() > it->first + it->second.size ? files_.end() : it;
    }

    std::mutex mutex_;
    Files files_;
};

// Never destroyed: a mapping may outlive everything.
Mappings& mappings() {
    static auto* const all = new Mappings;
    return *all;
}

}  // namespace

Bytes map_file(const std::filesystem::path& file) {
    const std::string name = file.string();
    const Descriptor descriptor(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) fail_for(name, errno);
    require(!S_ISDIR(status.st_mode), "'{}': it is a folder, a file is wanted", name);
    require(S_ISREG(status.st_mode), "'{}': it is not a regular file", name);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {};
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (memory == MAP_FAILED) fail_for(name, errno);
    const auto* data = static_cast<const std::byte*>(memory);
    mappings().add(data, size, identity_of(status));
    std::shared_ptr<const void> owner(data, [size](const std::byte* p) { mappings().unmap(p, size); });
    return {data, size, std::move(owner)};
}

void give_back(std::span<const std::byte> bytes) { mappings().give_back(bytes); }
std::span<const std::byte> give_back_file(std::span<const std::byte> bytes) { return mappings().give_back_file(bytes); }

std::string file_identity(const std::filesystem::path& file) {
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 ? identity_of(status) : std::string();
}

std::optional<MappedPlace> mapped_place(std::span<const std::byte> bytes) { return mappings().place(bytes); }

}  // namespace octet::ir
