#pragma once
// Runs `octet` as a user does, in a folder of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "ir/text.hpp"
#include "ir/xml/xml.hpp"
#include "tests/xml/folder.hpp"
#include "tools/support/files.hpp"

namespace octet::tools {

extern const char* const kProgram;  // the path of octet

struct Answer {
    int status = 0;
    std::string out;
    std::string error;
};

class ProgramTest : public testing::Test {
protected:
    // `arguments` as a shell takes them; files are those of the test's folder.
    Answer octet(const std::string& arguments) const {
        const auto out = folder / ".out", error = folder / ".error";
        const std::string command = "cd '" + folder.string() + "' && '" + kProgram + "' " + arguments + " >'" +
                                    out.string() + "' 2>'" + error.string() + "'";
        const int status = std::system(command.c_str());
        Answer answer{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(error)};
        std::filesystem::remove(out);
        std::filesystem::remove(error);
        return answer;
    }

    std::set<std::string> files(const std::string& below = ".") const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder / below))
            names.insert(entry.path().filename().string());
        return names;
    }

    void write_text(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
    void write_model(const std::string& name, const std::string& text) const {
        ir::xml::write(ir::parse(text), folder / name);
    }

    ir::TemporaryFolder temporary;
    const std::filesystem::path& folder = temporary.path;
};

// Two inputs, an inner layer, one output.
inline const std::string kSum = R"(
a : f32[1,3] = parameter() shape=[1,3]
b : f32[1,3] = parameter() shape=[1,3]
sum : f32[1,3] = add(a, b)
y : f32[1,3] = relu(sum)
out : f32[1,3] = result(y)
)";

}  // namespace octet::tools
