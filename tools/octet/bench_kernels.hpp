#pragma once
#include <octet/report.hpp>
#include <string>

namespace octet::tools {

// Steps with times as a table, the longest first: time, share, products and bytes a second. peak_gops: what the machine reaches with the
// threads that ran, for the share of it; 0: no such column.
std::string kernel_table(const Report& report, double peak_gops);

}  // namespace octet::tools
