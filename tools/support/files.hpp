#pragma once
// Files that appear under their name only when they are complete.
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>

namespace octet::tools {

// `fill` writes the contents. The file is written beside `path` and renamed; nothing is left behind when something fails.
void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& fill);
std::string read_file(const std::filesystem::path& path);

}  // namespace octet::tools
