#pragma once
// A file that holds what a plan had made of its weights, so that the next one for the same key need not make it again.
//
//   header   8 words: magic and version, key (2), what the plan was like, bytes and digest of the tables, bytes of the file,
//            digest of the words before
//   tables   blocks: count, then bytes and digest of each; kernels: count, then offset, bytes and characters of each name;
//            code: bytes and contents. All numbers are words of 64 bits, texts are padded to words.
//   blocks   from the next page on, each at the next cache line
//
// Nothing in it is trusted before its digest was checked.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugins/cpu/blob/key.hpp"
#include "plugins/cpu/kernels/packed_memory.hpp"

namespace octet::cpu::blob {

struct Contents {
    std::uint64_t plan = 0;            // tells plans apart
    std::vector<PackedMemory> blocks;  // in the order in which they were asked for
    std::map<std::string, std::size_t> kernels;
    std::vector<std::uint8_t> code;
};

// The file's contents, its blocks mapped: processes that read the same file share the pages until they write to them, which changes
// none but their own. Nothing where the file is missing, damaged, of another version or key, or could have been written by another user
// than this one or root. Blocks are checked by `threads` threads.
std::optional<Contents> read(const std::filesystem::path& path, const Key& key, int threads);

// Readers see nothing or all (replace.hpp). False where that is not possible.
bool write(const std::filesystem::path& path, const Key& key, const Contents& contents);

}  // namespace octet::cpu::blob
