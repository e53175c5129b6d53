#include "ir/ops/convolution.hpp"
