#include "kernels/attend_latent.h"

namespace ttt::kernels {

#define TTT_LATENT(level)                                        \
  namespace level {                                              \
  void absorb_queries(Exec&, const LatentArgs&) noexcept;        \
  void expand_mixes(Exec&, const LatentArgs&) noexcept;          \
  void expand_latents(Exec&, const ExpandLatentsArgs&) noexcept; \
  }
TTT_LATENT(sse2)
TTT_LATENT(avx2)
TTT_LATENT(avx512)
#undef TTT_LATENT

LatentFn select_absorb_queries(const DeviceTraits& traits) {
  if (traits.isa >= IsaLevel::kAvx512) return avx512::absorb_queries;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::absorb_queries : sse2::absorb_queries;
}

LatentFn select_expand_mixes(const DeviceTraits& traits) {
  if (traits.isa >= IsaLevel::kAvx512) return avx512::expand_mixes;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::expand_mixes : sse2::expand_mixes;
}

ExpandLatentsFn select_expand_latents(const DeviceTraits& traits) {
  if (traits.isa >= IsaLevel::kAvx512) return avx512::expand_latents;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::expand_latents : sse2::expand_latents;
}

double operations(const LatentArgs& a) {
  return 2.0 * static_cast<double>(a.x.shape.elements()) * static_cast<double>(a.y.dim(1)) /
         static_cast<double>(a.heads);
}
double bytes(const LatentArgs& a) {
  return 4.0 * static_cast<double>(a.x.shape.elements() + a.y.shape.elements() + a.heads * (a.key + a.value) * a.rank);
}

double operations(const ExpandLatentsArgs& a) {
  double rows = 0;
  for (std::size_t s = 0; s < a.batch.past.size(); ++s) {
    rows += static_cast<double>(a.batch.past[s] + a.batch.row_begin[s + 1] - a.batch.row_begin[s]);
  }
  return 2.0 * rows * static_cast<double>(a.heads * (a.key + a.value) * a.rank);
}
double bytes(const ExpandLatentsArgs& a) {
  return 4.0 * static_cast<double>(2 * a.q.shape.elements() + a.heads * (a.key + a.value) * a.rank) +
         operations(a) * 2.0 / static_cast<double>(a.rank > 0 ? a.rank : 1);
}

}  // namespace ttt::kernels
