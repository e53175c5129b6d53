// The value types of the public API: shapes, tensors, properties.
#include <array>
#include <sstream>

#include "tests/runtime/support.hpp"

namespace octet::test {
namespace {

using ::testing::ElementsAre;

TEST(Shapes, FromTextAndBack) {
    for (const char* text : {"[]", "[1,3,224,224]", "[?,3,1..8,2..?]", "[...]"})
        EXPECT_EQ(PartialShape(text).to_string(), text);
    EXPECT_EQ(PartialShape("-1, 3").to_string(), "[?,3]");
    EXPECT_EQ(PartialShape("[ 1 .. 8 ]").to_string(), "[1..8]");
    EXPECT_EQ(PartialShape("...").rank_is_static(), false);
    EXPECT_EQ((PartialShape{-1, 3, {1, 8}}), PartialShape("[?,3,1..8]"));
    EXPECT_NE(PartialShape("[...]"), PartialShape("[]"));
    std::ostringstream out;
    out << Shape{2, 3} << PartialShape{-1} << Dimension(1, -1);
    EXPECT_EQ(out.str(), "[2,3][?]1..?");
}

TEST(Shapes, WrongTexts) {
    for (const char* text : {"[1,3", "[a]", "[1,,3]", "[1,]", "1.5", "[1 3]"})
        EXPECT_EQ(error_of([&] { PartialShape shape(text); }),
                  std::string("'") + text + "' is not a shape, wanted one like [1,3,?,1..8]");
    EXPECT_EQ(error_of([] { PartialShape("[-2]"); }), "a dimension is -2, wanted -1 or more");
    EXPECT_EQ(error_of([] { Dimension(5, 2); }), "a dimension of 5..2, wanted an interval from 0 up");
}

TEST(Shapes, StaticAndDynamic) {
    EXPECT_EQ(PartialShape("[2,3]").to_shape(), (Shape{2, 3}));
    EXPECT_EQ(error_of([] { PartialShape("[?,3]").to_shape(); }), "the shape [?,3] is dynamic, wanted a static one");
    EXPECT_EQ(error_of([] { PartialShape("[...]").to_shape(); }), "the shape [...] is dynamic, wanted a static one");
    EXPECT_EQ(error_of([] { Dimension().get_length(); }), "the length of the dynamic dimension ? was asked for");
    EXPECT_TRUE(PartialShape("[1..8,3]").allows({8, 3}));
    EXPECT_FALSE(PartialShape("[1..8,3]").allows({9, 3}));
    EXPECT_FALSE(PartialShape("[1..8,3]").allows({8}));
    EXPECT_TRUE(PartialShape("[...]").allows({9, 3}));
    EXPECT_EQ(shape_size({2, 3}), 6u);
    EXPECT_EQ(shape_size(Shape{}), 1u);
}

TEST(Tensors, OwnMemoryIsAlignedAndZero) {
    const Tensor tensor(element::f32, {2, 3});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u);
    EXPECT_EQ(values_of(tensor), std::vector<float>(6, 0.0f));
    EXPECT_EQ(tensor.get_byte_size(), 24u);
    EXPECT_EQ(Tensor(element::u4, {3}).get_byte_size(), 2u);
    EXPECT_EQ(Tensor(element::f32, {0, 3}).get_size(), 0u);
    EXPECT_EQ(*Tensor(element::boolean, {1}).data<std::uint8_t>(), 0);
}

TEST(Tensors, CopiesShareMemoryAndShape) {
    Tensor a(element::f32, {2});
    const Tensor b = a;
    a.data<float>()[1] = 5;
    EXPECT_EQ(values_of(b), (std::vector<float>{0, 5}));
    a.set_shape({100});
    EXPECT_EQ(b.get_shape(), (Shape{100}));
    EXPECT_EQ(a.data(), b.data());
    EXPECT_TRUE(a == b);
    EXPECT_FALSE(a == Tensor(element::f32, {100}));
}

TEST(Tensors, MemoryOfTheCaller) {
    std::array<float, 6> memory{1, 2, 3, 4, 5, 6};
    Tensor tensor(element::f32, {2, 3}, memory.data());
    EXPECT_EQ(tensor.data(), memory.data());
    tensor.set_shape({2});
    tensor.set_shape({3, 2});
    EXPECT_EQ(tensor.data(), memory.data());
    EXPECT_EQ(error_of([&] { tensor.set_shape({7}); }), "shape [7] takes 28 bytes, the memory of the tensor has 24");
    EXPECT_EQ(tensor.get_shape(), (Shape{3, 2}));
}

TEST(Tensors, Errors) {
    alignas(8) std::array<char, 16> bytes{};
    EXPECT_EQ(error_of([&] { Tensor(element::f32, {2}, bytes.data() + 1); }),
              "the memory of a tensor of f32 is not aligned to 4 bytes");
    EXPECT_EQ(error_of([&] { Tensor(element::f32, {2}, nullptr); }), "a tensor over a null pointer, wanted 8 bytes");
    EXPECT_EQ(error_of([&] { Tensor(element::undefined, {2}); }), "a tensor needs an element type");
    EXPECT_EQ(error_of([&] {
                  Tensor(element::f32, {std::size_t{1} << 62, 1024});
              }),
              "a tensor of shape [4611686018427387904,1024] is too large");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_EQ(error_of([&] { Tensor(element::f32, {std::size_t{1} << 44}); }),
              "there is not enough memory for a tensor of 70368744177664 bytes");
#endif
    EXPECT_EQ(error_of([&] { Tensor(element::f32, {2}).data<std::int32_t>(); }),
              "the elements of a tensor of f32 were asked for as i32");
    EXPECT_EQ(error_of([&] { Tensor().get_shape(); }), "the tensor is empty");
    EXPECT_EQ(error_of([&] { Tensor(element::f32, {2}).copy_to(Tensor(element::i32, {2})); }),
              "a tensor of f32 copied to one of i32");
}

TEST(Tensors, CopyTo) {
    Tensor from(element::f32, {2});
    fill<float>(from, {1, 2});
    Tensor to(element::f32, {5});
    from.copy_to(to);
    EXPECT_EQ(to.get_shape(), (Shape{2}));
    EXPECT_EQ(values_of(to), (std::vector<float>{1, 2}));
}

TEST(Properties, TextsOfValues) {
    EXPECT_EQ(num_streams(4), (std::pair<const std::string, Any>("NUM_STREAMS", "4")));
    EXPECT_EQ(num_streams(streams::AUTO).second.text(), "AUTO");
    EXPECT_EQ(enable_profiling(true).second.text(), "YES");
    EXPECT_EQ(hint::performance_mode(hint::PerformanceMode::THROUGHPUT).second.text(), "THROUGHPUT");
    EXPECT_EQ(hint::execution_mode(hint::ExecutionMode::ACCURACY).second.text(), "ACCURACY");
    EXPECT_EQ(Any("PERFORMANCE").as<hint::ExecutionMode>(), hint::ExecutionMode::PERFORMANCE);
    EXPECT_EQ(inference_num_threads(2).second.text(), "2");
    EXPECT_EQ(Any(7u).as<int>(), 7);
    EXPECT_EQ(Any("THROUGHPUT").as<hint::PerformanceMode>(), hint::PerformanceMode::THROUGHPUT);
    EXPECT_EQ(Any("AUTO").as<streams::Num>().num, -1);
    EXPECT_TRUE(Any("YES").as<bool>());
    EXPECT_THAT(Any("a b").as<std::vector<std::string>>(), ElementsAre("a", "b"));
}

TEST(Properties, WrongTexts) {
    EXPECT_EQ(error_of([] { Any("maybe").as<bool>(); }), "the value 'maybe' was asked for as YES or NO");
    EXPECT_EQ(error_of([] { Any("x").as<std::int32_t>(); }),
              "the value 'x' was asked for as a number of -2147483648..2147483647");
    EXPECT_EQ(error_of([] { Any("-1").as<std::uint32_t>(); }),
              "the value '-1' was asked for as a number of 0..4294967295");
    EXPECT_EQ(error_of([] { Any("FAST").as<hint::PerformanceMode>(); }),
              "the value 'FAST' was asked for as LATENCY, THROUGHPUT or CUMULATIVE_THROUGHPUT");
    EXPECT_EQ(error_of([] { Any("EXACT").as<hint::ExecutionMode>(); }),
              "the value 'EXACT' was asked for as PERFORMANCE or ACCURACY");
}

}  // namespace
}  // namespace octet::test
