#include "plugins/cpu/blob/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <span>

#include "ir/support/descriptor.hpp"
#include "plugins/cpu/blob/digest.hpp"
#include "plugins/cpu/blob/replace.hpp"
#include "plugins/cpu/pool.hpp"

namespace octet::cpu::blob {
namespace {

using Word = std::uint64_t;
using Header = std::array<Word, 8>;

constexpr Word kMagic = 0x0001'424F'4C42'544F;  // "OTBLOB" and the version of this form
constexpr std::size_t kPage = 4096;

constexpr std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

std::span<const std::byte> bytes_of(const Header& header) { return std::as_bytes(std::span(header)); }
Word digest_of(const Header& header) { return digest(bytes_of(header).first(sizeof(Header) - sizeof(Word))); }

class Tables {
public:
    void word(Word w) { bytes(&w, sizeof(w)); }
    void bytes(const void* data, std::size_t count) {
        if (count == 0) return;
        const std::size_t at = data_.size();
        data_.resize(at + rounded_up(count, sizeof(Word)));
        std::memcpy(data_.data() + at, data, count);
    }
    std::span<const std::byte> get() const { return data_; }

private:
    std::vector<std::byte> data_;
};

// Reads what Tables wrote; past the end it fails and gives zeros.
class TableReader {
public:
    explicit TableReader(std::span<const std::byte> data) : rest_(data) {}
    Word word() {
        Word w = 0;
        if (const auto from = bytes(sizeof(w)); !from.empty()) std::memcpy(&w, from.data(), sizeof(w));
        return w;
    }
    std::span<const std::byte> bytes(Word count) {
        if (count > rest_.size() || rounded_up(count, sizeof(Word)) > rest_.size()) {
            good_ = false;
            rest_ = {};
        }
        if (!good_) return {};
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(rounded_up(count, sizeof(Word)));
        return taken;
    }
    bool good() const { return good_; }
    bool at_end() const { return good_ && rest_.empty(); }

private:
    std::span<const std::byte> rest_;
    bool good_ = true;
};

Tables tables_of(const Contents& contents) {
    Tables tables;
    tables.word(contents.blocks.size());
    for (const PackedMemory& block : contents.blocks) {
        tables.word(block.bytes);
        tables.word(digest({block.get(), block.bytes}));
    }
    tables.word(contents.kernels.size());
    for (const auto& [name, offset] : contents.kernels) {
        tables.word(offset);
        tables.word(name.size());
        tables.bytes(name.data(), name.size());
    }
    tables.word(contents.code.size());
    tables.bytes(contents.code.data(), contents.code.size());
    return tables;
}

std::size_t first_block(std::size_t table_bytes) { return rounded_up(sizeof(Header) + table_bytes, kPage); }

bool write_padding(int fd, std::size_t count) {
    static constexpr std::array<char, kPage> kZeros{};
    return write_all(fd, kZeros.data(), count);
}

bool write_contents(int fd, const Key& key, const Contents& contents) {
    const Tables tables = tables_of(contents);
    const std::size_t table_bytes = tables.get().size(), begin = first_block(table_bytes);
    std::size_t end = begin;
    for (const PackedMemory& block : contents.blocks) end += packed_step(block.bytes);
    Header header{kMagic, key[0], key[1], contents.plan, table_bytes, digest(tables.get()), end, 0};
    header.back() = digest_of(header);
    bool good = write_all(fd, header.data(), sizeof(header)) && write_all(fd, tables.get().data(), table_bytes) &&
                write_padding(fd, begin - sizeof(header) - table_bytes);
    for (const PackedMemory& block : contents.blocks)
        good = good && write_all(fd, block.get(), block.bytes) &&
               write_padding(fd, packed_step(block.bytes) - block.bytes);
    return good;
}

// The whole file, or null where it is not to be trusted.
std::shared_ptr<std::byte> mapped(const std::filesystem::path& path, std::size_t& size) {
    const ir::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
    // It holds code that will run.
    const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
    if (!ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return nullptr;
    size = static_cast<std::size_t>(status.st_size);
    if (size < sizeof(Header)) return nullptr;
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
    if (memory == MAP_FAILED) return nullptr;
    return {static_cast<std::byte*>(memory), [size](std::byte* data) { ::munmap(data, size); }};
}

struct Block {
    PackedMemory memory;
    Word digest = 0;
};

// From the tables; nothing where they contradict each other or the size of the file.
std::optional<std::vector<Block>> read_tables(TableReader& tables, const std::shared_ptr<std::byte>& file,
                                              std::size_t begin, std::size_t size, Contents& contents) {
    std::vector<Block> blocks;
    std::size_t at = begin;
    for (Word left = tables.word(); left > 0 && tables.good(); --left) {
        const Word bytes = tables.word(), wanted = tables.word();
        if (bytes > size || packed_step(bytes) > size - at) return std::nullopt;
        blocks.push_back({{{file, file.get() + at}, bytes, true}, wanted});
        at += packed_step(bytes);
    }
    for (Word left = tables.word(); left > 0 && tables.good(); --left) {
        const Word offset = tables.word();
        const auto name = tables.bytes(tables.word());
        contents.kernels[std::string(reinterpret_cast<const char*>(name.data()), name.size())] = offset;
    }
    const auto code = tables.bytes(tables.word());
    if (!tables.at_end() || at != size) return std::nullopt;
    const auto* first = reinterpret_cast<const std::uint8_t*>(code.data());
    contents.code.assign(first, first + code.size());
    for (const auto& [name, offset] : contents.kernels)
        if (offset >= contents.code.size()) return std::nullopt;
    return blocks;
}

bool all_good(const std::vector<Block>& blocks, int threads) {
    constexpr std::size_t kWorthThreads = std::size_t{4} << 20;
    std::size_t bytes = 0;
    for (const Block& block : blocks) bytes += block.memory.bytes;
    ThreadPool pool(bytes < kWorthThreads ? 1 : threads);
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> good = true;
    pool.parallel(static_cast<std::size_t>(pool.threads()), [&](std::size_t, std::size_t, int) {
        for (std::size_t i = next++; i < blocks.size() && good; i = next++) {
            const PackedMemory& memory = blocks[i].memory;
            if (digest({memory.get(), memory.bytes}) != blocks[i].digest) good = false;
        }
    });
    return good;
}

}  // namespace

std::optional<Contents> read(const std::filesystem::path& path, const Key& key, int threads) {
    std::size_t size = 0;
    const std::shared_ptr<std::byte> file = mapped(path, size);
    if (!file) return std::nullopt;
    Header header;
    std::memcpy(header.data(), file.get(), sizeof(header));
    const auto& [magic, key0, key1, plan, table_bytes, table_digest, file_bytes, header_digest] = header;
    if (magic != kMagic || key0 != key[0] || key1 != key[1] || header_digest != digest_of(header)) return std::nullopt;
    if (file_bytes != size || table_bytes > size || first_block(table_bytes) > size) return std::nullopt;
    const std::span<const std::byte> tables(file.get() + sizeof(Header), table_bytes);
    if (digest(tables) != table_digest) return std::nullopt;
    Contents contents;
    contents.plan = plan;
    TableReader reader(tables);
    const auto blocks = read_tables(reader, file, first_block(table_bytes), size, contents);
    if (!blocks || !all_good(*blocks, threads)) return std::nullopt;
    for (const Block& block : *blocks) contents.blocks.push_back(block.memory);
    return contents;
}

bool write(const std::filesystem::path& path, const Key& key, const Contents& contents) {
    return replace_file(path, [&](int file) { return write_contents(file, key, contents); });
}

}  // namespace octet::cpu::blob
