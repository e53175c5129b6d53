#include "ir/ops/control.hpp"
