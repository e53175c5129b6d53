#pragma once
// Running a program of the build and reading what it prints.
#include <filesystem>
#include <string>
#include <vector>

namespace octet::samples {

struct Outcome {
    int exit_code = -1;  // negative for the signal that ended it
    std::string output;
    std::string errors;
};

// `program`: a name in the folder of built programs; `folder`: where it runs.
Outcome run_program(const std::string& program, const std::vector<std::string>& arguments,
                    const std::filesystem::path& folder);

// The same with a terminal as standard output; output and errors come together, lines end with "\r\n".
Outcome run_on_terminal(const std::string& program, const std::vector<std::string>& arguments,
                        const std::filesystem::path& folder);

// A folder with a model in it, gone with the object.
class ModelFolder {
public:
    ModelFolder();
    ~ModelFolder();
    ModelFolder(const ModelFolder&) = delete;
    ModelFolder& operator=(const ModelFolder&) = delete;

    std::filesystem::path write(const std::string& name, const std::string& contents) const;
    std::string read(const std::string& name) const;
    std::vector<std::string> names() const;  // of all files, folders included, in order

    std::filesystem::path path;
};

// f32 [1,3,8,8] -> ReLU `first` -> Sigmoid `sec;ond` (a delimiter of CSV is in its name) -> f32 [1,3,8,8]
std::string small_model(const std::string& shape = "1,3,8,8");

// A picture in PPM: half black, half of one colour.
std::string picture(int width, int height);

}  // namespace octet::samples
