#pragma once
// The real models that some tests check: those below a folder of OCTET_SHARED, or of ../shared; none where it is missing.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

namespace octet {

inline std::vector<std::filesystem::path> real_models(std::string_view folder) {
    const char* set = std::getenv("OCTET_SHARED");
    const std::filesystem::path shared = set ? set : "../shared";
    std::vector<std::filesystem::path> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(shared / folder, none))
        if (entry.path().extension() == ".xml") found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
}

}  // namespace octet
