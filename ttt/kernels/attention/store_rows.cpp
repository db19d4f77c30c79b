#include "kernels/attention/store_rows.h"

#include "base/error.h"

namespace ttt::kernels {

#define TTT_STORE_ROWS(level)                                       \
  namespace level {                                                 \
  void rotary_table(Exec&, const RotaryTableArgs&) noexcept;        \
  void store_rows_f32_half(Exec&, const StoreRowsArgs&) noexcept;   \
  void store_rows_f32_inter(Exec&, const StoreRowsArgs&) noexcept;  \
  void store_rows_bf16_half(Exec&, const StoreRowsArgs&) noexcept;  \
  void store_rows_bf16_inter(Exec&, const StoreRowsArgs&) noexcept; \
  void store_rows_int8_half(Exec&, const StoreRowsArgs&) noexcept;  \
  void store_rows_int8_inter(Exec&, const StoreRowsArgs&) noexcept; \
  void store_rows_bfp8_half(Exec&, const StoreRowsArgs&) noexcept;  \
  void store_rows_bfp8_inter(Exec&, const StoreRowsArgs&) noexcept; \
  }
TTT_STORE_ROWS(sse2)
TTT_STORE_ROWS(avx2)
TTT_STORE_ROWS(avx512)
#undef TTT_STORE_ROWS

namespace reference {
void rotary_table(Exec&, const RotaryTableArgs&) noexcept;
void rotate_rows_half(Exec&, const StoreRowsArgs&) noexcept;
void rotate_rows_inter(Exec&, const StoreRowsArgs&) noexcept;
}  // namespace reference

namespace {

// Rows rotated in double precision are stored by the kernels that rotate none.
template <StoreRowsFn kRotate, StoreRowsFn kStore>
void rotate_then_store(Exec& exec, const StoreRowsArgs& args) noexcept {
  kRotate(exec, args);
  StoreRowsArgs rotated = args;
  rotated.table = {nullptr, Format::kF32, Layout::kRowMajor, {args.table.dim(0), 0}, 0};
  rotated.temperature = {};
  kStore(exec, rotated);
}

template <StoreRowsFn kRotate>
StoreRowsFn reference_for(Format state) {
  if (state == Format::kF32) return rotate_then_store<kRotate, sse2::store_rows_f32_half>;
  if (state == Format::kBF16) return rotate_then_store<kRotate, sse2::store_rows_bf16_half>;
  if (state == Format::kInt8) return rotate_then_store<kRotate, sse2::store_rows_int8_half>;
  if (state == Format::kBfp8B) return rotate_then_store<kRotate, sse2::store_rows_bfp8_half>;
  return nullptr;
}

struct Row {
  IsaLevel level;
  RotaryTableFn table;
  StoreRowsFn f32[2], bf16[2], int8[2], bfp8[2];  // [interleaved]
};

constexpr Row kTable[] = {
    {IsaLevel::kAvx512,
     avx512::rotary_table,
     {avx512::store_rows_f32_half, avx512::store_rows_f32_inter},
     {avx512::store_rows_bf16_half, avx512::store_rows_bf16_inter},
     {avx512::store_rows_int8_half, avx512::store_rows_int8_inter},
     {avx512::store_rows_bfp8_half, avx512::store_rows_bfp8_inter}},
    {IsaLevel::kAvx2,
     avx2::rotary_table,
     {avx2::store_rows_f32_half, avx2::store_rows_f32_inter},
     {avx2::store_rows_bf16_half, avx2::store_rows_bf16_inter},
     {avx2::store_rows_int8_half, avx2::store_rows_int8_inter},
     {avx2::store_rows_bfp8_half, avx2::store_rows_bfp8_inter}},
    {IsaLevel::kSse2,
     sse2::rotary_table,
     {sse2::store_rows_f32_half, sse2::store_rows_f32_inter},
     {sse2::store_rows_bf16_half, sse2::store_rows_bf16_inter},
     {sse2::store_rows_int8_half, sse2::store_rows_int8_inter},
     {sse2::store_rows_bfp8_half, sse2::store_rows_bfp8_inter}},
};

const Row& row_for(const DeviceTraits& traits) {
  for (const Row& row : kTable) {
    if (traits.isa >= row.level) return row;
  }
  fail(ErrorKind::kInternal, "no level of instructions is built");
}

}  // namespace

RotaryTableFn select_rotary_table(const DeviceTraits& traits, bool reference) {
  return reference ? reference::rotary_table : row_for(traits).table;
}

StoreRowsFn select_store_rows(const DeviceTraits& traits, Format state, bool interleaved, bool reference) {
  const Row& row = row_for(traits);
  if (reference) {
    const StoreRowsFn store = interleaved ? reference_for<reference::rotate_rows_inter>(state)
                                          : reference_for<reference::rotate_rows_half>(state);
    if (store != nullptr) return store;
  }
  if (state == Format::kF32) return row.f32[interleaved];
  if (state == Format::kBF16) return row.bf16[interleaved];
  if (state == Format::kInt8) return row.int8[interleaved];
  if (state == Format::kBfp8B) return row.bfp8[interleaved];
  fail(ErrorKind::kUnsupported, text("state format wanted one of f32, bf16, int8, bfp8_b, got ", name_of(state)));
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
