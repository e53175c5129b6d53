// Files of packed weights and generated code: what they hold comes back, whatever does not fit is ignored and made anew.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <octet/error.hpp>
#include <set>

#include "plugins/cpu/blob/digest.hpp"
#include "plugins/cpu/blob/file.hpp"
#include "plugins/cpu/executable.hpp"
#include "tests/cpu/support.hpp"
#include "tests/xml/folder.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;
namespace fs = std::filesystem;

std::string contents_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void overwrite(const fs::path& path, const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
}

TEST(Digest, EveryBitAndTheLengthCount) {
    std::string text(200, 'x');
    const auto whole = blob::digest(text);
    EXPECT_EQ(whole, blob::digest(text));
    EXPECT_NE(whole, blob::digest(text, 1));
    EXPECT_NE(whole, blob::digest(text + std::string(1, '\0')));
    for (char& c : text)
        for (int bit = 0; bit < 8; ++bit) {
            c = static_cast<char>(c ^ (1 << bit));
            ASSERT_NE(whole, blob::digest(text));
            c = static_cast<char>(c ^ (1 << bit));
        }
}

constexpr blob::Key kKey{11, 22};

blob::Contents some_contents() {
    blob::Contents contents;
    contents.plan = 7;
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{0}, std::size_t{70000}}) {
        contents.blocks.push_back(packed_memory(bytes));
        std::fill_n(contents.blocks.back().get(), bytes, static_cast<std::byte>(bytes));
    }
    contents.kernels = {{"a", 0}, {"of a longer name", 64}};
    contents.code.assign(130, 0xC3);
    return contents;
}

struct BlobFile : public ::testing::Test {
    BlobFile() { EXPECT_TRUE(blob::write(path, kKey, some_contents())); }
    bool readable(const blob::Key& key = kKey) const { return blob::read(path, key, 2).has_value(); }
    const TemporaryFolder folder;
    const fs::path path = folder.path / "plan.blob";
};

TEST_F(BlobFile, GivesBackWhatWasWritten) {
    const blob::Contents wanted = some_contents();
    const auto got = blob::read(path, kKey, 2);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->plan, wanted.plan);
    EXPECT_EQ(got->kernels, wanted.kernels);
    EXPECT_EQ(got->code, wanted.code);
    ASSERT_EQ(got->blocks.size(), wanted.blocks.size());
    for (std::size_t i = 0; i < wanted.blocks.size(); ++i) {
        const PackedMemory &a = wanted.blocks[i], &b = got->blocks[i];
        ASSERT_EQ(a.bytes, b.bytes);
        EXPECT_TRUE(b.filled);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.get()) % 64, 0u);
        EXPECT_TRUE(std::equal(a.get(), a.get() + a.bytes, b.get()));
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1) << "nothing is left beside it";
}

TEST_F(BlobFile, WritingToWhatWasReadDoesNotReachTheFile) {
    const std::string before = contents_of(path);
    const auto got = blob::read(path, kKey, 1);
    ASSERT_TRUE(got);
    *got->blocks[0].get() = std::byte{1};
    EXPECT_EQ(contents_of(path), before);
}

TEST_F(BlobFile, IsReadForItsKeyOnly) {
    EXPECT_TRUE(readable());
    EXPECT_FALSE(readable({11, 23}));
    EXPECT_FALSE(readable({12, 22}));
    EXPECT_FALSE(blob::read(folder.path / "other.blob", kKey, 1));
    EXPECT_FALSE(blob::read(folder.path, kKey, 1));
}

TEST_F(BlobFile, OfOthersIsIgnored) {
    fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
    EXPECT_FALSE(readable()) << "it holds code, which others could have written";
    fs::permissions(path, fs::perms::group_write, fs::perm_options::remove);
    EXPECT_TRUE(readable());
    fs::create_symlink(path, folder.path / "link.blob");
    EXPECT_FALSE(blob::read(folder.path / "link.blob", kKey, 1));
}

TEST_F(BlobFile, CannotBeWrittenWhereThereIsNoFolder) {
    EXPECT_FALSE(blob::write(folder.path / "missing" / "plan.blob", kKey, some_contents()));
}

// Of a file that was mutated nothing is believed, unless the change hit what lies between blocks. OCTET_FUZZ_ROUNDS: more of them.
TEST_F(BlobFile, EveryDamageIsNoticed) {
    const std::string whole = contents_of(path);
    const auto wanted = blob::read(path, kKey, 1);
    const auto expect_sound = [&](const std::string& damaged) {
        fs::remove(path);
        overwrite(path, damaged);
        fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
        const auto got = blob::read(path, kKey, 1);
        if (!got) return;
        ASSERT_EQ(damaged.size(), whole.size());
        ASSERT_EQ(got->code, wanted->code);
        for (std::size_t i = 0; i < wanted->blocks.size(); ++i)
            ASSERT_TRUE(std::equal(wanted->blocks[i].get(), wanted->blocks[i].get() + wanted->blocks[i].bytes,
                                   got->blocks[i].get()));
    };
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{100},
                                     whole.size() / 2, whole.size() - 1})
        expect_sound(whole.substr(0, length));
    expect_sound(whole + "x");
    for (std::size_t at = 0; at < 600; ++at) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
        expect_sound(damaged);
    }
    std::mt19937 random(1);
    const char* rounds = std::getenv("OCTET_FUZZ_ROUNDS");
    for (int left = rounds ? std::atoi(rounds) : 300; left > 0; --left) {
        std::string damaged = whole;
        for (unsigned n = random() % 8 + 1; n > 0; --n)
            damaged[random() % (random() % 2 ? 700 : damaged.size())] = static_cast<char>(random());
        if (random() % 4 == 0) damaged.resize(random() % damaged.size());
        expect_sound(damaged);
    }
}

// A first convolution, one of each kind below it, a product.
Graph network(unsigned seed) {
    Graph graph;
    Edit edit(graph);
    const auto weights = [&](const Dims& dims) {
        const Dims one(dims.size(), 1);
        return edit.add(Dequantize{numbers(one, {0.5f}), numbers(one, {0}), Element::f32},
                        {edit.constant(random_tensor({Element::i8, Shape(dims)}, seed, -128, 127))});
    };
    const auto quantized = [&](Value x, float high) {
        const Value low = edit.constant(Tensor::scalar(0.0f)), top = edit.constant(Tensor::scalar(high));
        return edit.add(FakeQuantize{}, {x, low, top, low, top});
    };
    const std::vector<std::int64_t> one{1, 1};
    Value x = edit.add(Parameter{Element::f32, Shape{1, 3, 12, 12}, {}}, {});
    x = edit.add(Convolution{one, one, one, one}, {quantized(x, 2), weights({32, 3, 3, 3})});
    x = edit.add(GroupConvolution{one, one, one, one}, {quantized(x, 300), weights({32, 1, 1, 3, 3})});
    x = edit.add(Convolution{one, {0, 0}, {0, 0}, one}, {quantized(x, 9000), weights({64, 32, 1, 1})});
    x = edit.add(Convolution{one, one, one, one}, {quantized(x, 90000), weights({64, 64, 3, 3})});
    x = edit.add(Reshape{}, {quantized(x, 9e6f), edit.constant(Tensor::vector(std::vector<std::int64_t>{144, -1}))});
    edit.add(Result{}, {edit.add(MatMul{}, {x, weights({64, 50})})});
    return graph;
}

class Sink final : public OutputSink {
public:
    void* output(std::size_t, Element element, const Dims& dims) override {
        tensor = Tensor(element, dims);
        return tensor.write_raw().data();
    }
    Tensor tensor;
};

struct Outcome {
    bool from_cache = false;
    Tensor output;
};

Outcome run(const Graph& graph, const fs::path& folder, int threads = 1) {
    Settings settings;
    settings.streams = 1;
    settings.threads = threads;
    settings.cache_dir = folder.string();
    const auto executable = std::make_shared<CpuExecutable>(graph, detect_machine(), settings);
    Tensor data = random_tensor({Element::f32, Shape{1, 3, 12, 12}}, 5, 0, 100, 50);
    const HostTensor input{Element::f32, {1, 3, 12, 12}, const_cast<std::byte*>(data.data())};
    Sink sink;
    executable->create_execution()->infer({&input, 1}, sink, 0);
    return {executable->properties().at("LOADED_FROM_CACHE") == "YES", std::move(sink.tensor)};
}

std::vector<fs::path> files(const fs::path& folder) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path());
    return all;
}

TEST(Blob, TheNextCompilationFindsItsWeights) {
    const TemporaryFolder folder;
    const fs::path cache = folder.path / "made" / "here";
    const Outcome cold = run(network(1), cache);
    EXPECT_FALSE(cold.from_cache);
    ASSERT_EQ(files(cache).size(), 1u);
    const std::string written = contents_of(files(cache)[0]);
    const Outcome warm = run(network(1), cache);
    EXPECT_TRUE(warm.from_cache);
    EXPECT_EQ(cold.output, warm.output);
    EXPECT_EQ(contents_of(files(cache)[0]), written);

    EXPECT_FALSE(run(network(2), cache).from_cache) << "other weights";
    EXPECT_FALSE(run(network(1), cache, 2).from_cache) << "another number of threads";
    EXPECT_EQ(files(cache).size(), 3u);
}

TEST(Blob, WhatDoesNotFitIsReplaced) {
    const TemporaryFolder folder;
    const Outcome cold = run(network(1), folder.path);
    const fs::path file = files(folder.path).at(0);
    const std::string good = contents_of(file);
    std::string damaged = good;
    const std::size_t last = good.find_last_not_of('\0');  // what follows is padding, which no one reads
    damaged[last] = static_cast<char>(damaged[last] ^ 1);
    for (const std::string& bad : {damaged, good.substr(0, 1000), std::string("something else")}) {
        overwrite(file, bad);
        const Outcome again = run(network(1), folder.path);
        EXPECT_FALSE(again.from_cache);
        EXPECT_EQ(again.output, cold.output);
        EXPECT_TRUE(contents_of(file) == good) << "made anew, the same";
    }
    EXPECT_TRUE(run(network(1), folder.path).from_cache);
}

TEST(Blob, SettingsThatChangeKernelsHaveFilesOfTheirOwn) {
    Settings settings;
    const auto key = [&] { return blob::key_of(network(1), settings, detect_machine()); };
    std::vector<blob::Key> keys{key()};
    settings.saturates = true;
    keys.push_back(key());
    settings.bf16 = true;
    keys.push_back(key());
    settings.threads = 2;
    keys.push_back(key());
    EXPECT_EQ(std::set(keys.begin(), keys.end()).size(), keys.size());
}

TEST(Blob, OfAnotherPlanIsNotBelieved) {
    const TemporaryFolder folder;
    const Outcome cold = run(network(1), folder.path);
    const fs::path file = files(folder.path).at(0);
    // A file that is sound and says it is of this key, but whose blocks are another plan's.
    Settings settings;
    settings.streams = settings.threads = 1;
    const blob::Key key = blob::key_of(network(1), settings, detect_machine());
    ASSERT_EQ(blob::name_of(key) + ".blob", file.filename().string());
    auto contents = blob::read(file, key, 1);
    ASSERT_TRUE(contents);
    std::vector<blob::Contents> all_wrong{*contents};
    ++all_wrong[0].plan;
    if (!contents->blocks.empty()) {  // some kernels pack nothing
        all_wrong.push_back(*contents);
        all_wrong[1].blocks.pop_back();
    }
    for (const blob::Contents& wrong : all_wrong) {
        ASSERT_TRUE(blob::write(file, key, wrong));
        const Outcome again = run(network(1), folder.path);
        EXPECT_FALSE(again.from_cache);
        EXPECT_EQ(again.output, cold.output);
    }
}

TEST(Blob, AFolderIsWanted) {
    const TemporaryFolder folder;
    const fs::path file = folder.write("file", "");
    try {
        run(network(1), file);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.what(), "property 'CACHE_DIR': '" + file.string() + "' is no folder and cannot be made one");
    }
}

}  // namespace
}  // namespace octet::cpu::testing
