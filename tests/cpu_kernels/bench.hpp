#pragma once
// The files of octet_bench_kernels.
#include <benchmark/benchmark.h>

namespace octet::cpu {

void register_transformer_benchmarks();
void register_float_benchmarks();

}  // namespace octet::cpu
