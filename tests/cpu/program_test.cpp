// The epilogue that a chain of elementwise ops becomes, run by the portable kernel and compared with the ops one by one.
#include <algorithm>

#include "plugins/cpu/kernels/portable/elementwise.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu::testing {
namespace {

using namespace ir;

constexpr std::int64_t kRows = 5, kChannels = 7;
const Shape kShape{kRows, kChannels};

// A graph of values [5, 7] that is one elementwise group.
struct Chain {
    Graph graph;
    Edit edit{graph};
    Tensors inputs = {};

    Value floats() {
        inputs.push_back(random_tensor({Element::f32, kShape}, static_cast<unsigned>(inputs.size()) + 1, -64, 64, 16));
        return edit.add(Parameter{Element::f32, kShape, {}}, {}, fmt::format("x{}", inputs.size()));
    }
    Value codes(float scale, float zero_point) {
        inputs.push_back(random_tensor({Element::u8, kShape}, static_cast<unsigned>(inputs.size()) + 1, 0, 255));
        const Value q = edit.add(Parameter{Element::u8, kShape, {}}, {}, fmt::format("q{}", inputs.size()));
        return edit.add(Dequantize{numbers({1, 1}, {scale}), numbers({1, 1}, {zero_point})}, {q});
    }
    Value number(float x) { return edit.constant(Tensor::scalar(x)); }
    Value per_channel(float first, float step) {
        std::vector<float> values;
        for (std::int64_t c = 0; c < kChannels; ++c) values.push_back(first + step * static_cast<float>(c));
        return edit.constant(numbers({1, kChannels}, values));
    }
    Value quantize(Value x, const std::vector<float>& low, const std::vector<float>& high, std::int64_t qmin = 0) {
        const auto size = static_cast<std::int64_t>(low.size());
        return edit.add(Quantize{numbers({1, size}, low), numbers({1, size}, high), 256, qmin,
                                 qmin == 0 ? Element::u8 : Element::i8},
                        {x});
    }

    struct Outcome {
        Epilogue epilogue;
        Tensor wanted, got;
    };
    Outcome run(Value y) {
        edit.add(Result{}, {y});
        const auto groups = partition(graph);
        check(groups.size() == 1, "one group was wanted:\n{}", print(graph, groups));
        const Program program = program_of(graph, groups[0]);
        const auto fed = [&](Value v) {
            return static_cast<std::size_t>(std::ranges::find(graph.parameters(), v.node) - graph.parameters().begin());
        };
        std::vector<const void*> operands;
        for (const ProgramOperand& o : program.operands)
            operands.push_back(o.constant ? o.constant->data() : inputs[fed(o.value)].data());
        const Tensor& data = inputs[fed(groups[0].inputs[0])];
        portable::Elementwise kernel;
        kernel.rows = kRows;
        kernel.channels = kChannels;
        kernel.input = data_type(data.element());
        kernel.epilogue = program.epilogue;
        portable::check_epilogue(program.epilogue, kChannels, operands.size());
        Tensor got(graph.element(y), {kRows, kChannels});
        kernel.run({data.data(), nullptr, operands, got.write_raw().data()}, 0, kernel.units());
        return {program.epilogue, eval::evaluate(graph, inputs)[0], got};
    }
};

std::size_t functions(const Epilogue& e) {
    return static_cast<std::size_t>(std::ranges::count(e.ops, EpilogueOp::Kind::function, &EpilogueOp::kind));
}

TEST(Program, FactorsAndSummandsAreOneOperation) {
    Chain c;
    Value x = c.edit.add(Add{}, {c.floats(), c.per_channel(-1, 0.5f)});
    x = c.edit.add(Multiply{}, {c.per_channel(1, 0.25f), x});
    x = c.edit.add(Subtract{}, {c.number(3), x});
    x = c.edit.add(Divide{}, {x, c.number(4)});
    const auto o = c.run(c.edit.add(Negative{}, {x}));
    EXPECT_EQ(o.epilogue.ops.size(), 1u);
    EXPECT_EQ(o.wanted, o.got);
}

TEST(Program, AReluBeforeAQuantizeIsARangeOfCodes) {
    Chain c;
    Value x = c.edit.add(Multiply{}, {c.floats(), c.number(0.5f)});
    x = c.edit.add(Relu{}, {x});
    const auto o = c.run(c.quantize(x, {-1}, {14.9375f}));  // steps of 1/16, zero at code 16
    EXPECT_EQ(o.epilogue.ops.size(), 1u);
    EXPECT_EQ(o.epilogue.low, 16);
    EXPECT_EQ(o.epilogue.high, 255);
    EXPECT_EQ(o.wanted, o.got);
}

TEST(Program, AClampBeforeSignedCodesToo) {
    Chain c;
    const Value x = c.edit.add(Clamp{-0.5, 1}, {c.floats()});
    const auto o = c.run(c.quantize(x, {-8}, {7.9375f}, -128));
    EXPECT_EQ(functions(o.epilogue), 0u);
    EXPECT_EQ(o.epilogue.low, -8);
    EXPECT_EQ(o.epilogue.high, 16);
    EXPECT_EQ(o.wanted, o.got);
}

TEST(Program, AReluStaysWhereZeroIsNotTheSameCodeInAllChannels) {
    Chain c;
    const Value x = c.edit.add(Relu{}, {c.floats()});
    std::vector<float> low, high;
    for (int i = 0; i < kChannels; ++i) {
        low.push_back(-0.25f * static_cast<float>(i));
        high.push_back(low.back() + 255.0f / 64);
    }
    const auto o = c.run(c.quantize(x, low, high));
    EXPECT_EQ(functions(o.epilogue), 1u);
    EXPECT_EQ(o.wanted, o.got);
}

TEST(Program, ASumOfCodesIsTwoOperations) {
    Chain c;
    Value x = c.edit.add(Add{}, {c.codes(0.25f, 10), c.codes(0.25f, 3)});
    x = c.edit.add(Relu{}, {x});
    const auto o = c.run(c.quantize(x, {0}, {127.5f}));
    ASSERT_EQ(o.epilogue.ops.size(), 2u);
    EXPECT_EQ(o.epilogue.ops[0].kind, EpilogueOp::Kind::scale_shift);
    EXPECT_EQ(o.epilogue.ops[1].kind, EpilogueOp::Kind::combine);
    EXPECT_EQ(o.epilogue.ops[1].operand_type, DataType::u8);
    EXPECT_EQ(o.epilogue.ops[1].shift, std::vector<float>{0}) << "the value in flight carries it";
    EXPECT_EQ(o.wanted, o.got);
}

TEST(Program, ADifferenceKeepsItsSides) {
    for (const bool swapped : {false, true}) {
        Chain c;
        const Value a = c.codes(0.25f, 10), b = c.codes(0.5f, 3);
        const Value x = swapped ? c.edit.add(Subtract{}, {b, a}) : c.edit.add(Subtract{}, {a, b});
        const auto o = c.run(c.edit.add(Multiply{}, {x, c.number(0.5f)}));
        EXPECT_EQ(o.wanted, o.got);
    }
}

// A chain of random ops: sums, products and functions in any order, at last perhaps codes.
class RandomChain {
public:
    explicit RandomChain(unsigned seed) : random_(seed) {}

    Chain::Outcome run() {
        Value x = below(2) == 0 ? c_.floats() : c_.codes(0.0625f, static_cast<float>(below(256)));
        for (int i = 2 + below(7); i > 0; --i) x = step(x);
        if (below(2) == 0) {
            const bool negative = below(2) == 0;
            const float low = -0.5f * static_cast<float>(below(9));
            x = c_.quantize(x, {low}, {low + 255.0f / 16}, negative ? -128 : 0);
        }
        return c_.run(x);
    }

private:
    int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    Value operand() {
        switch (below(3)) {
            case 0: return c_.number(0.25f * static_cast<float>(1 + below(8)));
            case 1: return c_.per_channel(0.5f, 0.125f * static_cast<float>(below(4)));
            default:
                return c_.inputs.size() > 3 ? c_.number(-1.5f)
                       : below(2) == 0      ? c_.floats()
                                            : c_.codes(0.03125f, 100.5f);
        }
    }
    Value step(Value x) {
        Edit& e = c_.edit;
        const Value other = operand();
        const bool first = below(2) == 0;
        const Value a = first ? x : other, b = first ? other : x;
        switch (below(16)) {
            case 0:
            case 1: return e.add(Add{}, {a, b});
            case 2: return e.add(Subtract{}, {a, b});
            case 3:
            case 4: return e.add(Multiply{}, {a, b});
            case 5: return e.add(Divide{}, {x, c_.per_channel(1, 0.5f)});
            case 6: return e.add(Maximum{}, {a, b});
            case 7: return e.add(Minimum{}, {a, b});
            case 8: return e.add(Relu{}, {x});
            case 9: return e.add(Clamp{-1.5, 2.25}, {x});
            case 10: return e.add(Sigmoid{}, {x});
            case 11: return e.add(Tanh{}, {x});
            case 12: return e.add(PRelu{}, {x, e.constant(numbers({kChannels}, {0, 0.5f, -0.5f, 0.25f, 1, 2, -1}))});
            case 13: return e.add(HSwish{}, {x});
            case 14: return e.add(Abs{}, {x});
            default: return e.add(Elu{0.5}, {x});
        }
    }

    std::mt19937 random_;
    Chain c_;
};

TEST(Program, RandomChainsMeanWhatTheirOpsMean) {
    std::size_t codes = 0, off = 0;
    for (unsigned seed = 0; seed < 1000; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        const auto o = RandomChain(seed).run();
        if (o.wanted.element() == Element::f32) {
            expect_near(o.wanted, o.got, 2e-5);
        } else {
            expect_near(o.wanted, o.got, 1);
            codes += o.wanted.size();
            for (std::size_t i = 0; i < o.wanted.size(); ++i) off += o.wanted.at(i) != o.got.at(i);
        }
        if (HasFatalFailure()) return;
    }
    EXPECT_LT(static_cast<double>(off), 1e-3 * static_cast<double>(codes))
        << "codes beside a tie may differ by one, others must not";
}

}  // namespace
}  // namespace octet::cpu::testing
