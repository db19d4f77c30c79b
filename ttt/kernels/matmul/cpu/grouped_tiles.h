#pragma once

#include "kernels/matmul/matmul.h"

// The functions that select_grouped_matmul chooses from; null for formats that are not grouped.

namespace ttt::kernels {

namespace sse2 {
MatmulTileFn grouped_tile(Format weight) noexcept;
MatmulTileFn grouped_tile_f32(Format weight) noexcept;
}  // namespace sse2
namespace avx2 {
MatmulTileFn grouped_tile(Format weight) noexcept;
MatmulTileFn grouped_tile_f32(Format weight) noexcept;
}  // namespace avx2
namespace avx512 {
MatmulTileFn grouped_tile(Format weight) noexcept;
MatmulTileFn grouped_tile_f32(Format weight) noexcept;
}  // namespace avx512
namespace avx512_vnni {
MatmulTileFn grouped_tile(Format weight) noexcept;
}

}  // namespace ttt::kernels
