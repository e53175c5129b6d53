#include "ir/ops/reduction.hpp"
