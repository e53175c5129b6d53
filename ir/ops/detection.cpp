#include "ir/ops/detection.hpp"
