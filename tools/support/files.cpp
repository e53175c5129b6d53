#include "tools/support/files.hpp"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "ir/support/check.hpp"

namespace octet::tools {
namespace {

std::string last_error() { return std::generic_category().message(errno); }

// Removes the file that was begun unless it was renamed.
class Beside {
public:
    explicit Beside(const std::filesystem::path& target)
        : path(fmt::format("{}.{}.partial", target.string(), ::getpid())) {}
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;
    ~Beside() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    }
    const std::filesystem::path path;
};

}  // namespace

void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& fill) {
    const Beside beside(path);
    std::ofstream stream(beside.path, std::ios::binary);
    if (!stream) ir::fail("'{}': it cannot be written: {}", path.string(), last_error());
    fill(stream);
    stream.close();
    if (!stream) ir::fail("'{}': it cannot be written: {}", path.string(), last_error());
    std::error_code error;
    std::filesystem::rename(beside.path, path, error);
    if (error) ir::fail("'{}': it cannot be written: {}", path.string(), error.message());
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) ir::fail("'{}': it cannot be read: {}", path.string(), last_error());
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (stream.bad() || std::filesystem::is_directory(path))
        ir::fail("'{}': it is not a file that can be read", path.string());
    return text;
}

}  // namespace octet::tools
