#include "ir/ops/quantization.hpp"
