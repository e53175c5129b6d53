#include "ir/ops/binary.hpp"
