#pragma once
// Estimated times of a layer's exact forms, for choosing between them. Only their ratio matters.
#include <span>

#include "transformations/low_precision/parts.hpp"

namespace octet::low_precision {

// What a device does in a nanosecond on one core, and how long a step takes that does nothing.
struct Costs {
    double products_of_codes;  // multiply-adds
    double products_of_floats;
    double bytes;  // written by one step and read by another
    double step;   // nanoseconds
    // A 1x1 convolution adds up so many parts, of so many values of a pixel in all, in one kernel.
    std::size_t parts_of_one_sum;
    std::int64_t values_of_one_sum;
    bool integers_pay() const { return products_of_codes > products_of_floats; }
};

// Nanoseconds. Dimensions that are not known count as 32.
double time_in_float(const Costs& costs, const Weighted& w);
// As a sum over the parts, each on codes; `codes` is the op's data.
double time_on_codes(const Costs& costs, const Weighted& w, std::span<const Part> parts, ir::Value codes);
// Of the products of a Recurrence's state, which are its time, with `products` of them in a nanosecond.
double time_of_state(double products, const ir::Graph& graph, const ir::Node& recurrence);

}  // namespace octet::low_precision
