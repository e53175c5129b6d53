#include "plugins/cpu/tuning/file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

#include "plugins/cpu/blob/digest.hpp"
#include "plugins/cpu/blob/replace.hpp"
#include "plugins/cpu/kernels/onednn/kernel.hpp"

namespace octet::cpu {

namespace {

constexpr std::string_view kForm = "octet kernels 1";

// The line up to its end, which is taken off; nothing where there is none.
std::optional<std::string_view> take(std::string_view& text, char end) {
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view taken = text.substr(0, at);
    text.remove_prefix(at + 1);
    return taken;
}

std::string checksum_line(std::string_view text) { return fmt::format("checksum {:016x}\n", blob::digest(text)); }

// A line without its end.
bool read_layer(std::string_view line, MeasuredLayers& layers) {
    std::vector<std::string> fields;
    while (const auto field = take(line, '\t')) fields.emplace_back(*field);
    fields.emplace_back(line);
    if (fields.size() < 3 || fields.size() % 3 != 0) return false;
    MeasuredLayer layer{fields[1], fields[2]};
    for (std::size_t i = 3; i < fields.size(); i += 3) {
        CandidateTime time{fields[i], fields[i + 1]};
        const char* const end = fields[i + 2].data() + fields[i + 2].size();
        if (std::from_chars(fields[i + 2].data(), end, time.us).ptr != end) return false;
        layer.times.push_back(std::move(time));
    }
    return layers.emplace(fields[0], std::move(layer)).second;
}

}  // namespace

std::string owner_of(const Machine& machine, const Settings& settings) {
    return fmt::format("{} {:08x} {}{}{}{}{} caches {} {} {}, octet {}, onednn {}, {} threads", machine.name,
                       machine.signature, name_of(machine.isa), machine.vbmi ? " vbmi" : "",
                       machine.evex_dot ? " evex" : "", settings.bf16 ? " bf16" : "",
                       settings.saturates ? " saturation" : "", machine.l1_bytes, machine.l2_bytes, machine.l3_bytes,
                       OCTET_VERSION, onednn::version(), settings.threads_per_stream());
}

std::filesystem::path file_of_layers(const std::filesystem::path& folder, const std::string& owner) {
    return folder.empty() ? folder : folder / fmt::format("{:016x}.kernels", blob::digest(owner));
}

StoredLayers read_layers(const std::filesystem::path& path, const std::string& owner) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return {};
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    std::string_view text = whole;
    if (take(text, '\n') != kForm) return {{}, "is of another form, and was ignored"};
    if (take(text, '\n') != owner) return {{}, "belongs to another machine, and was ignored"};
    const std::size_t end = whole.rfind("checksum ");
    if (end == std::string::npos || whole.substr(end) != checksum_line(std::string_view(whole).substr(0, end)))
        return {{}, "is damaged, as its checksum says, and was ignored"};
    StoredLayers stored;
    text.remove_suffix(whole.size() - end);
    while (const auto line = take(text, '\n'))
        if (!read_layer(*line, stored.layers)) return {{}, "holds a line that is no layer, and was ignored"};
    return stored;
}

bool write_layers(const std::filesystem::path& path, const std::string& owner, const MeasuredLayers& layers) {
    std::string text = fmt::format("{}\n{}\n", kForm, owner);
    for (const auto& [name, layer] : layers) {
        text += fmt::format("{}\t{}\t{}", name, layer.usual, layer.choice);
        for (const CandidateTime& t : layer.times) text += fmt::format("\t{}\t{}\t{:.3f}", t.candidate, t.kernel, t.us);
        text += '\n';
    }
    text += checksum_line(text);
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    return blob::replace_file(path, [&](int file) { return blob::write_all(file, text.data(), text.size()); });
}

}  // namespace octet::cpu
