#include "ir/ops/normalization.hpp"
