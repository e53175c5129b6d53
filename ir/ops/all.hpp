#pragma once
// Every op family, for code that works on any op.
#include "ir/ops/activation.hpp"
#include "ir/ops/attention.hpp"
#include "ir/ops/binary.hpp"
#include "ir/ops/control.hpp"
#include "ir/ops/convolution.hpp"
#include "ir/ops/core.hpp"
#include "ir/ops/detection.hpp"
#include "ir/ops/movement.hpp"
#include "ir/ops/normalization.hpp"
#include "ir/ops/quantization.hpp"
#include "ir/ops/recurrent.hpp"
#include "ir/ops/reduction.hpp"
