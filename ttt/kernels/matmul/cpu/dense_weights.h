#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd.h"

// How the values of a dense weight are read as f32: whole vectors, parts of one, and single rows into a buffer. Rows
// may start at any byte that suits the file, so nothing here assumes alignment.
namespace ttt::kernels::TTT_LEVEL {

struct StoredF32 {
  using Type = float;
  TTT_INLINE F32 load_vector(const Type* p) { return load(p); }
  TTT_INLINE F32 load_tail(const Type* p, std::int64_t n) { return load_part(p, n); }
};

// Reads past a row may leave the mapping, so a short tail is copied, or masked where masked loads cannot fault.
#if defined(__AVX512BW__) && defined(__AVX512VL__)
TTT_INLINE __m256i load_tail16(const std::uint16_t* p, std::int64_t n) {
  return _mm256_maskz_loadu_epi16(lane_mask(n), p);
}
#endif

struct StoredBf16 {
  using Type = std::uint16_t;
  TTT_INLINE F32 load_vector(const Type* p) { return load_bf16(p); }
  TTT_INLINE F32 load_tail(const Type* p, std::int64_t n) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_tail16(p, n)), 16))};
#else
    Type t[kLanes] = {};
    std::memcpy(t, p, static_cast<std::size_t>(n) * sizeof(Type));
    return load_bf16(t);
#endif
  }
};

struct StoredF16 {
  using Type = std::uint16_t;
  TTT_INLINE F32 load_vector(const Type* p) { return load_f16(p); }
  TTT_INLINE F32 load_tail(const Type* p, std::int64_t n) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    return {_mm512_cvtph_ps(load_tail16(p, n))};
#else
    Type t[kLanes] = {};
    std::memcpy(t, p, static_cast<std::size_t>(n) * sizeof(Type));
    return load_f16(t);
#endif
  }
};

// Row `r` of a weight. Files promise no alignment to the element, hence bytes until the load.
template <class Stored>
TTT_INLINE const typename Stored::Type* weight_row(const std::byte* data, std::int64_t row_bytes, std::int64_t r) {
  return reinterpret_cast<const typename Stored::Type*>(data + r * row_bytes);
}

}  // namespace ttt::kernels::TTT_LEVEL
