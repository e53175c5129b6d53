// benchmark_app as scripts use it: a process, its lines, its files, its exit code.
#include <pty.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/samples/command.hpp"

namespace octet::samples {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

Words joined(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Outcome bench(const ModelFolder& folder, const Words& more) {
    return run_program("benchmark_app", joined({"-m", "model.xml", "-d", "CPU"}, more), folder.path);
}

// The first group of the expression in the text; fails the test where there is none.
std::string find(const std::string& text, const std::string& expression) {
    std::smatch match;
    if (std::regex_search(text, match, std::regex(expression))) return match[1];
    ADD_FAILURE() << "no '" << expression << "' in\n" << text;
    return "0";
}
double number(const std::string& text, const std::string& expression) { return std::stod(find(text, expression)); }

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

void expect_error(const Outcome& outcome, const std::string& message) {
    EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
    EXPECT_EQ(outcome.errors, "[ ERROR ] " + message + "\n");
}

const Words kSteps{"Parsing and validating input arguments",
                   "Loading Octet Runtime",
                   "Setting device configuration",
                   "Reading model files",
                   "Resizing model to match image sizes and given batch",
                   "Configuring input of the model",
                   "Loading the model to the device",
                   "Querying optimal runtime parameters",
                   "Creating infer requests and preparing input tensors",
                   "Measuring performance",
                   "Dumping statistics report"};

TEST(BenchmarkApp, PrintsTheElevenStepsAndTheLinesThatScriptsRead) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder, {"-niter", "12", "-nireq", "3"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(outcome.errors, "");
    std::size_t at = 0;
    for (std::size_t i = 0; i < kSteps.size(); ++i) {
        at = outcome.output.find("[Step " + std::to_string(i + 1) + "/11] " + kSteps[i], at);
        ASSERT_NE(at, std::string::npos) << kSteps[i] << " is missing in\n" << outcome.output;
    }
    const std::string ms = R"(([\d]+\.\d\d) ms\n)";
    EXPECT_GT(number(outcome.output, R"(\[ INFO \] Read model took )" + ms), 0);
    EXPECT_GT(number(outcome.output, R"(\[ INFO \] Compile model took )" + ms), 0);
    EXPECT_GE(number(outcome.output, R"(\[ INFO \] First inference took )" + ms), 0);
    EXPECT_EQ(number(outcome.output, R"(\[ INFO \] Model batch size: (\d+)\n)"), 1);
    EXPECT_EQ(find(outcome.output, R"(\(Start inference (.*)\)\n)").substr(0, 43),
              "asynchronously, 3 inference requests using ");
    EXPECT_THAT(outcome.output, HasSubstr("data (node: data) : f32 / [N,C,H,W] / [1,3,8,8]\n"));
    EXPECT_THAT(outcome.output,
                HasSubstr("[ WARNING ] No input files were given: all inputs will be filled with random values!\n"));
}

TEST(BenchmarkApp, FinalBlockHasItsColumnsAndAddsUp) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder, {"-t", "300ms"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    const std::regex block(R"(\[ INFO \] Execution Devices: \[ CPU \]
\[ INFO \] Count:               (\d+) iterations
\[ INFO \] Duration:            ([\d.]+) ms
\[ INFO \] Latency:
\[ INFO \]    Median:           ([\d.]+) ms
\[ INFO \]    Average:          ([\d.]+) ms
\[ INFO \]    Min:              ([\d.]+) ms
\[ INFO \]    Max:              ([\d.]+) ms
\[ INFO \] Throughput:          ([\d.]+) FPS
$)");
    std::smatch match;
    ASSERT_TRUE(std::regex_search(outcome.output, match, block)) << outcome.output;
    const double count = std::stod(match[1]), duration = std::stod(match[2]), median = std::stod(match[3]),
                 average = std::stod(match[4]);
    const double min = std::stod(match[5]), max = std::stod(match[6]), throughput = std::stod(match[7]);
    EXPECT_GE(duration, 295);
    EXPECT_GT(count, 10);
    EXPECT_LE(min, median);
    EXPECT_LE(median, max);
    EXPECT_LE(min, average);
    EXPECT_LE(average, max);
    EXPECT_NEAR(throughput, 1000 * count / duration, 0.01 * throughput);
}

TEST(BenchmarkApp, IterationsAreRoundedUpToTheRequests) {
    const ModelFolder folder;
    EXPECT_EQ(number(bench(folder, {"-niter", "10", "-nireq", "4", "-api", "async"}).output,
                     R"(Count: +(\d+) iterations)"),
              12);
    EXPECT_EQ(number(bench(folder, {"-niter", "10", "-api", "sync"}).output, R"(Count: +(\d+) iterations)"), 10);
}

TEST(BenchmarkApp, IterationsAndTimeMustBothBeReached) {
    const ModelFolder folder;
    const Outcome few = bench(folder, {"-niter", "2", "-t", "0.2", "-api", "sync"});
    EXPECT_GE(number(few.output, R"(Duration: +([\d.]+) ms)"), 195);
    EXPECT_GT(number(few.output, R"(Count: +(\d+) iterations)"), 2);
    EXPECT_THAT(few.output, HasSubstr("(Start inference synchronously, limits: 200 ms duration, 2 iterations)"));
    EXPECT_EQ(number(bench(folder, {"-niter", "30000", "-t", "1ms", "-api", "sync"}).output,
                     R"(Count: +(\d+) iterations)"),
              30000);
}

TEST(BenchmarkApp, LatencyHintMeansSynchronous) {
    const ModelFolder folder;
    const std::string output = bench(folder, {"-hint", "latency", "-niter", "4"}).output;
    EXPECT_THAT(output, HasSubstr("(Start inference synchronously, limits: 4 iterations)"));
    EXPECT_THAT(output, Not(HasSubstr("Performance hint was not given")));
    EXPECT_THAT(output, HasSubstr("PERFORMANCE_HINT: LATENCY\n"));
    EXPECT_THAT(bench(folder, {"-niter", "4"}).output,
                HasSubstr("Performance hint was not given with -hint: THROUGHPUT is used for CPU\n"));
}

TEST(BenchmarkApp, StreamsThreadsAndRequestsReachTheDevice) {
    const ModelFolder folder;
    const std::string output =
        bench(folder, {"-hint", "none", "-nstreams", "2", "-nthreads", "2", "-niter", "4"}).output;
    EXPECT_THAT(output, HasSubstr("  NUM_STREAMS: 2\n"));
    EXPECT_THAT(output, HasSubstr("  INFERENCE_NUM_THREADS: 2\n"));
    EXPECT_THAT(output,
                HasSubstr("asynchronously, 2 inference requests using 2 streams for CPU, limits: 4 iterations"));
}

TEST(BenchmarkApp, BatchAndShapeChangeTheModelAndTheFrames) {
    const ModelFolder folder;
    const Outcome batch = bench(folder, {"-b", "4", "-niter", "6", "-api", "sync"});
    EXPECT_THAT(batch.output, HasSubstr("Reshaping model: 'data': [4,3,8,8]\n"));
    EXPECT_EQ(number(batch.output, R"(Model batch size: (\d+))"), 4);
    const double duration = number(batch.output, R"(Duration: +([\d.]+) ms)");
    const double frames = number(batch.output, R"(Throughput: +([\d.]+) FPS)") * duration / 1000;
    EXPECT_NEAR(frames, 24, 24 * (0.02 + 0.01 / duration));
    EXPECT_THAT(bench(folder, {"-shape", "data[1,3,16,16]", "-niter", "1"}).output,
                HasSubstr("data ([N,C,H,W], f32, [1,3,16,16], static): random (image is expected)\n"));
}

TEST(BenchmarkApp, CompileOnlySkipsTheInference) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder, {"-niter", "0", "-report_type", "average_counters"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(outcome.output,
                HasSubstr("[ INFO ] Model compiled successfully. Skipping inference due to -niter 0.\n"));
    EXPECT_THAT(outcome.output, HasSubstr("[Step 10/11] Measuring performance (skipped)\n"));
    EXPECT_THAT(outcome.output, Not(HasSubstr("Throughput")));
    EXPECT_THAT(folder.names(), ElementsAre("benchmark_report.csv", "model.xml"));
}

TEST(BenchmarkApp, FailsWhenLessIsInt8ThanRequired) {
    const ModelFolder folder;
    EXPECT_EQ(bench(folder, {"-niter", "1", "-require_int8", "0%"}).exit_code, 0);
    const Outcome outcome = bench(folder, {"-niter", "1", "-require_int8", "100%", "-report_type", "no_counters"});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.output, HasSubstr("Throughput:"));
    EXPECT_THAT(outcome.errors, AllOf(HasSubstr("[ ERROR ] "), HasSubstr("% of the layers that compute are int8 ("),
                                      HasSubstr("), 100.0% were required; float: ")));
    EXPECT_THAT(folder.names(), ElementsAre("benchmark_report.csv", "model.xml"));
    const Outcome time = bench(folder, {"-niter", "1", "-require_int8", "100%time"});
    EXPECT_EQ(time.exit_code, 3);
    EXPECT_THAT(time.output, HasSubstr("as -require_int8 asks for"));
    EXPECT_THAT(time.errors, HasSubstr("of the time of the layers that compute is int8, 100.0% was required; float: "));
    EXPECT_THAT(bench(folder, {"-niter", "0", "-require_int8", "50%time"}).errors, HasSubstr("no times were measured"));
    EXPECT_THAT(bench(folder, {"-require_int8", "half"}).errors,
                HasSubstr("option '-require_int8': got 'half', wanted a share of int8 such as '95%'"));
}

TEST(BenchmarkApp, SummaryHasItsSectionsAndLabels) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder, {"-niter", "5", "-api", "sync", "-report_type", "no_counters",
                                           "-report_folder", "a/b"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(folder.names(), ElementsAre("a", "a/b", "a/b/benchmark_report.csv", "model.xml"));
    const std::string time = R"(\d+\.\d{6};)";
    const std::regex expected(
        "Command line "
        "parameters;\nm;model.xml;\nd;CPU;\nniter;5;\napi;sync;\nreport_type;no_counters;\nreport_folder;a/b;\n\n"
        "Configuration setup;\nbenchmark mode;inference only;\ntopology;[^;]+;\ntarget device;CPU;\nAPI;sync;\n"
        "precision;0 of 2 layers in int8;\nbatch size;1;\nnumber of iterations;5;\nnumber of parallel infer "
        "requests;1;\n"
        "duration \\(ms\\);0;\nnumber of CPU streams;1;\n\n"
        "Execution results;\nread model time \\(ms\\);" +
        time + "\ncompile model time \\(ms\\);" + time + "\nfirst inference time \\(ms\\);" + time +
        "\ntotal execution time \\(ms\\);" + time + "\ntotal number of iterations;5;\nMedian latency \\(ms\\);" + time +
        "\nPercentile boundary;50;\nAverage latency \\(ms\\);" + time + "\nMin latency \\(ms\\);" + time +
        "\nMax latency \\(ms\\);" + time + "\nthroughput;" + time + "\n\n");
    const std::string report = folder.read("a/b/benchmark_report.csv");
    EXPECT_TRUE(std::regex_match(report, expected)) << report;
}

// Name, status, type, kernel and the two times of each row; a quoted name counts as one field.
struct Row {
    std::string name, status, kernel;
    double real = 0;
};
std::vector<Row> rows_of(const std::string& csv) {
    std::vector<Row> rows;
    const std::regex expression(R"re(("[^"]*"|[^;]*);([A-Z_]*);([^;]*);([^;]*);(\d+\.\d{3});(\d+\.\d{3});)re");
    for (const auto& line : lines_of(csv)) {
        std::smatch m;
        if (std::regex_match(line, m, expression)) rows.push_back({m[1], m[2], m[4], std::stod(m[5])});
        else
            EXPECT_TRUE(line.empty() || line == "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);")
                << line;
    }
    return rows;
}

TEST(BenchmarkApp, AverageCountersAreOneBlockThatAddsUp) {
    const ModelFolder folder;
    folder.write("model.xml", small_model("1,3,256,256"));
    const Outcome outcome = bench(folder, {"-niter", "50", "-api", "sync", "-report_type", "average_counters"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(folder.names(),
                ElementsAre("benchmark_average_counters_report.csv", "benchmark_report.csv", "model.xml"));
    const std::string csv = folder.read("benchmark_average_counters_report.csv");
    EXPECT_TRUE(csv.starts_with("layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);\n")) << csv;
    EXPECT_TRUE(csv.ends_with(";\n\n")) << csv;
    const auto rows = rows_of(csv);
    ASSERT_GE(rows.size(), 3u);
    EXPECT_EQ(rows.back().name, "Total");
    double sum = 0;
    std::size_t executed = 0;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
        sum += rows[i].real;
        if (rows[i].status == "EXECUTED") {
            ++executed;
            EXPECT_TRUE(std::regex_search(rows[i].kernel, std::regex("_(FP32|I8)$"))) << rows[i].kernel;
        } else {
            EXPECT_EQ(rows[i].real, 0) << rows[i].name;
            EXPECT_EQ(rows[i].kernel, "undef");
        }
    }
    EXPECT_GE(executed, 1u);
    EXPECT_NEAR(rows.back().real, sum, 0.0006 * static_cast<double>(rows.size()));
    const double average = number(outcome.output, R"(Average: +([\d.]+) ms)");
    EXPECT_GT(sum, 0.1 * average) << csv << outcome.output;
    EXPECT_LT(sum, 1.1 * average + 0.02) << csv << outcome.output;
    EXPECT_THAT(csv, AllOf(HasSubstr("\nfirst;"), HasSubstr("\n\"sec;ond\";"), HasSubstr(";Sigmoid;")));
}

TEST(BenchmarkApp, DetailedCountersHaveABlockForEachRequest) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder, {"-niter", "6", "-nireq", "3", "-report_type", "detailed_counters"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    const auto rows = rows_of(folder.read("benchmark_detailed_counters_report.csv"));
    EXPECT_EQ(std::ranges::count_if(rows, [](const Row& row) { return row.name == "Total"; }), 3);
}

TEST(BenchmarkApp, CountersOnTheConsoleHaveFullNames) {
    const ModelFolder folder;
    std::string model = small_model();
    const std::string name(70, 'x');
    for (std::size_t at = model.find("\"first\""); at != std::string::npos; at = model.find("\"first\""))
        model.replace(at, 7, "\"" + name + "\"");
    folder.write("model.xml", model);
    const Outcome outcome = bench(folder, {"-niter", "2", "-nireq", "1", "-pc"});
    EXPECT_THAT(outcome.output, HasSubstr("Performance counts for 0-th infer request:\n"));
    EXPECT_TRUE(std::regex_search(
        outcome.output,
        std::regex(
            "\n" + name +
            " +(EXECUTED|OPTIMIZED_OUT) +layerType: ReLU +execType: .*realTime \\(ms\\): \\d+\\.\\d{3} +cpuTime")));
    EXPECT_THAT(outcome.output,
                AllOf(HasSubstr("\nTotal time: "), HasSubstr("\nTotal CPU time: "), HasSubstr("\nFull device name: ")));
}

TEST(BenchmarkApp, PercentilesAreAListUpToAHundred) {
    const ModelFolder folder;
    const std::string output =
        bench(folder, {"-niter", "20", "-api", "sync", "-latency_percentile", "90,99.9,100"}).output;
    EXPECT_TRUE(std::regex_search(output, std::regex(R"(\[ INFO \]    90 percentile:    [\d.]+ ms\n)"))) << output;
    EXPECT_EQ(find(output, R"(   100 percentile: +([\d.]+) ms)"), find(output, R"(   Max: +([\d.]+) ms)"));
    EXPECT_THAT(output, Not(HasSubstr("Median")));
}

TEST(BenchmarkApp, BadOptionsAreOneSentenceAndExitCodeThree) {
    const ModelFolder folder;
    expect_error(run_program("benchmark_app", {"-d", "CPU"}, folder.path),
                 "Model is required but not set: give one with -m, -h lists all options");
    expect_error(bench(folder, {"-api", "fast"}), "option '-api': got 'fast', wanted sync or async");
    expect_error(bench(folder, {"-hint", "x"}),
                 "option '-hint': got 'x', wanted throughput, tput, latency, cumulative_throughput, ctput or none");
    expect_error(bench(folder, {"-report_type", "x"}),
                 "option '-report_type': got 'x', wanted no_counters, average_counters or detailed_counters");
    expect_error(bench(folder, {"-nitr", "5"}), "unknown option '-nitr', did you mean '-niter'; -h lists all options");
    expect_error(bench(folder, {"-flagfile=x"}), "unknown option '-flagfile'; -h lists all options");
    expect_error(bench(folder, {"-niter", "many"}),
                 "option '-niter': got 'many', wanted a whole number that is not negative");
    expect_error(bench(folder, {"-niter"}), "option '-niter' needs a value");
    expect_error(bench(folder, {"-niter", "2", "-api", "sync", "-nireq", "3"}),
                 "option '-nireq': got 3 requests for 2 iterations, wanted at most as many with -api sync");
    expect_error(bench(folder, {"-t", "soon"}),
                 "option '-t': got 'soon', wanted a time such as '10', '1.5' or '200ms'");
    expect_error(bench(folder, {"-latency_percentile", "0"}),
                 "option '-latency_percentile': got '0', wanted numbers above 0 and up to 100, separated by commas");
    expect_error(bench(folder, {"-nstreams", "GPU:2"}),
                 "option '-nstreams': got 'GPU:2', wanted a number from 1 on, or CPU:N");
}

TEST(BenchmarkApp, AFailedRunLeavesAReportWithTheError) {
    const ModelFolder folder;
    const Outcome outcome = bench(folder,
                                  {"-shape", "other[1]", "-report_type", "average_counters", "-report_folder", "r"});
    expect_error(outcome, "option '-shape': the model has no input 'other'");
    EXPECT_THAT(folder.names(), ElementsAre("model.xml", "r", "r/benchmark_report.csv"));
    EXPECT_THAT(folder.read("r/benchmark_report.csv"),
                HasSubstr("\nerror;option '-shape': the model has no input 'other';\n"));
}

TEST(BenchmarkApp, AReportThatCannotBeWrittenIsAnError) {
    const ModelFolder folder;
    folder.write("file", "");
    const Outcome outcome = bench(folder, {"-niter", "1", "-report_type", "no_counters", "-report_folder", "file/in"});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.errors, HasSubstr("[ ERROR ] 'file/in': folder cannot be created: Not a directory\n"));
    EXPECT_THAT(outcome.output, Not(HasSubstr("is stored to")));
}

TEST(BenchmarkApp, OldAndPythonSpellingsAreTaken) {
    const ModelFolder folder;
    const Outcome outcome = run_program("benchmark_app",
                                        {"--path_to_model=model.xml", "--target_device", "cpu", "--number_iterations",
                                         "3", "--api_type=sync", "-progress", "true", "-imean", "[1,2,3]"},
                                        folder.path);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(number(outcome.output, R"(Count: +(\d+) iterations)"), 3);
    EXPECT_THAT(outcome.output,
                HasSubstr("[ WARNING ] option '-progress' has no effect: a terminal always shows the progress\n"));
    EXPECT_THAT(outcome.output,
                HasSubstr("[ WARNING ] option '-imean' has no effect: mean values belong into the model\n"));
}

TEST(BenchmarkApp, HelpListsOptionsAndDevices) {
    const ModelFolder folder;
    const Outcome outcome = run_program("benchmark_app", {"-h"}, folder.path);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_TRUE(outcome.output.starts_with("[Step 1/11] Parsing and validating input arguments\n"));
    EXPECT_THAT(outcome.output, AllOf(HasSubstr("    -report_type <value> "), HasSubstr("--path_to_model"),
                                      HasSubstr("Available devices: CPU (")));
}

TEST(BenchmarkApp, ATerminalShowsABarAndOthersDoNot) {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0)
        GTEST_SKIP() << "this system gives out no terminals";
    ::close(master);
    ::close(slave);
    const ModelFolder folder;
    const Words arguments{"-m", "model.xml", "-t", "0.6", "-nireq", "1"};
    const Outcome terminal = run_on_terminal("benchmark_app", arguments, folder.path);
    EXPECT_EQ(terminal.exit_code, 0);
    EXPECT_TRUE(std::regex_search(terminal.output, std::regex(R"(\r\[=+ +\]  ?[1-9]\d% \d+ iterations)")))
        << terminal.output;
    EXPECT_TRUE(std::regex_search(terminal.output, std::regex(R"(\r\[={40}\] 100% \d+ iterations\r\n\[Step 11)")));
    EXPECT_THAT(run_program("benchmark_app", arguments, folder.path).output,
                AllOf(Not(HasSubstr("==")), Not(HasSubstr("\r"))));
}

TEST(BenchmarkApp, OtherDevices) {
    const ModelFolder folder;
    EXPECT_THAT(run_program("benchmark_app", {"-m", "model.xml", "-d", "REFERENCE", "-niter", "2"}, folder.path).output,
                HasSubstr("Execution Devices: [ REFERENCE ]\n"));
    const Outcome unknown = run_program("benchmark_app", {"-m", "model.xml", "-d", "CPX"}, folder.path);
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_THAT(unknown.errors, AllOf(HasSubstr("there is no device 'CPX'"), HasSubstr("CPU, REFERENCE")));
}

TEST(BenchmarkApp, FilesForInputs) {
    const ModelFolder folder;
    folder.write("a.bin", std::string(3 * 8 * 8 * 4, '\0'));
    folder.write("short.bin", "abc");
    folder.write("p.ppm", picture(20, 10));
    const Words few{"-niter", "1", "-nireq", "1"};
    EXPECT_THAT(bench(folder, joined(few, {"-i", "data:a.bin"})).output,
                HasSubstr("data ([N,C,H,W], f32, [1,3,8,8], static): a.bin\n"));
    EXPECT_THAT(bench(folder, joined(few, {"-i", "p.ppm"})).output,
                HasSubstr("[ WARNING ] Image is resized from (20, 10) to (8, 8)\n"));
    expect_error(bench(folder, joined(few, {"-i", "short.bin"})),
                 "File short.bin contains 3 bytes, but the model expects 768 for input 'data'");
    expect_error(bench(folder, joined(few, {"-i", "image:a.bin"})),
                 "Input name \"image\" used in -i parameter doesn't match any model's input");
    expect_error(bench(folder, joined(few, {"-i", "gone.bin"})), "option '-i': file 'gone.bin' does not exist");
}

}  // namespace
}  // namespace octet::samples
