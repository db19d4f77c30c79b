#include "kernels/norm/shard_norm.h"

namespace ttt::kernels {

namespace sse2 {
void row_moments(Exec&, const RowMomentsArgs&) noexcept;
void row_moments_about_zero(Exec&, const RowMomentsArgs&) noexcept;
void shard_norm(Exec&, const ShardNormArgs&) noexcept;
void shard_norm_add(Exec&, const ShardNormArgs&) noexcept;
}  // namespace sse2
namespace avx2 {
void row_moments(Exec&, const RowMomentsArgs&) noexcept;
void row_moments_about_zero(Exec&, const RowMomentsArgs&) noexcept;
void shard_norm(Exec&, const ShardNormArgs&) noexcept;
void shard_norm_add(Exec&, const ShardNormArgs&) noexcept;
}  // namespace avx2
namespace avx512 {
void row_moments(Exec&, const RowMomentsArgs&) noexcept;
void row_moments_about_zero(Exec&, const RowMomentsArgs&) noexcept;
void shard_norm(Exec&, const ShardNormArgs&) noexcept;
void shard_norm_add(Exec&, const ShardNormArgs&) noexcept;
}  // namespace avx512
namespace reference {
void row_moments(Exec&, const RowMomentsArgs&) noexcept;
void row_moments_about_zero(Exec&, const RowMomentsArgs&) noexcept;
void shard_norm(Exec&, const ShardNormArgs&) noexcept;
void shard_norm_add(Exec&, const ShardNormArgs&) noexcept;
}  // namespace reference

RowMomentsFn select_row_moments(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::row_moments;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::row_moments;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::row_moments : sse2::row_moments;
}

RowMomentsFn select_row_moments_about_zero(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::row_moments_about_zero;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::row_moments_about_zero;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::row_moments_about_zero : sse2::row_moments_about_zero;
}

ShardNormFn select_shard_norm(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::shard_norm;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::shard_norm;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::shard_norm : sse2::shard_norm;
}

ShardNormFn select_shard_norm_add(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::shard_norm_add;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::shard_norm_add;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::shard_norm_add : sse2::shard_norm_add;
}

double operations(const RowMomentsArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const RowMomentsArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double operations(const ShardNormArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const ShardNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
