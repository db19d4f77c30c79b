#pragma once

// Bodies of kernels are compiled once per instruction set, each time with that level's compiler flags and
// TTT_LEVEL set to the level's name (sse2, avx2, avx512, avx512_vnni, avx512_bf16). All of a body stands in
//     namespace ttt::kernels::TTT_LEVEL { ... }
// so that no two levels share a symbol. Helpers are `static inline` or in an anonymous namespace inside it; nothing
// from the standard library that could be emitted out of line (containers, algorithms with lambdas of std types) may
// be used here, because the linker would keep one copy for all levels.
#ifndef TTT_LEVEL
#error "TTT_LEVEL names the instruction set that this file is compiled for"
#endif

#define TTT_INLINE static inline __attribute__((always_inline))
