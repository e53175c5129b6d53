// Files and arguments that make no sense: arrays with wrong headers, bodies in bodies without end, options that are none.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "samples/common/npy.hpp"
#include "tests/fuzz/isolated.hpp"
#include "tests/fuzz/readers.hpp"
#include "tests/samples/command.hpp"
#include "tests/xml/folder.hpp"
#include "tools/support/npy.hpp"

namespace octet::ir {
namespace {

std::string array_bytes(const std::filesystem::path& folder) {
    const std::array<float, 6> numbers{};
    tools::write_npy(folder / "whole.npy", Element::f32, {2, 3}, numbers.data());
    std::ifstream in(folder / "whole.npy", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string mutated_array(std::string bytes, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    static const std::vector<std::string> kPieces{"'",
                                                  "(",
                                                  ")",
                                                  "-1",
                                                  "18446744073709551616",
                                                  "4294967296, 4294967296",
                                                  "'|b1'",
                                                  "True",
                                                  ",,",
                                                  "{",
                                                  "'shape'",
                                                  "<f8",
                                                  ">f4",
                                                  "<U4",
                                                  ""};
    for (std::uint64_t n = 1 + random() % 3; n > 0 && !bytes.empty(); --n) {
        const std::size_t at = random() % std::min<std::size_t>(bytes.size(), 90);
        switch (random() % 4) {
            case 0: bytes[at] = static_cast<char>(random() % 256); break;
            case 1: bytes.erase(at, random() % 12); break;
            case 2: bytes.insert(at, kPieces[random() % kPieces.size()]); break;
            default: bytes.resize(random() % bytes.size() + 1);
        }
    }
    return bytes;
}

template <class Read>
std::string outcome(Read read) {
    try {
        read();
        return "read";
    } catch (const InternalError& e) {
        return e.what();
    } catch (const Error&) {
        return "";
    } catch (const std::exception& e) {
        return std::string("not an Error of ours: ") + e.what();
    }
}

TEST(Arrays, MutationsEndInErrors) {
    const TemporaryFolder folder;
    const std::string whole = array_bytes(folder.path);
    const auto file = folder.path / "mutated.npy";
    const auto check = [&](std::uint64_t seed) -> std::string {
        std::ofstream(file, std::ios::binary) << mutated_array(whole, seed);
        for (const std::string& wrong :
             {outcome([&] { tools::read_npy(file); }), outcome([&] { samples::read_npy(file); })})
            if (!wrong.empty() && wrong != "read") return wrong;
        return "";
    };
    for (const std::string& wrong : run_isolated(0, 4000, check)) ADD_FAILURE() << wrong;
}

std::string repeated(std::string_view text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
}

// What nests is refused at some depth, before memory or the stack ends.
TEST(Readers, DeepNestingIsRefused) {
    const auto check = [](std::uint64_t i) -> std::string {
        constexpr std::size_t kDeep = 200000;
        const std::vector<std::string> texts{
            repeated("i : f32[] = if(i) then_body={", kDeep),
            repeated("c : boolean[] = constant() value=boolean[]{1}\ni : f32[] = if(c) then_body={\n", kDeep),
            repeated("<a>", kDeep),
            "<net name=\"m\" version=\"11\"><layers>" +
                repeated("<layer id=\"0\" name=\"l\" type=\"TensorIterator\" version=\"opset1\"><body><layers>", kDeep),
            repeated("[", kDeep),
            "x : f32" + repeated("[", kDeep),
            "x : f32[" + repeated("1,", kDeep) + "1] = parameter() shape=[" + repeated("1,", kDeep) + "1]"};
        const std::string message = read_any(texts[i]);
        return message.find('\n') == std::string::npos ? "" : "not a sentence: " + message.substr(0, 200);
    };
    for (const std::string& wrong : run_isolated(0, 7, check, {.seconds = 20})) ADD_FAILURE() << wrong;
}

TEST(Readers, TheDepthOfBodiesIsLimited) {
    std::string text;
    for (int i = 0; i < 100; ++i)
        text += "c : boolean[] = constant() value=boolean[]{1}\ni : f32[] = if(c) then_body={\n";
    EXPECT_EQ(read_any(text), "line 34: bodies are nested more than 16 deep");
}

struct Garbage {
    std::string program;
    std::vector<std::string> options;  // the program has them
    std::vector<std::string> first;    // arguments before the others
};

class Options : public testing::TestWithParam<Garbage> {};

// Words that are no options end a program with a message and a status, never with a signal.
TEST_P(Options, GarbageIsRefused) {
    const TemporaryFolder folder;
    static const std::vector<std::string> kValues{"",
                                                  "-1",
                                                  "99999999999999999999",
                                                  "nan",
                                                  "1e400",
                                                  "--",
                                                  "-",
                                                  "=",
                                                  "a=b=c",
                                                  "[1,2",
                                                  "x[?,3,0]",
                                                  "\xff\xfe",
                                                  "CPU:",
                                                  "CPU,,CPU",
                                                  "MULTI:CPU",
                                                  "/dev/null",
                                                  "/",
                                                  "x:[1,?,]",
                                                  "{\"CPU\":",
                                                  std::string(5000, 'a')};
    std::mt19937 random(7);
    for (int i = 0; i < 60; ++i) {
        std::vector<std::string> words = GetParam().first;
        for (std::size_t n = 1 + random() % 4; n > 0; --n) {
            const std::string& option = GetParam().options[random() % GetParam().options.size()];
            const std::string& value = kValues[random() % kValues.size()];
            if (random() % 3 == 0) words.push_back(option + "=" + value);
            else words.insert(words.end(), {option, value});
        }
        const samples::Outcome outcome = samples::run_program(GetParam().program, words, folder.path);
        std::string line;
        for (const std::string& word : words) line += " '" + word.substr(0, 40) + "'";
        ASSERT_GE(outcome.exit_code, 0) << GetParam().program << line;
        ASSERT_LE(outcome.exit_code, 126) << GetParam().program << line;
        ASSERT_TRUE(outcome.exit_code == 0 || !outcome.errors.empty() || !outcome.output.empty())
            << GetParam().program << line;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Programs, Options,
    testing::Values(Garbage{"benchmark_app",
                            {"-m",        "-d",           "-i",           "-shape", "-data_shape", "-b",       "-nireq",
                             "-nstreams", "-niter",       "-t",           "-hint",  "-layout",     "-ip",      "-op",
                             "-iop",      "-load_config", "-report_type", "-pin",   "-nthreads",   "--unknown"},
                            {"-m", "missing.xml"}},
                    Garbage{"octet", {"--input", "--output-dir", "-d", "--feed", "--unknown"}, {"run", "missing.xml"}},
                    Garbage{"octet",
                            {"--pipeline", "-o", "--stop-after", "--disable", "--tolerance", "--seed", "--device",
                             "--tries", "--elide"},
                            {"opt", "missing.txt"}},
                    Garbage{"octet", {"--threads", "--streams", "--seconds", "-d", "--json"}, {"bench", "missing.xml"}},
                    Garbage{"octet", {"run", "opt", "dump", "explain", "--help", "--version", "example-model"}, {}}));

}  // namespace
}  // namespace octet::ir
