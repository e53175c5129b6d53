#include "ir/ops/activation.hpp"
