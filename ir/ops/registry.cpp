// The one table of all ops.
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

namespace octet::ir {
namespace {

constinit const OpDef* const kAllOps[] = {
    // core
    &kOp<Parameter>,
    &kOp<Constant>,
    &kOp<Result>,
    &kOp<Opaque>,
    // activation
    &kOp<Relu>,
    &kOp<Clamp>,
    &kOp<Sigmoid>,
    &kOp<Tanh>,
    &kOp<Elu>,
    &kOp<Swish>,
    &kOp<HSwish>,
    &kOp<HSigmoid>,
    &kOp<HardSigmoid>,
    &kOp<Gelu>,
    &kOp<Mish>,
    &kOp<SoftPlus>,
    &kOp<Exp>,
    &kOp<Log>,
    &kOp<Abs>,
    &kOp<Sqrt>,
    &kOp<Negative>,
    &kOp<Floor>,
    &kOp<Ceiling>,
    &kOp<Round>,
    &kOp<Erf>,
    &kOp<Sin>,
    &kOp<Cos>,
    &kOp<Sign>,
    &kOp<LogicalNot>,
    &kOp<Convert>,
    // attention
    &kOp<ScaledDotProductAttention>,
    // binary
    &kOp<Add>,
    &kOp<Subtract>,
    &kOp<Multiply>,
    &kOp<Divide>,
    &kOp<Maximum>,
    &kOp<Minimum>,
    &kOp<Power>,
    &kOp<SquaredDifference>,
    &kOp<Mod>,
    &kOp<FloorMod>,
    &kOp<PRelu>,
    &kOp<Equal>,
    &kOp<NotEqual>,
    &kOp<Less>,
    &kOp<LessEqual>,
    &kOp<Greater>,
    &kOp<GreaterEqual>,
    &kOp<LogicalAnd>,
    &kOp<LogicalOr>,
    &kOp<LogicalXor>,
    &kOp<Select>,
    // control
    &kOp<If>,
    &kOp<Loop>,
    &kOp<TensorIterator>,
    &kOp<ReadValue>,
    &kOp<Assign>,
    // convolution
    &kOp<Convolution>,
    &kOp<GroupConvolution>,
    &kOp<ConvolutionBackpropData>,
    &kOp<GroupConvolutionBackpropData>,
    &kOp<MaxPool>,
    &kOp<AvgPool>,
    &kOp<MatMul>,
    // detection
    &kOp<Interpolate>,
    &kOp<PriorBox>,
    &kOp<PriorBoxClustered>,
    &kOp<DetectionOutput>,
    &kOp<NonMaxSuppression>,
    &kOp<CtcGreedyDecoder>,
    &kOp<CtcGreedyDecoderSeqLen>,
    // movement
    &kOp<Reshape>,
    &kOp<Squeeze>,
    &kOp<Unsqueeze>,
    &kOp<Transpose>,
    &kOp<Concat>,
    &kOp<Split>,
    &kOp<VariadicSplit>,
    &kOp<StridedSlice>,
    &kOp<Slice>,
    &kOp<Gather>,
    &kOp<GatherElements>,
    &kOp<GatherNd>,
    &kOp<ScatterNdUpdate>,
    &kOp<ScatterUpdate>,
    &kOp<ScatterElementsUpdate>,
    &kOp<Pad>,
    &kOp<Tile>,
    &kOp<Broadcast>,
    &kOp<DepthToSpace>,
    &kOp<SpaceToDepth>,
    &kOp<ShuffleChannels>,
    &kOp<BatchToSpace>,
    &kOp<SpaceToBatch>,
    &kOp<ReverseSequence>,
    &kOp<ShapeOf>,
    &kOp<Range>,
    &kOp<NonZero>,
    &kOp<OneHot>,
    // normalization
    &kOp<BatchNormInference>,
    &kOp<Mvn>,
    &kOp<NormalizeL2>,
    &kOp<Lrn>,
    &kOp<SoftMax>,
    &kOp<LogSoftMax>,
    // quantization
    &kOp<FakeQuantize>,
    &kOp<Quantize>,
    &kOp<Dequantize>,
    // recurrent
    &kOp<LstmSequence>,
    &kOp<GruSequence>,
    &kOp<RnnSequence>,
    &kOp<LstmCell>,
    &kOp<GruCell>,
    &kOp<RnnCell>,
    &kOp<Recurrence>,
    // reduction
    &kOp<ReduceMean>,
    &kOp<ReduceSum>,
    &kOp<ReduceMax>,
    &kOp<ReduceMin>,
    &kOp<ReduceProd>,
    &kOp<ReduceL1>,
    &kOp<ReduceL2>,
    &kOp<ReduceLogicalAnd>,
    &kOp<ReduceLogicalOr>,
    &kOp<TopK>,
    &kOp<CumSum>,
};

}  // namespace

std::span<const OpDef* const> all_ops() { return kAllOps; }

}  // namespace octet::ir
