#pragma once
// The file of measured layers: text, one line a layer.
//
//   octet kernels 1
//   AMD EPYC 00a10f11 avx512_vnni ..., octet 0.1.0, onednn 3.2.0, 2 threads        whose times these are
//   LAYER <tab> usual candidate <tab> choice { <tab> candidate <tab> kernel <tab> us }
//   checksum 0123456789abcdef                                                      of all that is above
#include <filesystem>

#include "plugins/cpu/machine.hpp"
#include "plugins/cpu/settings.hpp"
#include "plugins/cpu/tuning/choices.hpp"

namespace octet::cpu {

// What times depend on beside the layer, in one line: processor, instruction sets, libraries, threads.
std::string owner_of(const Machine& machine, const Settings& settings);

// A file of its own in this folder for each owner; empty where there is no folder.
std::filesystem::path file_of_layers(const std::filesystem::path& folder, const std::string& owner);

struct StoredLayers {
    MeasuredLayers layers = {};
    std::string damage = {};  // why the file that there is was not believed: "is damaged: its checksum is another"
};
StoredLayers read_layers(const std::filesystem::path& path, const std::string& owner);

// All or nothing; false where that is not possible. The folder is made if need be.
bool write_layers(const std::filesystem::path& path, const std::string& owner, const MeasuredLayers& layers);

}  // namespace octet::cpu
