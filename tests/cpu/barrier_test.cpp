// Tasks that wait for each other, and recurrences, whose tasks do after every step.
#include "plugins/cpu/barrier.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "plugins/cpu/pool.hpp"
#include "tests/cpu/support.hpp"

namespace octet::cpu {
namespace {

// Each task sums what all of them wrote in the round before.
TEST(Barrier, TasksSeeWhatOthersWroteBeforeIt) {
    constexpr std::uint32_t kRounds = 2000;
    for (const std::size_t tasks : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
        ThreadPool pool(static_cast<int>(tasks));
        struct alignas(Barrier::kLine) Line {
            std::byte bytes[Barrier::kLine];
        };
        std::vector<Line> memory(tasks);
        const Barrier barrier(memory.data()->bytes, tasks);
        std::vector<std::uint64_t> now(tasks, 1), next(tasks);
        std::vector<int> wrong(tasks);
        pool.parallel(tasks, [&](std::size_t begin, std::size_t end, int) {
            EXPECT_EQ(end, begin + 1);
            for (std::uint32_t round = 0; round < kRounds; ++round) {
                const auto& from = round % 2 == 0 ? now : next;
                auto& to = round % 2 == 0 ? next : now;
                const std::uint64_t wanted = round + 1;
                wrong[begin] += std::ranges::all_of(from, [&](std::uint64_t x) { return x == wanted; }) ? 0 : 1;
                to[begin] = wanted + 1;
                barrier.meet(begin, round + 1);
            }
        });
        EXPECT_EQ(wrong, std::vector<int>(tasks)) << tasks << " tasks";
    }
}

using namespace ir;
using namespace octet::cpu::testing;

TEST(Barrier, RecurrencesAreTheSameWithAnyNumberOfThreads) {
    constexpr std::int64_t kHidden = 200;
    for (const auto& [kind, gate_count] : {std::pair{RecurrentKind::lstm, 4}, {RecurrentKind::gru, 3}}) {
        Graph graph;
        Edit edit(graph);
        const Type gates{Element::f32, {3, 6, gate_count * kHidden}}, state{Element::f32, {3, 1, kHidden}};
        const auto constant = [&](const Type& type, unsigned seed) {
            return edit.constant(random_tensor(type, seed, -99, 99, 1000));
        };
        std::vector<Value> operands{constant(gates, 1), constant(state, 2),
                                    edit.constant(Tensor::vector<std::int64_t>({6, 0, 4})),
                                    constant({Element::f32, {1, gate_count * kHidden, kHidden}}, 3)};
        if (kind == RecurrentKind::lstm) operands.push_back(constant(state, 4));
        const Value y = edit.add(Recurrence{.kind = kind, .hidden_size = kHidden}, operands);
        edit.add(Result{}, {y});
        edit.add(Result{}, {{y.node, 1}});
        const auto results = [&](int threads) {
            const auto shared = std::make_shared<const Graph>(graph);
            return run_plan(Planner(shared, detect_machine(), threads).run(), {}, threads);
        };
        const Tensors alone = results(1);
        for (const int threads : {2, 5}) {
            const Tensors shared = results(threads);
            for (std::size_t i = 0; i < alone.size(); ++i)
                EXPECT_TRUE(std::ranges::equal(alone[i].as<float>(), shared[i].as<float>())) << threads << " threads";
        }
    }
}

}  // namespace
}  // namespace octet::cpu
