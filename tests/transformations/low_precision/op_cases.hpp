#pragma once
// An op below values of an image [1,4,4,4], for every op that reads codes.
#include <functional>
#include <vector>

#include "tests/transformations/quantized_graphs.hpp"

namespace octet {

struct OpCase {
    const char* name;
    std::function<ir::Value(GraphBuilder&, ir::Value)> make;
    bool codes;  // of one scale and zero point go on as codes, or meet weights as codes
    double tolerance = 0;
    const char* layer = "op";  // the layer that is asked, where it is a part of the op
};
std::vector<OpCase> op_cases();

}  // namespace octet
