#include "kernels/matmul/prepare.h"

#include "base/checked.h"
#include "base/enum_names.h"
#include "base/error.h"
#include "kernels/at_level.h"

namespace ttt::kernels {

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

}  // namespace

std::string_view name_of(ActivationForm form) {
  constexpr EnumNames<3> kNames{"f32", "bf16", "int8"};
  return name_in(kNames, form);
}

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
    r.sums = reinterpret_cast<std::int32_t*>(memory + s.values + s.scales);
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
  const DensePrepareKernels& dense = at_level<DensePrepareKernels>(traits);
  PrepareFn fn = nullptr;
  if (form == ActivationForm::kF32) fn = panels ? dense.panels_f32 : dense.rows_f32;
  if (form == ActivationForm::kBF16) fn = panels ? dense.panels_bf16 : dense.rows_bf16;
  if (form == ActivationForm::kInt8 && !panels) fn = at_level<Int8PrepareKernels>(traits).rows_int8;
  require(fn != nullptr, ErrorKind::kUnsupported, "activations in ", name_of(form), panels ? " panels" : " rows",
          " are not built for ", name_of(traits.isa()));
  return fn;
}

}  // namespace ttt::kernels
