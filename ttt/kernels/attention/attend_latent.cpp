#include "kernels/attention/attend_latent.h"

#include "base/error.h"
#include "kernels/at_level.h"
#include "kernels/formats/packed.h"

namespace ttt::kernels {

namespace {

const float* stored_row(const ConstTensorView& w, std::int64_t row, std::int64_t begin, std::int64_t, float*) noexcept {
  return w.row<float>(row) + begin;
}

using DecodeFn = void (*)(const ConstTensorView&, std::int64_t row, std::int64_t begin, std::int64_t count, float* to);
template <DecodeFn kDecode>
const float* decoded_row(const ConstTensorView& w, std::int64_t row, std::int64_t begin, std::int64_t count,
                         float* buffer) noexcept {
  kDecode(w, row, begin, count, buffer);
  return buffer;
}

double weight_bytes(const ConstTensorView& w) {
  return static_cast<double>(w.shape.elements()) * traits_of(w.format).nominal_bits / 8;
}

}  // namespace

LatentRowFn select_latent_row(Format format, Layout layout) {
  if (layout == Layout::kPanels && is_grouped(format)) return decoded_row<decode_packed_part>;
  const bool stored = (is_dense(format) || is_grouped(format)) && traits_of(format).block_bytes > 0;
  require(layout == Layout::kRowMajor && stored, ErrorKind::kUnsupported,
          "latent product wanted a weight row-major as ", "in files or a grouped one in panels, got ", name_of(format),
          layout == Layout::kPanels ? " in panels" : "");
  return format == Format::kF32 ? stored_row : decoded_row<decode_row>;
}

LatentFn select_absorb_queries(const DeviceTraits& traits, bool reference) {
  return at_level<LatentKernels>(traits, reference).absorb_queries;
}
LatentFn select_project_values(const DeviceTraits& traits, bool reference) {
  return at_level<LatentKernels>(traits, reference).project_values;
}
ExpandLatentsFn select_expand_latents(const DeviceTraits& traits, bool reference) {
  return at_level<LatentKernels>(traits, reference).expand_latents;
}

double operations(const LatentArgs& a) {
  return 2.0 * static_cast<double>(a.x.shape.elements()) * static_cast<double>(a.y.dim(1)) /
         static_cast<double>(a.heads);
}
double bytes(const LatentArgs& a) {
  return 4.0 * static_cast<double>(a.x.shape.elements() + a.y.shape.elements()) + weight_bytes(a.weight);
}

double operations(const ExpandLatentsArgs& a) {
  double rows = 0;
  for (std::size_t s = 0; s < a.batch.past.size(); ++s) {
    rows += static_cast<double>(a.batch.past[s] + a.batch.row_begin[s + 1] - a.batch.row_begin[s]);
  }
  return 2.0 * rows * static_cast<double>(a.heads * (a.key + a.value) * a.rank);
}
double bytes(const ExpandLatentsArgs& a) {
  return 8.0 * static_cast<double>(a.q.shape.elements()) + weight_bytes(a.key_weight) + weight_bytes(a.value_weight) +
         operations(a) * 2.0 / static_cast<double>(a.rank > 0 ? a.rank : 1);
}

}  // namespace ttt::kernels
