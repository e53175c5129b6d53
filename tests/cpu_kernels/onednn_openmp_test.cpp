// oneDNN's own OpenMP must neither be used by our kernels nor change what the application set, nor break a forked child.
#include <gtest/gtest.h>
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <vector>

#include "plugins/cpu/kernels/onednn/convolution.hpp"
#include "plugins/cpu/pool.hpp"

namespace octet::cpu {
namespace {

struct Problem {
    Problem() : weights(64 * 64 * 9), source(28 * 28 * 64) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            weights[i] = static_cast<std::int8_t>(i * 7 % 63) - 31;
        }
        for (std::size_t i = 0; i < source.size(); ++i) {
            source[i] = static_cast<std::uint8_t>(i * 13);
        }
        convolution.height = convolution.width = 28;
        convolution.ic = convolution.oc = 64;
        convolution.kernel_h = convolution.kernel_w = 3;
        convolution.pad_top = convolution.pad_left = convolution.pad_bottom = convolution.pad_right = 1;
        convolution.weights = weights.data();
        convolution.epilogue.result = DataType::f32;
        convolution.threads = 2;
    }

    std::vector<float> run(ThreadPool& pool) const {
        const onednn::Creation creation = onednn::create(convolution);
        std::vector<float> result(28 * 28 * 64);
        std::vector<std::byte> scratch(creation.kernel->scratch_bytes() + 64);
        onednn::Args args;
        args.src = source.data();
        args.dst = result.data();
        args.scratch = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64);
        pool.parallel(static_cast<std::size_t>(creation.kernel->parts()), [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t part = begin; part < end; ++part) {
                creation.kernel->run(args, static_cast<int>(part));
            }
        });
        return result;
    }

    std::vector<std::int8_t> weights;
    std::vector<std::uint8_t> source;
    onednn::Convolution convolution;
};

int threads_of_this_process() {
    int count = 0;
    std::FILE* file = std::fopen("/proc/self/status", "r");
    char line[256];
    while (file != nullptr && std::fgets(line, sizeof(line), file) != nullptr) {
        std::sscanf(line, "Threads: %d", &count);
    }
    if (file != nullptr) {
        std::fclose(file);
    }
    return count;
}

// First in the file: an application's region would start threads of its own.
TEST(OneDnnOpenMp, KernelsStartNoThreads) {
    omp_set_num_threads(4);
    const Problem problem;
    ThreadPool pool(2);
    problem.run(pool);
    EXPECT_EQ(threads_of_this_process(), 2);
    EXPECT_EQ(omp_get_max_threads(), 4);
}

TEST(OneDnnOpenMp, ChildAfterForkComputesTheSame) {
    omp_set_num_threads(4);
    const Problem problem;
    ThreadPool pool(2);
    const std::vector<float> expected = problem.run(pool);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(problem.run(pool) == expected ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(OneDnnOpenMp, InsideAnApplicationsParallelRegion) {
    omp_set_num_threads(4);
    const Problem problem;
    ThreadPool outside(2);
    const std::vector<float> expected = problem.run(outside);
    std::atomic<int> wrong{0};
#pragma omp parallel num_threads(3)
    {
        ThreadPool pool(2);
        for (int i = 0; i < 20; ++i) {
            wrong += problem.run(pool) != expected;
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(omp_get_max_threads(), 4);
    std::atomic<int> members{0};
#pragma omp parallel
    ++members;
    EXPECT_EQ(members, 4) << "the application's own setting still holds";
}

}  // namespace
}  // namespace octet::cpu
