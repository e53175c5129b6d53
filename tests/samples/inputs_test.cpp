// Shapes from the command line, and tensors from files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <octet/error.hpp>

#include "samples/benchmark_app/input_files.hpp"
#include "samples/benchmark_app/inputs.hpp"
#include "samples/common/files.hpp"
#include "samples/common/npy.hpp"
#include "tests/samples/command.hpp"

namespace octet::benchmark {
namespace {

using samples::ModelFolder;
using testing::HasSubstr;

Port port(std::size_t index, std::string name, ElementType type, PartialShape shape) {
    return {true, index, {name}, name, type, std::move(shape)};
}

std::string error_of(auto work) {
    try {
        work();
    } catch (const Error& e) {
        return e.what();
    }
    return "no error";
}

const std::vector<Port> kTwo{port(0, "data", element::f32, {1, 3, 8, 8}), port(1, "info", element::f32, {1, 4})};

TEST(Shapes, OneForAllOrByName) {
    EXPECT_EQ(parse_shapes("data[1,3,16,?],info[1..8,4]", kTwo),
              (std::map<std::size_t, PartialShape>{{0, PartialShape("[1,3,16,?]")}, {1, PartialShape("[1..8,4]")}}));
    EXPECT_EQ(parse_shapes("[2,4]", kTwo).size(), 2u);
    EXPECT_TRUE(parse_shapes("", kTwo).empty());
    EXPECT_EQ(error_of([] { parse_shapes("data", kTwo); }),
              "option '-shape': got 'data', wanted 'input[1,3,224,224],other[1,4]' or '[1,3,224,224]'");
    EXPECT_EQ(error_of([] { parse_shapes("x[1]", kTwo); }), "option '-shape': the model has no input 'x'");
}

TEST(Batch, IsTheFirstDimensionAllAgreeOn) {
    EXPECT_EQ(batch_of(kTwo).size, 1u);
    EXPECT_TRUE(batch_of(kTwo).found);
    EXPECT_EQ(batch_shapes(4, kTwo).at(1), PartialShape("[4,4]"));
    const std::vector<Port> vector{port(0, "v", element::f32, {5})};
    EXPECT_FALSE(batch_of(vector).found);
    EXPECT_EQ(batch_of(vector).size, 1u);
    EXPECT_EQ(error_of([&] { batch_shapes(2, vector); }), "option '-b': no input of the model has a batch dimension");
    EXPECT_FALSE(batch_of({port(0, "a", element::f32, {2, 3}), port(1, "b", element::f32, {3, 3})}).found);
}

TEST(ImageShapes, ByTheNumberOfChannels) {
    const ImageShape first = image_shape_of({1, 3, 10, 20});
    EXPECT_TRUE(first.valid && first.channels_first && first.height == 10 && first.width == 20);
    const ImageShape last = image_shape_of({1, 10, 20, 3});
    EXPECT_TRUE(last.valid && !last.channels_first && last.height == 10 && last.width == 20);
    EXPECT_FALSE(image_shape_of({1, 10, 20, 30}).valid);
    EXPECT_FALSE(image_shape_of({1, 4}).valid);
    EXPECT_FALSE(image_shape_of({1, 3, Dimension(), 20}).valid);
}

TEST(RandomNumbers, AreTheSameEachTimeAndInRange) {
    Tensor a(element::f32, {1000}), b(element::f32, {1000});
    fill_random(a);
    fill_random(b);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.get_byte_size()), 0);
    const float* values = a.data<float>();
    EXPECT_TRUE(std::all_of(values, values + 1000, [](float v) { return v >= 0 && v <= 255; }));
    EXPECT_NEAR(std::accumulate(values, values + 1000, 0.0f) / 1000, 127.5, 10);
    Tensor flags(element::boolean, {100});
    fill_random(flags);
    EXPECT_TRUE(
        std::all_of(flags.data<std::uint8_t>(), flags.data<std::uint8_t>() + 100, [](auto v) { return v <= 1; }));
    Tensor bytes(element::i8, {2000});
    fill_random(bytes);
    const auto [low, high] = std::minmax_element(bytes.data<std::int8_t>(), bytes.data<std::int8_t>() + 2000);
    EXPECT_EQ(*low, -128);
    EXPECT_EQ(*high, 127);
    Tensor halves(element::f16, {100});
    fill_random(halves);
    const auto* bits = static_cast<const std::uint16_t*>(halves.data());
    // 255 as a half is 0x5bf8; larger bits would be larger numbers, or infinite.
    EXPECT_TRUE(std::all_of(bits, bits + 100, [](auto v) { return v <= 0x5bf8 && (v == 0 || v >= 0x3c00); }));
    EXPECT_GT(*std::max_element(bits, bits + 100), 0x5800);
}

std::string npy(const std::string& type, const std::string& shape, const std::string& data,
                const std::string& order = "False") {
    std::string header = "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}
std::string floats(std::vector<float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(Npy, IsReadAndChecked) {
    const ModelFolder folder;
    const auto array = samples::read_npy(folder.write("a.npy", npy("<f4", "(1, 2)", floats({1, 2}))));
    EXPECT_EQ(array.element, element::f32);
    EXPECT_EQ(array.shape, (std::vector<std::size_t>{1, 2}));
    EXPECT_EQ(array.data.size(), 8u);
    EXPECT_EQ(samples::read_npy(folder.write("s.npy", npy("|u1", "()", "x"))).shape.size(), 0u);
    const auto error = [&](const std::string& contents) {
        return error_of([&] { samples::read_npy(folder.write("b.npy", contents)); });
    };
    EXPECT_THAT(error("x"), HasSubstr("b.npy': not a NumPy array file"));
    EXPECT_THAT(error(npy("<f4", "(3,)", floats({1, 2}))), HasSubstr("got 8 bytes of data, wanted 12 of f32 [3]"));
    EXPECT_THAT(error(npy("<f4", "(4611686018427387904, 8)", "")), HasSubstr("got 0 bytes of data"));
    EXPECT_THAT(error(npy(">f4", "(1,)", floats({1}))), HasSubstr("element type '>f4' is not supported"));
    EXPECT_THAT(error(npy("<f4", "(1, 1)", floats({1}), "True")), HasSubstr("got Fortran order, wanted C order"));
    EXPECT_THAT(error(npy("<f4", "(1, x)", floats({1}))), HasSubstr("header without 'descr' and 'shape'"));
    EXPECT_THAT(error_of([&] { samples::read_npy(folder.path / "gone.npy"); }),
                HasSubstr("gone.npy': cannot be read: No such file or directory"));
}

TEST(InputFiles, FillABatchInTurn) {
    const ModelFolder folder;
    const Port input = port(0, "x", element::f32, {2, 2});
    const auto file = [&](const std::string& name, std::vector<float> values) {
        return folder.write(name, npy("<f4", "(2,)", floats(std::move(values)))).string();
    };
    const std::string text = file("a.npy", {1, 2}) + "," + file("b.npy", {3, 4}) + "," + file("c.npy", {5, 6});
    const InputFiles files(text, {input});
    const auto values = [&](std::size_t request) {
        const Tensor tensor = files.tensor(input, request);
        return std::vector<float>(tensor.data<float>(), tensor.data<float>() + 4);
    };
    EXPECT_EQ(values(0), (std::vector<float>{1, 2, 3, 4}));
    EXPECT_EQ(values(1), (std::vector<float>{5, 6, 1, 2}));
    folder.write("whole.npy", npy("<f4", "(2, 2)", floats({9, 8, 7, 6})));
    const Tensor whole = InputFiles("x:" + (folder.path / "whole.npy").string(), {input}).tensor(input, 3);
    EXPECT_EQ(whole.data<float>()[3], 6);
}

TEST(InputFiles, DoNotTakeWhatDoesNotFit) {
    const ModelFolder folder;
    const Port input = port(0, "x", element::f32, {1, 2});
    const auto error = [&](const std::string& name, const std::string& contents) {
        return error_of([&] { InputFiles(folder.write(name, contents).string(), {input}).tensor(input, 0); });
    };
    EXPECT_THAT(error("a.npy", npy("<i4", "(1, 2)", floats({1, 2}))),
                HasSubstr("a.npy' for input 'x': got i32 [1,2], wanted f32 [1,2]"));
    EXPECT_THAT(error("a.npy", npy("<f4", "(2, 1)", floats({1, 2}))), HasSubstr("got f32 [2,1], wanted f32 [1,2]"));
    EXPECT_THAT(error("p.ppm", "P6\n1 1\n255\nabc"), HasSubstr("p.ppm' for input 'x': got an image, wanted f32 [1,2]"));
    const Port open = port(0, "x", element::f32, {Dimension(), 2});
    EXPECT_EQ(error_of([&] { InputFiles("", {open}).tensor(open, 0); }),
              "input 'x' has the dynamic shape [?,2]: give it a static one with -shape");
}

TEST(InputFiles, PicturesAreBlueFirstInPlanes) {
    const ModelFolder folder;
    const Port input = port(0, "x", element::u8, {1, 3, 1, 2});
    const auto file = folder.write("p.ppm", "P6\n2 1\n255\nRGBrgb");
    const Tensor tensor = InputFiles(file.string(), {input}).tensor(input, 0);
    EXPECT_EQ(std::string(static_cast<const char*>(tensor.data()), 6), "BbGgRr");
}

TEST(WriteFile, LeavesNothingBesideOnFailure) {
    const ModelFolder folder;
    std::filesystem::create_directory(folder.path / "taken");
    folder.write("taken/inside", "");
    EXPECT_THAT(error_of([&] { samples::write_file(folder.path / "taken", "text"); }),
                HasSubstr("taken': cannot be written: "));
    EXPECT_THAT(folder.names(), testing::ElementsAre("model.xml", "taken", "taken/inside"));
    samples::write_file(folder.path / "new" / "file", "text");
    EXPECT_EQ(folder.read("new/file"), "text");
}

}  // namespace
}  // namespace octet::benchmark
