#include "tests/samples/command.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace octet::samples {

namespace fs = std::filesystem;

namespace {

std::string contents(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// In the child: standard output and error go into files.
void redirect(int descriptor, const fs::path& file) {
    const int target = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(target, descriptor);
    ::close(target);
}

// In the child: does not return.
[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const fs::path& folder) {
    std::vector<std::string> words{(fs::path(OCTET_PROGRAMS) / program).string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (::chdir(folder.c_str()) == 0) ::execv(argv[0], argv.data());
    ::_exit(127);
}

int exit_code_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

fs::path new_folder() {
    std::string name = (fs::temp_directory_path() / "octet-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return name;
}

// The ports of a layer, and the dimensions they have.
std::string port(const std::string& kind, int id, const std::string& shape) {
    std::string text = "<" + kind + "><port id=\"" + std::to_string(id) + "\" precision=\"FP32\">";
    std::istringstream parts(shape);
    for (std::string extent; std::getline(parts, extent, ',');)
        text += "<dim>" + (extent == "?" ? "-1" : extent) + "</dim>";
    return text + "</port></" + kind + ">";
}

}  // namespace

Outcome run_program(const std::string& program, const std::vector<std::string>& arguments, const fs::path& folder) {
    const fs::path logs = new_folder();
    const pid_t child = ::fork();
    if (child == 0) {
        redirect(STDOUT_FILENO, logs / "out");
        redirect(STDERR_FILENO, logs / "err");
        become(program, arguments, folder);
    }
    const int code = exit_code_of(child);
    Outcome outcome{code, contents(logs / "out"), contents(logs / "err")};
    fs::remove_all(logs);
    return outcome;
}

Outcome run_on_terminal(const std::string& program, const std::vector<std::string>& arguments, const fs::path& folder) {
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child < 0) throw std::runtime_error("no terminal");
    if (child == 0) become(program, arguments, folder);
    Outcome outcome;
    std::array<char, 4096> buffer{};
    // The other end's close shows as an error.
    for (ssize_t got = 0; (got = ::read(terminal, buffer.data(), buffer.size())) > 0;)
        outcome.output.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(terminal);
    outcome.exit_code = exit_code_of(child);
    return outcome;
}

ModelFolder::ModelFolder() : path(new_folder()) { write("model.xml", small_model()); }

ModelFolder::~ModelFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

fs::path ModelFolder::write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
}

std::string ModelFolder::read(const std::string& name) const { return contents(path / name); }

std::vector<std::string> ModelFolder::names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        result.push_back(fs::relative(entry.path(), path).string());
    std::ranges::sort(result);
    return result;
}

std::string small_model(const std::string& shape) {
    const auto in = port("input", 0, shape);
    const auto out = [&](int id) { return port("output", id, shape); };
    return "<?xml version=\"1.0\"?>\n<net name=\"small\" version=\"11\"><layers>"
           "<layer id=\"0\" name=\"data\" type=\"Parameter\" version=\"opset1\"><data shape=\"" +
           shape + "\" element_type=\"f32\"/>" + out(0) +
           "</layer>"
           "<layer id=\"1\" name=\"first\" type=\"ReLU\" version=\"opset1\">" +
           in + out(1) +
           "</layer>"
           "<layer id=\"2\" name=\"sec;ond\" type=\"Sigmoid\" version=\"opset1\">" +
           in + out(1) +
           "</layer>"
           "<layer id=\"3\" name=\"out\" type=\"Result\" version=\"opset1\">" +
           in +
           "</layer></layers><edges>"
           "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/>"
           "<edge from-layer=\"1\" from-port=\"1\" to-layer=\"2\" to-port=\"0\"/>"
           "<edge from-layer=\"2\" from-port=\"1\" to-layer=\"3\" to-port=\"0\"/></edges></net>\n";
}

std::string picture(int width, int height) {
    std::string text = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    for (int i = 0; i < width * height; ++i)
        text += i % width < width / 2 ? std::string(3, '\0') : std::string("\x10\x80\xf0");
    return text;
}

}  // namespace octet::samples
