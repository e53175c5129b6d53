#pragma once
// What can be wrong with a graph: a pipeline changes its results, or a device gives others than REFERENCE.
#include "ir/tensor.hpp"
#include "transformations/rewrite/pipeline.hpp"
#include "transformations/rewrite/reduce.hpp"

namespace octet::tools {

// The largest difference over the outputs, each as a share of the range of what is expected. Throws Error where shapes differ.
double difference(const ir::Tensors& expected, const ir::Tensors& got);

// Random contents for the graph's parameters; unknown dimensions are 1.
ir::Tensors random_parameters(const ir::Graph& graph, std::uint64_t seed);

// "other results", or the error without its names and numbers. Graphs that REFERENCE cannot run have no fault.
rewrite::Fault pipeline_fault(rewrite::Pipeline pipeline, rewrite::Options options, double tolerance,
                              std::uint64_t seed);
rewrite::Fault device_fault(std::string device, double tolerance, std::uint64_t seed);

}  // namespace octet::tools
