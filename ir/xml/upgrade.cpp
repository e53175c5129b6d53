#include "ir/xml/upgrade.hpp"

#include <algorithm>

namespace octet::ir::xml {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

struct Table {
    std::unordered_map<std::string, std::vector<const Row*>>
        by_type;  // types in lower case: the file's spelling varies
    std::unordered_map<std::uint64_t, const Row*> by_op;

    Table() {
        for (const auto family :
             {rows::activation(), rows::attention(), rows::binary(), rows::control(), rows::convolution(),
              rows::detection(), rows::movement(), rows::normalization(), rows::recurrent(), rows::reduction()})
            for (const Row& row : family) {
                by_type[lower(row.type)].push_back(&row);
                if (!row.written) continue;
                check(by_op.emplace(row.op->id, &row).second, "'{}' is written in two forms", row.op->name);
            }
    }
};

const Table& table() {
    static const Table instance;
    return instance;
}

}  // namespace

const Row* row_to_read(std::string_view type, int opset) {
    const auto found = table().by_type.find(lower(type));
    if (found == table().by_type.end() || opset > kLastOpset) return nullptr;
    const Row* best = nullptr;
    for (const Row* row : found->second)
        if (row->since <= opset && (!best || row->since > best->since)) best = row;
    return best;
}

const Row* row_to_write(const OpDef& op) {
    const auto found = table().by_op.find(op.id);
    return found == table().by_op.end() ? nullptr : found->second;
}

Name name_of_field(const Row& row, std::string_view field) {
    const auto found = std::ranges::find(row.names.all, field, &Name::field);
    return found == row.names.all.end() ? Name{field, field} : *found;
}

}  // namespace octet::ir::xml
