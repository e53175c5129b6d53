#include "tests/fuzz/readers.hpp"

#include <array>

#include "ir/text.hpp"
#include "ir/verify.hpp"
#include "ir/xml/xml.hpp"

namespace octet::ir {
namespace {

constexpr std::array<std::byte, 4096> kWeights{};

Graph read_either(std::string_view input) {
    if (input.starts_with('<')) return xml::read_memory(input, {kWeights.data(), kWeights.size(), nullptr});
    return parse(input);
}

}  // namespace

std::string read_any(std::string_view input) {
    try {
        const Graph graph = read_either(input);
        verify_or_throw(graph, "reading");
        return "";
    } catch (const InternalError&) {
        throw;
    } catch (const Error& e) {
        return e.what();
    }
}

}  // namespace octet::ir

// libFuzzer's entry point: whatever is not an Error of the caller's input ends the program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    octet::ir::read_any({reinterpret_cast<const char*>(data), size});
    return 0;
}
