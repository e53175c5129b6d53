#include "samples/common/files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <octet/error.hpp>
#include <system_error>

namespace octet::samples {

namespace fs = std::filesystem;

std::vector<std::byte> read_file(const fs::path& file) {
    std::error_code status;
    const auto size = fs::is_regular_file(file, status) ? fs::file_size(file, status) : 0;
    std::ifstream stream(file, std::ios::binary);
    if (status || !stream || !fs::is_regular_file(file)) {
        throw Error(
            fmt::format("'{}': cannot be read: {}", file.string(), status ? status.message() : std::strerror(errno)));
    }
    std::vector<std::byte> data(size);
    stream.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size));
    if (static_cast<std::uintmax_t>(stream.gcount()) != size)
        throw Error(fmt::format("'{}': got {} bytes, wanted {}", file.string(), stream.gcount(), size));
    return data;
}

void write_file(const fs::path& file, std::span<const std::byte> data) {
    std::error_code status;
    if (file.has_parent_path()) fs::create_directories(file.parent_path(), status);
    if (status)
        throw Error(fmt::format("'{}': folder cannot be created: {}", file.parent_path().string(), status.message()));

    const fs::path beside = fmt::format("{}.{}.part", file.string(), getpid());
    {
        std::ofstream stream(beside, std::ios::binary);
        stream.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
        stream.close();
        if (!stream) status = std::error_code(errno, std::generic_category());
    }
    if (!status) fs::rename(beside, file, status);
    if (status) {
        std::error_code ignored;
        fs::remove(beside, ignored);
        throw Error(fmt::format("'{}': cannot be written: {}", file.string(), status.message()));
    }
}

void write_file(const fs::path& file, std::string_view text) { write_file(file, std::as_bytes(std::span(text))); }

}  // namespace octet::samples
