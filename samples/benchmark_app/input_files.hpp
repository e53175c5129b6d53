#pragma once
// What goes into the inputs: files, or random numbers.
#include <filesystem>
#include <map>
#include <octet/model.hpp>
#include <octet/tensor.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace octet::benchmark {

// Gives tensors their contents.
class InputFiles {
public:
    // `text`: "a.npy,b.npy" for every input, or "input:a.npy,b.npy,other:c.bin"; folders stand for the files in them. At most
    // 20 files of an input are used. Throws Error for a name that no input has, and for a file that is not there.
    InputFiles(std::string_view text, const std::vector<Port>& inputs);

    // The tensor of an input for the request of this number: files are taken in turn, each item of a batch from the next. Throws Error
    // where a file does not fit the input, naming both.
    Tensor tensor(const Port& input, std::size_t request) const;
    // What `tensor` does, in words: "random (image is expected)", file names.
    std::string describe(const Port& input, std::size_t request) const;
    bool any() const { return !files_.empty(); }

private:
    const std::vector<std::filesystem::path>* files_of(const Port& input) const;
    std::map<std::size_t, std::vector<std::filesystem::path>> files_;
};

}  // namespace octet::benchmark
