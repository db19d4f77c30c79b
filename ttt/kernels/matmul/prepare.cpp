#include "base/checked.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/prepare_int8.h"

namespace ttt::kernels {

namespace sse2 {
void prepare_rows_f32(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_panels_f32(Exec& exec, const PrepareArgs& args) noexcept;
}  // namespace sse2
namespace avx2 {
void prepare_rows_f32(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_panels_f32(Exec& exec, const PrepareArgs& args) noexcept;
}  // namespace avx2
namespace avx512 {
void prepare_rows_f32(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_panels_f32(Exec& exec, const PrepareArgs& args) noexcept;
}  // namespace avx512
namespace avx512_bf16 {
void prepare_rows_f32(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_panels_f32(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_rows_bf16(Exec& exec, const PrepareArgs& args) noexcept;
void prepare_panels_bf16(Exec& exec, const PrepareArgs& args) noexcept;
}  // namespace avx512_bf16

namespace {

constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t kSumGroup = 16;

struct Sizes {
  std::int64_t padded_in = 0, values = 0, scales = 0, sums = 0;  // the last three in bytes, aligned
};

Sizes sizes_of(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in) {
  const auto aligned = [](std::int64_t n) { return checked_round_up(n, kAlignment, "prepared rows"); };
  Sizes s;
  s.padded_in = checked_round_up(in, kActivationGroup, "prepared rows");
  const std::int64_t stored = panels ? checked_round_up(rows, kActivationPanel, "prepared rows") : rows;
  const std::int64_t values = checked_mul(stored, s.padded_in, "prepared rows");
  switch (form) {
    case ActivationForm::kF32:
      s.values = aligned(checked_mul(values, 4, "prepared rows"));
      break;
    case ActivationForm::kBF16:
      s.values = aligned(checked_mul(values, 2, "prepared rows"));
      break;
    case ActivationForm::kInt8:
      s.values = aligned(values);
      s.scales = aligned(checked_mul(values / kActivationGroup, 4, "prepared rows"));
      s.sums = aligned(checked_mul(values / kSumGroup, 4, "prepared rows"));
      break;
  }
  return s;
}

struct DensePrepare {
  PrepareFn rows_f32, panels_f32, rows_bf16, panels_bf16;
};

// Preparation moves data: what AVX-512 has without BF16 serves the level between.
DensePrepare functions_at(IsaLevel isa) {
  switch (isa) {
    case IsaLevel::kSse2:
      return {sse2::prepare_rows_f32, sse2::prepare_panels_f32, nullptr, nullptr};
    case IsaLevel::kAvx2:
      return {avx2::prepare_rows_f32, avx2::prepare_panels_f32, nullptr, nullptr};
    case IsaLevel::kAvx512:
    case IsaLevel::kAvx512Vnni:
      return {avx512::prepare_rows_f32, avx512::prepare_panels_f32, nullptr, nullptr};
    case IsaLevel::kAvx512Bf16:
      return {avx512_bf16::prepare_rows_f32, avx512_bf16::prepare_panels_f32, avx512_bf16::prepare_rows_bf16,
              avx512_bf16::prepare_panels_bf16};
  }
  return {};
}

}  // namespace

std::int64_t prepared_bytes(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in) {
  const Sizes s = sizes_of(form, panels, rows, in);
  return checked_add(s.values, s.scales + s.sums, "prepared rows");
}

PreparedRows prepared_rows(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in, std::byte* memory) {
  const Sizes s = sizes_of(form, panels, rows, in);
  PreparedRows r{.form = form, .panels = panels, .rows = rows, .in = in, .padded_in = s.padded_in, .values = memory};
  if (!panels) r.row_bytes = s.padded_in * (form == ActivationForm::kF32 ? 4 : form == ActivationForm::kBF16 ? 2 : 1);
  if (form == ActivationForm::kInt8) {
    r.scales = reinterpret_cast<float*>(memory + s.values);
    r.sums = reinterpret_cast<float*>(memory + s.values + s.scales);
  }
  return r;
}

double operations(const PrepareArgs& args) { return static_cast<double>(args.y.rows) * static_cast<double>(args.y.in); }

double bytes(const PrepareArgs& args) {
  const PreparedRows& y = args.y;
  return 4.0 * static_cast<double>(y.rows) * static_cast<double>(y.in) +
         static_cast<double>(prepared_bytes(y.form, y.panels, y.rows, y.in));
}

PrepareFn select_prepare(const DeviceTraits& traits, ActivationForm form, bool panels) {
  const DensePrepare dense = functions_at(traits.isa);
  PrepareFn fn = nullptr;
  if (form == ActivationForm::kF32) fn = panels ? dense.panels_f32 : dense.rows_f32;
  if (form == ActivationForm::kBF16) fn = panels ? dense.panels_bf16 : dense.rows_bf16;
  if (form == ActivationForm::kInt8 && !panels) fn = select_prepare_int8(traits);
  require(fn != nullptr, ErrorKind::kUnsupported, "activations in ", name_of(form), panels ? " panels" : " rows",
          " are not built for ", name_of(traits.isa));
  return fn;
}

}  // namespace ttt::kernels
