#include "samples/benchmark_app/flags.hpp"

#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <octet/error.hpp>
#include <optional>

namespace octet::benchmark {

namespace {

constexpr std::size_t kNearby = 2;  // edits up to which a name is taken for a slip of the typed one

using Info = gflags::CommandLineFlagInfo;

class Parser {
public:
    Parser(int argc, const char* const* argv, const FlagTables& tables)
        : words_(argv + std::min(argc, 1), argv + argc), tables_(tables) {}

    ParsedFlags run() {
        while (next_ < words_.size()) {
            const std::string_view word = words_[next_++];
            if (word.size() < 2 || word.front() != '-')
                throw Error(fmt::format("unexpected argument '{}': options begin with '-'", word));
            const auto name_begin = word.starts_with("--") ? 2u : 1u;
            const auto equals = word.find('=');
            const auto name = word.substr(name_begin, equals == std::string_view::npos ? equals : equals - name_begin);
            take(name, equals == std::string_view::npos ? std::nullopt : std::optional(word.substr(equals + 1)));
        }
        return std::move(result_);
    }

private:
    std::optional<Info> find(std::string_view name) const {
        const auto alias = std::ranges::find(tables_.aliases, name, &FlagAlias::spelling);
        if (alias != tables_.aliases.end()) name = alias->flag;
        Info info;
        if (!gflags::GetCommandLineFlagInfo(std::string(name).c_str(), &info)) return std::nullopt;
        if (!std::string_view(info.filename).ends_with(tables_.source_file)) return std::nullopt;
        return info;
    }

    bool value_follows() const {
        return next_ < words_.size() && (words_[next_].empty() || words_[next_].front() != '-');
    }

    void take(std::string_view name, std::optional<std::string_view> value) {
        const auto old = std::ranges::find(tables_.old, name, &OldFlag::name);
        if (old != tables_.old.end()) return take_old(*old, value.has_value());
        auto info = find(name);
        if (!info && !value && name.starts_with("no")) {
            info = find(name.substr(2));
            if (info && info->type == "bool") return set(*info, "false");
            info.reset();
        }
        if (!info) throw Error(fmt::format("unknown option '-{}'{}; -h lists all options", name, suggestion(name)));
        if (value) return set(*info, std::string(*value));
        if (info->type == "bool") return set(*info, switch_value());
        if (next_ == words_.size()) throw Error(fmt::format("option '-{}' needs a value", info->name));
        std::string text(words_[next_++]);
        while (info->name == tables_.list_flag && value_follows()) text += fmt::format(",{}", words_[next_++]);
        set(*info, text);
    }

    // A switch stands alone; scripts for Python's tool write its value behind it.
    std::string switch_value() {
        constexpr std::array kValues{"true", "false", "True", "False", "yes", "no", "1", "0"};
        if (next_ < words_.size() && std::ranges::find(kValues, words_[next_]) != kValues.end())
            return std::string(words_[next_++]);
        return "true";
    }

    void take_old(const OldFlag& old, bool has_value) {
        if (!has_value && old.takes_value && value_follows()) ++next_;
        if (!has_value && !old.takes_value) switch_value();
        result_.hints.push_back(fmt::format("option '-{}' has no effect: {}", old.name, old.hint));
    }

    void set(const Info& info, const std::string& value) {
        if (gflags::SetCommandLineOption(info.name.c_str(), value.c_str()).empty()) {
            const std::string_view wanted = info.type == "bool"     ? "true or false"
                                            : info.type == "string" ? "a text"
                                                                    : "a whole number that is not negative";
            throw Error(fmt::format("option '-{}': got '{}', wanted {}", info.name, value, wanted));
        }
        result_.given.emplace_back(info.name, value);
    }

    std::string suggestion(std::string_view name) const {
        std::vector<Info> all;
        gflags::GetAllFlags(&all);
        std::string best;
        std::size_t best_distance = kNearby + 1;
        const auto offer = [&](std::string_view candidate) {
            const auto distance = edit_distance(name, candidate);
            if (distance >= best_distance || distance >= candidate.size()) return;
            best = candidate;
            best_distance = distance;
        };
        for (const auto& info : all)
            if (find(info.name)) offer(info.name);
        for (const auto& alias : tables_.aliases) offer(alias.spelling);
        return best.empty() ? "" : fmt::format(", did you mean '-{}'", best);
    }

    std::vector<std::string_view> words_;
    const FlagTables& tables_;
    std::size_t next_ = 0;
    ParsedFlags result_;
};

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t exchanged = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({exchanged, row[j] + 1, diagonal + 1});
        }
    }
    return row[b.size()];
}

ParsedFlags parse_flags(int argc, const char* const* argv, const FlagTables& tables) {
    return Parser(argc, argv, tables).run();
}

}  // namespace octet::benchmark
