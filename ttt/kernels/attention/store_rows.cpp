#include "kernels/attention/store_rows.h"

#include "base/error.h"
#include "kernels/at_level.h"

namespace ttt::kernels {

template <>  // in store_rows_reference.cpp
const RotateRowsKernels& kernels_of<RotateRowsKernels, reference::Level>() noexcept;

namespace {

using Pair = StoreRowsFn[2];

const Pair& stores_of(const StoreRowsKernels& kernels, Format state) {
  if (state == Format::kF32) return kernels.f32;
  if (state == Format::kBF16) return kernels.bf16;
  if (state == Format::kInt8) return kernels.int8;
  if (state == Format::kBfp8B) return kernels.bfp8;
  fail(ErrorKind::kUnsupported, text("state format wanted one of f32, bf16, int8, bfp8_b, got ", name_of(state)));
}

// Rows rotated in double precision are stored by the kernels of the first level, which then rotate nothing.
template <Format kState, bool kInterleaved>
void rotate_then_store(Exec& exec, const StoreRowsArgs& args) noexcept {
  kernels_of<RotateRowsKernels, reference::Level>().rotate[kInterleaved](exec, args);
  StoreRowsArgs rotated = args;
  rotated.table = {nullptr, Format::kF32, Layout::kRowMajor, {args.table.dim(0), 0}, 0};
  rotated.temperature = {};
  stores_of(kernels_of<StoreRowsKernels, sse2::Level>(), kState)[false](exec, rotated);
}

constexpr StoreRowsKernels kReference{
    .rotary_table = nullptr,
    .f32 = {rotate_then_store<Format::kF32, false>, rotate_then_store<Format::kF32, true>},
    .bf16 = {rotate_then_store<Format::kBF16, false>, rotate_then_store<Format::kBF16, true>},
    .int8 = {rotate_then_store<Format::kInt8, false>, rotate_then_store<Format::kInt8, true>},
    .bfp8 = {rotate_then_store<Format::kBfp8B, false>, rotate_then_store<Format::kBfp8B, true>}};

}  // namespace

RotaryTableFn select_rotary_table(const DeviceTraits& traits, bool reference) {
  if (reference) return kernels_of<RotateRowsKernels, reference::Level>().rotary_table;
  return at_level<StoreRowsKernels>(traits).rotary_table;
}

StoreRowsFn select_store_rows(const DeviceTraits& traits, Format state, bool interleaved, bool reference) {
  return stores_of(reference ? kReference : at_level<StoreRowsKernels>(traits), state)[interleaved];
}

double operations(const RotaryTableArgs& args) { return 30.0 * static_cast<double>(args.table.shape.elements()); }
double bytes(const RotaryTableArgs& args) {
  const std::int64_t size = traits_of(args.table.format).block_bytes;
  return static_cast<double>(size * args.table.shape.elements());
}

double operations(const StoreRowsArgs& args) {
  return 3.0 * static_cast<double>(args.q.dim(0) * (args.heads + args.kv_heads) * args.table.dim(1));
}
double bytes(const StoreRowsArgs& args) {
  const auto moved = [&](const RowsView& rows) {
    const double scales = static_cast<double>(rows.scale_row_stride);
    return static_cast<double>(args.q.dim(0) * args.kv_heads) * (static_cast<double>(rows.row_stride) + scales);
  };
  const double rotated = static_cast<double>(args.q.shape.elements() + args.k.shape.elements());
  return 8.0 * rotated + 4.0 * static_cast<double>(args.v.shape.elements()) + moved(args.state.keys) +
         moved(args.state.values);
}

}  // namespace ttt::kernels
