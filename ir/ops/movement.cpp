#include "ir/ops/movement.hpp"
