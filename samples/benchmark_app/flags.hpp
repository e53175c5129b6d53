#pragma once
// Command-line flags with the syntax of gflags and messages of ours.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace octet::benchmark {

// A second spelling of a flag.
struct FlagAlias {
    std::string_view spelling;
    std::string_view flag;
};

// A flag that scripts still pass and that does nothing here.
struct OldFlag {
    std::string_view name;
    bool takes_value;
    std::string_view hint;  // why, and what to do instead
};

struct FlagTables {
    std::string_view source_file;  // only flags defined there exist
    std::vector<FlagAlias> aliases;
    std::vector<OldFlag> old;
    std::string_view list_flag;  // may have several values, which are joined by commas
};

struct ParsedFlags {
    std::vector<std::pair<std::string, std::string>> given;  // by flag, in order
    std::vector<std::string> hints;
};

// Sets the gflags variables: `-x v`, `-x=v`, `--x v`, `--x=v`, for switches also `-x` alone and `-nox`; the last one wins. Throws Error
// for an unknown flag, naming the nearest one, a value of the wrong kind, a missing value, and anything left over.
ParsedFlags parse_flags(int argc, const char* const* argv, const FlagTables& tables);

// How many letters to insert, remove or exchange to get from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace octet::benchmark
