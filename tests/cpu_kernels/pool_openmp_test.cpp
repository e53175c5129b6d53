#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>

#include "plugins/cpu/pool.hpp"

namespace octet::cpu {
namespace {

TEST(OneOpenMpThread, HoldsForThisThreadAndGoesBack) {
    omp_set_num_threads(3);
    {
        const OneOpenMpThread outer;
        EXPECT_EQ(omp_get_max_threads(), 1);
        {
            const OneOpenMpThread inner;
            EXPECT_EQ(omp_get_max_threads(), 1);
        }
        EXPECT_EQ(omp_get_max_threads(), 1);
    }
    EXPECT_EQ(omp_get_max_threads(), 3);
}

TEST(OneOpenMpThread, PoolThreadsSeeOne) {
    omp_set_num_threads(4);
    ThreadPool pool(3);
    std::vector<int> seen(3, -1);
    pool.parallel(3, [&](std::size_t, std::size_t, int thread) {
        const OneOpenMpThread single;
        seen[static_cast<std::size_t>(thread)] = omp_get_max_threads();
    });
    EXPECT_EQ(seen, std::vector<int>(3, 1));
    std::vector<int> workers(3, 1);
    pool.parallel(3, [&](std::size_t, std::size_t, int thread) {
        if (thread != 0) {
            workers[static_cast<std::size_t>(thread)] = omp_get_max_threads();
        }
    });
    EXPECT_EQ(workers, std::vector<int>(3, 1)) << "without a scope of their own too";
    EXPECT_EQ(omp_get_max_threads(), 4);
}

TEST(ThreadPool, InsideAnApplicationsParallelRegion) {
    omp_set_num_threads(4);
    ThreadPool shared(2);
    std::atomic<int> parts{0};
    std::atomic<int> wrong{0};
#pragma omp parallel num_threads(3)
    {
        ThreadPool own(2);
        const int before = omp_get_max_threads();
        for (int i = 0; i < 200; ++i) {
            const OneOpenMpThread single;
            wrong += omp_get_max_threads() != 1;
            own.parallel(2, [&](std::size_t, std::size_t, int) { ++parts; });
            shared.parallel(2, [&](std::size_t, std::size_t, int) { ++parts; });
        }
        wrong += omp_get_max_threads() != before;
    }
    EXPECT_EQ(parts, 3 * 200 * 4);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(omp_get_max_threads(), 4);
}

}  // namespace
}  // namespace octet::cpu
