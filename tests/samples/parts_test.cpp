// The parts of benchmark_app that need no model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <octet/error.hpp>
#include <random>

#include "samples/benchmark_app/console.hpp"
#include "samples/benchmark_app/counters.hpp"
#include "samples/benchmark_app/flags.hpp"
#include "samples/benchmark_app/statistics.hpp"
#include "samples/benchmark_app/summary.hpp"

namespace octet::benchmark {
namespace {

TEST(Percentile, IsTheNearestRank) {
    const std::vector<double> four{1, 2, 3, 4};
    EXPECT_EQ(percentile(four, 50), 2);
    EXPECT_EQ(percentile(four, 50.1), 3);
    EXPECT_EQ(percentile(four, 75), 3);
    EXPECT_EQ(percentile(four, 100), 4);
    EXPECT_EQ(percentile(four, 0.1), 1);
    EXPECT_EQ(percentile(std::vector<double>{7}, 100), 7);
    std::vector<double> thousand(1000);
    std::iota(thousand.begin(), thousand.end(), 1.0);
    EXPECT_EQ(percentile(thousand, 99.9), 999);
    EXPECT_EQ(percentile(thousand, 99), 990);
}

TEST(Percentile, AgreesWithCountingOnRandomSamples) {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<double> samples(1 + random() % 50);
        for (auto& sample : samples) sample = static_cast<double>(random() % 10);
        std::ranges::sort(samples);
        const double boundary = 0.5 * static_cast<double>(1 + random() % 200);
        const double result = percentile(samples, boundary);
        const auto share = [&](double limit) {
            return 100.0 * static_cast<double>(std::ranges::count_if(samples, [&](double s) { return s <= limit; })) /
                   static_cast<double>(samples.size());
        };
        EXPECT_GE(share(result) + 1e-6, boundary);
        for (double smaller : samples) EXPECT_TRUE(smaller >= result || share(smaller) < boundary);
    }
}

TEST(Statistics, OfNothingIsZero) {
    const Statistics none = statistics_of({}, std::vector<double>{50});
    EXPECT_EQ(none.percentiles.at(0).ms, 0);
    EXPECT_EQ(none.max_ms, 0);
    const Statistics some = statistics_of({3, 1, 2}, std::vector<double>{50, 100});
    EXPECT_EQ(some.percentiles.at(0).ms, 2);
    EXPECT_EQ(some.percentiles.at(1).ms, 3);
    EXPECT_EQ(some.average_ms, 2);
    EXPECT_EQ(some.min_ms, 1);
    EXPECT_EQ(some.max_ms, 3);
}

TEST(EditDistance, CountsLetters) {
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("niter", "nitre"), 2u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(Csv, QuotesOnlyWhereNeeded) {
    EXPECT_EQ(csv_field("a b,c"), "a b,c");
    EXPECT_EQ(csv_field("a;b"), "\"a;b\"");
    EXPECT_EQ(csv_field("a\"b"), "\"a\"\"b\"");
}

TEST(Summary, HasEverySectionInOrder) {
    Summary summary;
    summary.add_number(Summary::Section::results, "throughput", 1.5);
    summary.add(Summary::Section::command_line, "m", "a;b.xml");
    EXPECT_EQ(summary.csv(),
              "Command line parameters;\nm;\"a;b.xml\";\n\nConfiguration setup;\n\nExecution "
              "results;\nthroughput;1.500000;\n\n");
}

TEST(ProgressBar, StaysInItsWidth) {
    EXPECT_EQ(progress_bar(0, 0), "[" + std::string(40, ' ') + "]   0% 0 iterations");
    EXPECT_EQ(progress_bar(0.5, 12), "[" + std::string(20, '=') + std::string(20, ' ') + "]  50% 12 iterations");
    EXPECT_EQ(progress_bar(7, 12), "[" + std::string(40, '=') + "] 100% 12 iterations");
}

LayerReport layer(std::string name, LayerStatus status, std::string precision, bool int8, double real_us) {
    LayerReport row;
    row.name = std::move(name);
    row.type = "Convolution";
    row.status = status;
    row.precision = std::move(precision);
    row.int8 = int8;
    row.kernel = status == LayerStatus::executed ? "jit_depthwise_avx512_vnni" : "";
    row.compute = true;
    row.real_time_us = real_us;
    row.cpu_time_us = 2 * real_us;
    return row;
}

Report report_with(double real_us) {
    Report report;
    report.layers = {layer("a", LayerStatus::executed, "u8", true, real_us),
                     layer("b", LayerStatus::fused, "u8", true, 0),
                     layer("c", LayerStatus::executed, "f32", false, real_us / 2),
                     layer("d", LayerStatus::not_run, "", false, 0)};
    return report;
}

TEST(Counters, MeansLeaveTheWarmUpOut) {
    // One warm-up of 50000 us, then four of 1000 us: a mean over five of 10800 us.
    const CounterTable table = mean_counters(report_with(50000), 1, report_with(10800), 4);
    ASSERT_EQ(table.size(), 4u);
    EXPECT_NEAR(table[0].real_ms, 1, 1e-9);
    EXPECT_NEAR(table[0].cpu_ms, 2, 1e-9);
    EXPECT_EQ(table[0].exec_type, "jit_depthwise_avx512_vnni_I8");
    EXPECT_EQ(table[0].status, "EXECUTED");
    EXPECT_EQ(table[1].status, "OPTIMIZED_OUT");
    EXPECT_EQ(table[1].exec_type, "undef");
    EXPECT_EQ(table[2].exec_type, "jit_depthwise_avx512_vnni_FP32");
    EXPECT_EQ(table[3].status, "NOT_RUN");
    EXPECT_EQ(counters_csv(std::vector<CounterTable>{table}),
              "layerName;execStatus;layerType;execType;realTime (ms);cpuTime "
              "(ms);\na;EXECUTED;Convolution;jit_depthwise_avx512_vnni_I8;1.000;2.000;\n"
              "b;OPTIMIZED_OUT;Convolution;undef;0.000;0.000;\nc;EXECUTED;Convolution;jit_depthwise_avx512_vnni_FP32;0."
              "500;1.000;\n"
              "d;NOT_RUN;Convolution;undef;0.000;0.000;\nTotal;;;;1.500;3.000;\n\n");
    EXPECT_EQ(precision_summary(report_with(1)), "2 of 3 layers in int8");
}

TEST(Counters, OfOneRequestSpellPrecisionsTheSameWay) {
    ProfilingInfo row;
    row.status = ProfilingInfo::Status::EXECUTED;
    row.node_name = "a";
    row.exec_type = "onednn_brgconv_i8";
    row.real_us = 12.3;
    ProfilingInfo other = row;
    other.exec_type = "some_kernel";
    const auto table = counters_of(std::vector<ProfilingInfo>{row, other});
    EXPECT_EQ(table[0].exec_type, "onednn_brgconv_I8");
    EXPECT_DOUBLE_EQ(table[0].real_ms, 0.0123);
    EXPECT_EQ(table[1].exec_type, "some_kernel");
}

}  // namespace
}  // namespace octet::benchmark
