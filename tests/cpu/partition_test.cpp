#include <gtest/gtest.h>

#include "ir/text.hpp"
#include "plugins/cpu/partition.hpp"

namespace octet::cpu {
namespace {

std::string groups_of(std::string_view text) {
    const ir::Graph graph = ir::parse(text);
    return "\n" + print(graph, partition(graph));
}

constexpr std::string_view kQuantized = R"(x : u8[1,4,6,6] = parameter() element=u8 shape=[1,4,6,6]
w : i8[8,4,1,1] = constant() value=i8[8,4,1,1] random(1)
c : i32[1,8,6,6] = convolution(x, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
dq : f32[1,8,6,6] = dequantize(c) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{0}
b : f32[1,8,1,1] = constant() value=f32[1,8,1,1] random(2)
s : f32[1,8,6,6] = add(dq, b)
r : f32[1,8,6,6] = relu(s)
)";

TEST(Partition, AConvolutionTakesWhatFollowsUpToItsCodes) {
    EXPECT_EQ(groups_of(std::string(kQuantized) +
                        R"(q : u8[1,8,6,6] = quantize(r) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{255}
d : f32[1,8,6,6] = dequantize(q) scale=f32[1,1,1,1]{1} zero_point=f32[1,1,1,1]{0}
t : f32[1,8,6,6] = tanh(d)
o : f32[1,8,6,6] = result(t)
)"),
              R"(
convolution: convolution 'c' > dequantize 'dq' > add 's' > relu 'r' > quantize 'q' : u8[1,8,6,6]
elementwise: tanh 't' : f32[1,8,6,6]
)");
}

constexpr std::string_view kCodesForASum = R"(other : u8[1,8,6,6] = parameter() element=u8 shape=[1,8,6,6]
q : u8[1,8,6,6] = quantize(r) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{255}
d : f32[1,8,6,6] = dequantize(q) scale=f32[1,1,1,1]{1} zero_point=f32[1,1,1,1]{0}
d2 : f32[1,8,6,6] = dequantize(other) scale=f32[1,1,1,1]{2} zero_point=f32[1,1,1,1]{0}
sum : f32[1,8,6,6] = add(d2, d)
q2 : u8[1,8,6,6] = quantize(sum) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{510}
o : u8[1,8,6,6] = result(q2)
)";

TEST(Partition, CodesForOneSumAreNotStored) {
    EXPECT_EQ(groups_of(std::string(kQuantized) + std::string(kCodesForASum)), R"(
convolution: convolution 'c' > dequantize 'dq' > add 's' > relu 'r' > quantize 'q' > dequantize 'd' > add 'sum' > quantize 'q2' : u8[1,8,6,6]
)");
    EXPECT_EQ(groups_of(std::string(kQuantized) + std::string(kCodesForASum) + "p : f32[1,8,6,6] = result(d)\n"), R"(
convolution: convolution 'c' > dequantize 'dq' > add 's' > relu 'r' > quantize 'q' : u8[1,8,6,6]
elementwise: add 'sum' > quantize 'q2' : u8[1,8,6,6]
elementwise: dequantize 'd' : f32[1,8,6,6]
)");
}

TEST(Partition, AValueThatIsReadTwiceIsStored) {
    EXPECT_EQ(groups_of(std::string(kQuantized) + R"(t : f32[1,8,6,6] = tanh(r)
o : f32[1,8,6,6] = result(r)
p : f32[1,8,6,6] = result(t)
)"),
              R"(
convolution: convolution 'c' > dequantize 'dq' > add 's' > relu 'r' : f32[1,8,6,6]
elementwise: tanh 't' : f32[1,8,6,6]
)");
}

TEST(Partition, AResidualSumBelongsToTheLaterConvolution) {
    EXPECT_EQ(groups_of(std::string(kQuantized) + R"(w2 : i8[8,4,1,1] = constant() value=i8[8,4,1,1] random(3)
c2 : i32[1,8,6,6] = convolution(x, w2) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
dq2 : f32[1,8,6,6] = dequantize(c2) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{0}
sum : f32[1,8,6,6] = add(r, dq2)
o : f32[1,8,6,6] = result(sum)
)"),
              R"(
convolution: convolution 'c' > dequantize 'dq' > add 's' > relu 'r' : f32[1,8,6,6]
convolution: convolution 'c2' > dequantize 'dq2' > add 'sum' : f32[1,8,6,6]
)");
}

// Of data with several scales: the convolution whose data come last stands for all.
constexpr std::string_view kSum = R"(x : u8[1,4,6,6] = parameter() element=u8 shape=[1,4,6,6]
y : u8[1,8,6,6] = parameter() element=u8 shape=[1,8,6,6]
late : u8[1,8,6,6], i64[1,8,6,6] = max_pool(y) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] kernel=[1,1]
w : i8[8,8,1,1] = constant() value=i8[8,8,1,1] random(1)
w2 : i8[8,4,1,1] = constant() value=i8[8,4,1,1] random(2)
w3 : i8[8,8,1,1] = constant() value=i8[8,8,1,1] random(3)
c : i32[1,8,6,6] = convolution(late, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
c2 : i32[1,8,6,6] = convolution(x, w2) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
c3 : i32[1,8,6,6] = convolution(late, w3) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1] zp_a=[3]
d : f32[1,8,6,6] = dequantize(c) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{0}
d2 : f32[1,8,6,6] = dequantize(c2) scale=f32[1,1,1,1]{0.25} zero_point=f32[1,1,1,1]{0}
b2 : f32[1,8,1,1] = constant() value=f32[1,8,1,1] random(4)
s2 : f32[1,8,6,6] = add(d2, b2)
d3 : f32[1,8,6,6] = dequantize(c3) scale=f32[1,1,1,1]{2} zero_point=f32[1,1,1,1]{0}
a : f32[1,8,6,6] = add(d, s2)
a2 : f32[1,8,6,6] = add(a, d3)
r : f32[1,8,6,6] = relu(a2)
q : u8[1,8,6,6] = quantize(r) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{255}
o : u8[1,8,6,6] = result(q)
)";

TEST(Partition, ASumOfConvolutionsIsOneGroup) {
    EXPECT_EQ(groups_of(kSum), R"(
pool: max_pool 'late' : u8[1,8,6,6]
convolution: convolution 'c3' + convolution 'c' + convolution 'c2' > relu 'r' > quantize 'q' : u8[1,8,6,6]
)");
}

TEST(Partition, ASumCanRunOneByOne) {
    const ir::Graph graph = ir::parse(kSum);
    for (const Group& group : partition(graph))
        if (!group.sum.parts.empty()) {
            const auto groups = one_by_one(graph, group);
            EXPECT_EQ("\n" + print(graph, groups), R"(
convolution: convolution 'c' > dequantize 'd' : f32[1,8,6,6]
convolution: convolution 'c2' > dequantize 'd2' > add 's2' > add 'a' : f32[1,8,6,6]
convolution: convolution 'c3' > dequantize 'd3' > add 'a2' > relu 'r' > quantize 'q' : u8[1,8,6,6]
)");
            EXPECT_EQ(groups[1].inputs.size(), 2u);
            EXPECT_EQ(groups[1].inputs[1], groups[0].output);
        }
}

TEST(Partition, ASumWhoseMiddleIsReadIsNone) {
    EXPECT_EQ(groups_of(std::string(kSum) + "o2 : f32[1,8,6,6] = result(a)\n"), R"(
pool: max_pool 'late' : u8[1,8,6,6]
convolution: convolution 'c2' + convolution 'c' : f32[1,8,6,6]
convolution: convolution 'c3' > dequantize 'd3' > add 'a2' > relu 'r' > quantize 'q' : u8[1,8,6,6]
)");
}

TEST(Partition, AFloatConvolutionStoresFloats) {
    EXPECT_EQ(groups_of(R"(x : f32[1,4,6,6] = parameter() shape=[1,4,6,6]
w : f32[8,4,1,1] = constant() value=f32[8,4,1,1] random(1)
c : f32[1,8,6,6] = convolution(x, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
r : f32[1,8,6,6] = relu(c)
q : u8[1,8,6,6] = quantize(r) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{255}
o : u8[1,8,6,6] = result(q)
)"),
              R"(
convolution: convolution 'c' > relu 'r' : f32[1,8,6,6]
elementwise: quantize 'q' : u8[1,8,6,6]
)");
}

TEST(Partition, OperandsPerChannelFollowTheLayoutOfTheCore) {
    EXPECT_EQ(groups_of(R"(x : f32[2,5,6] = parameter() shape=[2,5,6]
w : f32[6,4] = constant() value=f32[6,4] random(1)
m : f32[2,5,4] = matmul(x, w)
last : f32[4] = constant() value=f32[4] random(2)
a : f32[2,5,4] = add(m, last)
middle : f32[1,5,1] = constant() value=f32[1,5,1] random(3)
b : f32[2,5,4] = multiply(a, middle)
o : f32[2,5,4] = result(b)
)"),
              R"(
matmul: matmul 'm' > add 'a' : f32[2,5,4]
elementwise: multiply 'b' : f32[2,5,4]
)");
}

TEST(Partition, MeansOverAllSpatialAxesArePools) {
    EXPECT_EQ(groups_of(R"(x : f32[1,4,6,6] = parameter() shape=[1,4,6,6]
space : i64[2] = constant() value=i64[2]{2, 3}
channel : i64[1] = constant() value=i64[1]{1}
m : f32[1,4,1,1] = reduce_mean(x, space) keep_dims=true
s : f32[1,4,1,1] = sigmoid(m)
n : f32[1,6,6] = reduce_mean(x, channel)
y : f32[1,4,6,6] = multiply(x, s)
o : f32[1,4,6,6] = result(y)
p : f32[1,6,6] = result(n)
)"),
              R"(
pool: reduce_mean 'm' > sigmoid 's' : f32[1,4,1,1]
other: reduce_mean 'n' : f32[1,6,6]
elementwise: multiply 'y' : f32[1,4,6,6]
)");
}

TEST(Partition, ADequantizeIsMadeOnlyForThoseWhoCannotApplyIt) {
    EXPECT_EQ(groups_of(R"(x : u8[1,4,6,6] = parameter() element=u8 shape=[1,4,6,6]
d : f32[1,4,6,6] = dequantize(x) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{3}
p : f32[1,4,6,6] = relu(d)
s : f32[1,4,6,6] = softmax(d)
o : f32[1,4,6,6] = result(p)
q : f32[1,4,6,6] = result(s)
)"),
              R"(
elementwise: relu 'p' : f32[1,4,6,6]
elementwise: dequantize 'd' : f32[1,4,6,6]
other: softmax 's' : f32[1,4,6,6]
)");
}

// Codes whose meaning varies along an axis that kernels do not know are dequantized by a step of their own.
TEST(Partition, CodesAreReadOnlyWhereTheirMeaningFits) {
    EXPECT_EQ(groups_of(R"(x : u8[2,4,6,6] = parameter() element=u8 shape=[2,4,6,6]
d : f32[2,4,6,6] = dequantize(x) scale=f32[2,1,1,1]{0.5, 1} zero_point=f32[1,1,1,1]{3}
r : f32[2,4,6,6] = relu(d)
e : f32[2,4,6,6] = dequantize(x) scale=f32[1,4,1,1]{0.5, 1, 2, 4} zero_point=f32[1,1,1,1]{3}
t : f32[2,4,6,6] = tanh(e)
o : f32[2,4,6,6] = result(r)
p : f32[2,4,6,6] = result(t)
)"),
              R"(
other: dequantize 'd' : f32[2,4,6,6]
other: relu 'r' : f32[2,4,6,6]
elementwise: tanh 't' : f32[2,4,6,6]
)");
}

// What is read as codes is stored as codes.
TEST(Partition, APoolStoresCodesForReadersOfCodes) {
    EXPECT_EQ(groups_of(R"(x : u8[1,2,4,4] = parameter() element=u8 shape=[1,2,4,4]
p : u8[1,2,2,2], i64[1,2,2,2] = max_pool(x) strides=[2,2] dilations=[1,1] pads_begin=[0,0] pads_end=[0,0] kernel=[2,2]
d : f32[1,2,2,2] = dequantize(p) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{3}
r : f32[1,2,2,2] = relu(d)
o : f32[1,2,2,2] = result(d)
q : f32[1,2,2,2] = result(r)
)"),
              R"(
pool: max_pool 'p' : u8[1,2,2,2]
elementwise: relu 'r' : f32[1,2,2,2]
elementwise: dequantize 'd' : f32[1,2,2,2]
)");
}

TEST(Partition, ShapesThatDependOnDataAreApart) {
    EXPECT_EQ(groups_of(R"(x : f32[4] = parameter() shape=[4]
r : f32[4] = relu(x)
n : i64[1,0..4] = non_zero(r)
o : i64[1,0..4] = result(n)
)"),
              R"(
elementwise: relu 'r' : f32[4]
dynamic: non_zero 'n' : i64[1,0..4]
)");
}

TEST(Partition, ANormalisationOfRowsTakesWhatFollowsAndItsCodes) {
    EXPECT_EQ(groups_of(R"(x : f32[1,3,8] = parameter() shape=[1,3,8]
axes : i64[1] = constant() value=i64[1]{-1}
n : f32[1,3,8] = mvn(x, axes)
g : f32[1,1,8] = constant() value=f32[1,1,8] random(1)
m : f32[1,3,8] = multiply(n, g)
q : u8[1,3,8] = quantize(m) low=f32[1,1,1]{-1} high=f32[1,1,1]{1}
o : u8[1,3,8] = result(q)
)"),
              R"(
row: mvn 'n' > multiply 'm' > quantize 'q' : u8[1,3,8]
)");
}

constexpr std::string_view kRowsTwice = R"(x : f32[1,3,8] = parameter() shape=[1,3,8]
axes : i64[1] = constant() value=i64[1]{-1}
n : f32[1,3,8] = mvn(x, axes)
g : f32[1,1,8] = constant() value=f32[1,1,8] random(1)
m : f32[1,3,8] = multiply(n, g)
q : u8[1,3,8] = quantize(n) low=f32[1,1,1]{-1} high=f32[1,1,1]{1}
o : u8[1,3,8] = result(q)
p : f32[1,3,8] = result(m)
)";

TEST(Partition, ANormalisationOfRowsHasTwoResults) {
    EXPECT_EQ(groups_of(kRowsTwice), R"(
row: mvn 'n' > multiply 'm' > quantize 'q' : u8[1,3,8]
)");
}

TEST(Partition, ANormalisationOfRowsThatIsAResultStaysAlone) {
    EXPECT_EQ(groups_of(std::string(kRowsTwice) + "r : f32[1,3,8] = result(n)\n"), R"(
row: mvn 'n' : f32[1,3,8]
elementwise: multiply 'm' : f32[1,3,8]
elementwise: quantize 'q' : u8[1,3,8]
)");
}

// A sum of codes that two quantizations read.
constexpr std::string_view kSumTwice = R"(x : u8[1,4,6,6] = parameter() element=u8 shape=[1,4,6,6]
y : u8[1,4,6,6] = parameter() element=u8 shape=[1,4,6,6]
dx : f32[1,4,6,6] = dequantize(x) scale=f32[1,1,1,1]{0.5} zero_point=f32[1,1,1,1]{0}
dy : f32[1,4,6,6] = dequantize(y) scale=f32[1,4,1,1]{0.5, 1, 2, 4} zero_point=f32[1,1,1,1]{0}
s : f32[1,4,6,6] = add(dx, dy)
r : f32[1,4,6,6] = relu(s)
a : u8[1,4,6,6] = quantize(r) low=f32[1,1,1,1]{0} high=f32[1,1,1,1]{8}
b : u8[1,4,6,6] = quantize(s) low=f32[1,1,1,1]{-8} high=f32[1,1,1,1]{8}
p : u8[1,4,6,6] = result(a)
q : u8[1,4,6,6] = result(b)
)";

TEST(Partition, ASumOfCodesIsComputedByEachOfItsReaders) {
    EXPECT_EQ(groups_of(kSumTwice), R"(
elementwise: add 's' > relu 'r' > quantize 'a' : u8[1,4,6,6]
elementwise: add 's' > quantize 'b' : u8[1,4,6,6]
)");
}

TEST(Partition, ASumOfCodesThatIsAResultIsStored) {
    EXPECT_EQ(groups_of(std::string(kSumTwice) + "t : f32[1,4,6,6] = result(s)\n"), R"(
elementwise: add 's' : f32[1,4,6,6]
elementwise: relu 'r' > quantize 'a' : u8[1,4,6,6]
elementwise: quantize 'b' : u8[1,4,6,6]
)");
}

TEST(Partition, ASoftmaxAlongAnotherAxisStaysAlone) {
    EXPECT_EQ(groups_of(R"(x : f32[2,3,8] = parameter() shape=[2,3,8]
s : f32[2,3,8] = softmax(x)
r : f32[2,3,8] = relu(s)
o : f32[2,3,8] = result(r)
)"),
              R"(
other: softmax 's' : f32[2,3,8]
elementwise: relu 'r' : f32[2,3,8]
)");
}

// Heads split from and joined to [1, rows, heads, width]; `softmax` stands between the products.
std::string attention_groups_of(std::string_view softmax, std::string_view more = {},
                                std::string_view below = "o : f32[1,5,2,4] = result(yt)\n") {
    return groups_of(std::string(R"(a : u8[1,5,2,4] = parameter() element=u8 shape=[1,5,2,4]
b : u8[1,5,2,4] = parameter() element=u8 shape=[1,5,2,4]
v : f32[1,5,2,4] = parameter() shape=[1,5,2,4]
order : i64[4] = constant() value=i64[4]{0, 2, 1, 3}
q : u8[1,2,5,4] = transpose(a, order)
k : u8[1,2,5,4] = transpose(b, order)
qk : i32[1,2,5,5] = matmul(q, k) transpose_b=true zp_a=[128] zp_w=[128]
dq : f32[1,2,5,5] = dequantize(qk) scale=f32[1,1,1,1]{0.01} zero_point=f32[1,1,1,1]{0}
)") + std::string(softmax) +
                     R"(vt : f32[1,2,5,4] = transpose(v, order)
y : f32[1,2,5,4] = matmul(s, vt)
yt : f32[1,5,2,4] = transpose(y, order)
)" + std::string(below) +
                     std::string(more));
}

TEST(Partition, HeadsOfAttentionAreOneGroupWithTheirTransposes) {
    EXPECT_EQ(attention_groups_of("s : f32[1,2,5,5] = softmax(dq) axis=3\n"), R"(
attention: matmul 'qk' > transpose 'q' > transpose 'k' > dequantize 'dq' > softmax 's' > transpose 'vt' > matmul 'y' > transpose 'yt' : f32[1,5,2,4]
)");
}

TEST(Partition, CodesOfTheRowsOfAllHeadsBelongToTheirAttention) {
    EXPECT_EQ(attention_groups_of("s : f32[1,2,5,5] = softmax(dq) axis=3\n", "",
                                  R"(sizes : i64[3] = constant() value=i64[3]{1, 5, 8}
rows : f32[1,5,8] = reshape(yt, sizes)
c : u8[1,5,8] = quantize(rows) low=f32[1,1,1]{-1} high=f32[1,1,1]{1}
p : u8[1,5,8] = result(c)
)"),
              R"(
attention: matmul 'qk' > transpose 'q' > transpose 'k' > dequantize 'dq' > softmax 's' > transpose 'vt' > matmul 'y' > transpose 'yt' > reshape 'rows' > quantize 'c' : u8[1,5,8]
)");
}

TEST(Partition, AMaskOfSeveralHeadsBelongsToTheirAttention) {
    EXPECT_EQ(attention_groups_of(R"(mask : f32[1,1,5,5] = parameter() shape=[1,1,5,5]
masked : f32[1,2,5,5] = add(dq, mask)
s : f32[1,2,5,5] = softmax(masked) axis=3
)"),
              R"(
attention: matmul 'qk' > transpose 'q' > transpose 'k' > dequantize 'dq' > add 'masked' > softmax 's' > transpose 'vt' > matmul 'y' > transpose 'yt' : f32[1,5,2,4]
)");
}

TEST(Partition, HeadsOfFloatsAreOneGroupToo) {
    EXPECT_EQ(groups_of(R"(q : f32[1,2,9,4] = parameter() shape=[1,2,9,4]
k : f32[1,2,9,4] = parameter() shape=[1,2,9,4]
v : f32[1,2,9,4] = parameter() shape=[1,2,9,4]
qk : f32[1,2,9,9] = matmul(q, k) transpose_b=true
s : f32[1,2,9,9] = softmax(qk) axis=3
y : f32[1,2,9,4] = matmul(s, v)
o : f32[1,2,9,4] = result(y)
)"),
              R"(
attention: matmul 'qk' > softmax 's' > matmul 'y' : f32[1,2,9,4]
)");
}

TEST(Partition, SharesThatAreReadElsewhereAreStored) {
    EXPECT_EQ(attention_groups_of("s : f32[1,2,5,5] = softmax(dq) axis=3\n", "p : f32[1,2,5,5] = result(s)\n"), R"(
other: transpose 'q' : u8[1,2,5,4]
other: transpose 'k' : u8[1,2,5,4]
matmul: matmul 'qk' > dequantize 'dq' : f32[1,2,5,5]
row: softmax 's' : f32[1,2,5,5]
other: transpose 'vt' : f32[1,2,5,4]
matmul: matmul 'y' : f32[1,2,5,4]
other: transpose 'yt' : f32[1,5,2,4]
)");
}

TEST(Partition, SharesThatChangeAfterTheSoftmaxAreNoAttention) {
    EXPECT_EQ(attention_groups_of("r : f32[1,2,5,5] = softmax(dq) axis=3\ns : f32[1,2,5,5] = relu(r)\n"), R"(
other: transpose 'q' : u8[1,2,5,4]
other: transpose 'k' : u8[1,2,5,4]
matmul: matmul 'qk' > dequantize 'dq' : f32[1,2,5,5]
row: softmax 'r' > relu 's' : f32[1,2,5,5]
other: transpose 'vt' : f32[1,2,5,4]
matmul: matmul 'y' : f32[1,2,5,4]
other: transpose 'yt' : f32[1,5,2,4]
)");
}

constexpr std::string_view kSqueezed = R"(x : f32[1,4,6,6] = parameter() shape=[1,4,6,6]
axes : i64[2] = constant() value=i64[2]{2,3}
mean : f32[1,4,1,1] = reduce_mean(x, axes) keep_dims=true
w : f32[4,4,1,1] = constant() value=f32[4,4,1,1] random(1)
c : f32[1,4,1,1] = convolution(mean, w) strides=[1,1] pads_begin=[0,0] pads_end=[0,0] dilations=[1,1]
s : f32[1,4,1,1] = sigmoid(c)
y : f32[1,4,6,6] = multiply(x, s)
o : f32[1,4,6,6] = result(y)
)";

TEST(Partition, SqueezeExciteIsOneGroup) {
    EXPECT_EQ(groups_of(kSqueezed), R"(
gate: multiply 'y' > reduce_mean 'mean' > convolution 'c' > sigmoid 's' : f32[1,4,6,6]
)");
}

TEST(Partition, FactorsThatAreReadTwiceKeepTheirOwnGroups) {
    EXPECT_EQ(groups_of(std::string(kSqueezed) + "p : f32[1,4,1,1] = result(s)\n"), R"(
pool: reduce_mean 'mean' : f32[1,4,1,1]
convolution: convolution 'c' > sigmoid 's' : f32[1,4,1,1]
elementwise: multiply 'y' : f32[1,4,6,6]
)");
}

}  // namespace
}  // namespace octet::cpu
