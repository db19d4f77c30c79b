// In the library this is ttt/kernels/channel_scale.h: the contract between a block and its kernel.
#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// y[r, :] = x[r, :] * gain[:]
struct ChannelScaleArgs {
  // Every extent is written down, in the words of docs/shapes.md, and so is what may overlap.
  ConstTensorView x = {};     // [rows, dim], f32
  ConstTensorView gain = {};  // [dim], f32
  TensorView y = {};          // [rows, dim], f32; may be x
};
// Kernels are noexcept: what can be wrong was refused by the block's constructor or at the entry of its forward.
using ChannelScaleFn = void (*)(Exec&, const ChannelScaleArgs&) noexcept;
// What is chosen together for a level of instructions; most ops have more than one function here.
struct ChannelScaleKernels {
  ChannelScaleFn channel_scale;
};

// Never null. The choice depends on what the device says about itself, never on a timing.
ChannelScaleFn select_channel_scale(const DeviceTraits& traits);

// Exec::launch finds these two by the type of the args. The plan of a model adds them up, so they must not touch data.
double operations(const ChannelScaleArgs& args);
double bytes(const ChannelScaleArgs& args);

}  // namespace ttt::kernels
