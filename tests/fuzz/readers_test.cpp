// Broken models end in an Error, never in anything else: mutations of small models from fixed seeds.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <random>

#include "tests/fuzz/readers.hpp"

namespace octet::ir {
namespace {

constexpr std::string_view kConvolution = R"(<?xml version="1.0"?>
<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,3,8,8" element_type="f32"/><output><port id="0" precision="FP32" names="x,in\,put"><dim>1</dim><dim>3</dim><dim>8</dim><dim>8</dim></port></output></layer>
<layer id="1" name="w" type="Const" version="opset1"><data element_type="i8" shape="4,3,3,3" offset="1" size="108"/><output><port id="0" precision="I8"><dim>4</dim><dim>3</dim><dim>3</dim><dim>3</dim></port></output></layer>
<layer id="2" name="w32" type="Convert" version="opset1"><data destination_type="f32"/><input><port id="0"/></input><output><port id="1"/></output></layer>
<layer id="3" name="y" type="Convolution" version="opset1"><data strides="2, 2" pads_begin="1,1" pads_end="0,1" dilations="1,1" auto_pad="explicit"/><input><port id="0"/><port id="1"/></input><output><port id="2" precision="FP32"><dim>1</dim><dim>4</dim><dim>4</dim><dim>4</dim></port></output></layer>
<layer id="4" name="p" type="MaxPool" version="opset8"><data strides="2,2" dilations="1,1" pads_begin="0,0" pads_end="0,0" kernel="2,2" rounding_type="ceil" auto_pad="valid" index_element_type="i64" axis="0"/><input><port id="0"/></input><output><port id="1"/><port id="2"/></output></layer>
<layer id="5" name="shape" type="Const" version="opset1"><data element_type="i64" shape="4" offset="200" size="32"/><output><port id="0" precision="I64"/></output></layer>
<layer id="6" name="flat" type="Reshape" version="opset1"><data special_zero="true"/><input><port id="0"/><port id="1"/></input><output><port id="2"/></output></layer>
<layer id="7" name="z" type="Fancy" version="opset99"><data alpha="0.5"/><input><port id="0"/></input><output><port id="1" precision="FP32"><dim>-1</dim></port></output></layer>
<layer id="8" name="out" type="Result" version="opset1"><input><port id="0"/></input></layer>
</layers><edges>
<edge from-layer="0" from-port="0" to-layer="3" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="2" from-port="1" to-layer="3" to-port="1"/><edge from-layer="3" from-port="2" to-layer="4" to-port="0"/>
<edge from-layer="4" from-port="1" to-layer="6" to-port="0"/><edge from-layer="5" from-port="0" to-layer="6" to-port="1"/>
<edge from-layer="6" from-port="2" to-layer="7" to-port="0"/><edge from-layer="7" from-port="1" to-layer="8" to-port="0"/>
</edges></net>)";

constexpr std::string_view kLoop = R"(<net name="m" version="10"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="3,2" element_type="f16"/><output><port id="0"/></output></layer>
<layer id="1" name="s" type="Parameter" version="opset1"><data shape="1,2" element_type="f16"/><output><port id="0"/></output></layer>
<layer id="2" name="loop" type="TensorIterator" version="opset1"><input><port id="0"/><port id="1"/></input><output><port id="2"/></output>
<port_map><input external_port_id="0" internal_layer_id="0" axis="0" start="0" end="-1" stride="1" part_size="1"/><input external_port_id="1" internal_layer_id="1"/><output external_port_id="2" internal_layer_id="3"/></port_map>
<back_edges><edge from-layer="3" to-layer="1"/></back_edges>
<body><layers><layer id="0" name="a" type="Parameter" version="opset1"><data shape="1,2" element_type="f16"/><output><port id="0"/></output></layer>
<layer id="1" name="b" type="Parameter" version="opset1"><data shape="1,2" element_type="f16"/><output><port id="0"/></output></layer>
<layer id="2" name="c" type="Add" version="opset1"><input><port id="0"/><port id="1"/></input><output><port id="2"/></output></layer>
<layer id="3" name="d" type="Result" version="opset1"><input><port id="0"/></input></layer></layers>
<edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/><edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></body></layer>
<layer id="3" name="out" type="Result" version="opset1"><input><port id="0"/></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/><edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>)";

constexpr std::string_view kText = R"(x : f32[1,4,?,1..8] = parameter() shape=[1,4,?,1..8] tensor_names=["x"]
axis : i64[] = constant() value=i64[]{1}
lengths : i64[2] = constant() value=i64[2]{1, -1}
s : f32[1,1,?,1..8], f32[1,3,?,1..8] = variadic_split(x, axis, lengths)
"y 1" : f32[1,3,?,1..8] = clamp(s:1) low=-1 high=6.5
w : f32[2,3,1,1] = constant() value=f32[2,3,1,1] random(7)
c : f32[1,2,?,1..8] = convolution("y 1", w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
q : u8[1,2,?,1..8] = quantize(c) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{2.55}
out : u8[1,2,?,1..8] = result(q) layer="q"
)";

constexpr std::array<std::string_view, 3> kSeeds{kConvolution, kLoop, kText};

// Pieces that tend to hurt where a number, a name or a tag was.
constexpr std::array<std::string_view, 24> kPieces{"0",
                                                   "-1",
                                                   "1",
                                                   "9223372036854775807",
                                                   "-9223372036854775808",
                                                   "18446744073709551616",
                                                   "1e400",
                                                   "nan",
                                                   "\"",
                                                   "<",
                                                   ">",
                                                   "/>",
                                                   "{",
                                                   "}",
                                                   "[",
                                                   ",",
                                                   "\\",
                                                   "",
                                                   "?",
                                                   "..",
                                                   "1000000007",
                                                   "opset8",
                                                   "Result",
                                                   "f64"};

class Mutator {
public:
    explicit Mutator(std::uint32_t seed) : random_(seed) {}
    std::string operator()(std::string_view model) {
        std::string text(model);
        for (std::size_t n = 1 + pick(2); n > 0; --n) change(text);
        return text;
    }

private:
    std::size_t pick(std::size_t below) { return below ? random_() % below : 0; }
    void change(std::string& text) {
        const std::size_t at = pick(text.size());
        switch (pick(6)) {
            case 0: text[at] = static_cast<char>(pick(256)); break;
            case 1: text.erase(at, pick(40)); break;
            case 2: text.insert(at, kPieces[pick(kPieces.size())]); break;
            case 3: text.insert(at, text.substr(pick(text.size()), pick(200))); break;
            case 4: replace_number(text, at); break;
            default: text.resize(text.size() - pick(text.size() / 8)); break;
        }
    }
    // The next number becomes another one.
    void replace_number(std::string& text, std::size_t at) {
        const auto begin = text.find_first_of("0123456789", at);
        if (begin == std::string::npos) return;
        const auto end = std::min(text.find_first_not_of("0123456789", begin), text.size());
        text.replace(begin, end - begin, kPieces[pick(kPieces.size())]);
    }
    std::mt19937 random_;
};

TEST(Readers, SeedsAreModels) {
    for (std::string_view seed : kSeeds) EXPECT_EQ(read_any(seed), "");
}

// OCTET_FUZZ_ROUNDS: more of them, for a night.
std::uint32_t rounds() {
    const char* wanted = std::getenv("OCTET_FUZZ_ROUNDS");
    return wanted ? static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10)) : 20000;
}

TEST(Readers, MutationsEndInErrors) {
    std::uint32_t read = 0;
    for (std::uint32_t i = 0; i < rounds(); ++i) {
        Mutator mutate(i);
        const std::string text = mutate(kSeeds[i % kSeeds.size()]);
        SCOPED_TRACE(testing::Message() << "seed " << i);
        EXPECT_NO_THROW(read += read_any(text).empty()) << text;
    }
    // Both outcomes are common, or the mutations are too wild or too tame to find anything.
    EXPECT_GT(read, rounds() / 50);
    EXPECT_LT(read, rounds() / 2);
}

}  // namespace
}  // namespace octet::ir
