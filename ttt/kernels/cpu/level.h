#pragma once

// Bodies of kernels are compiled once per instruction set, each time with that level's compiler flags and
// TTT_LEVEL set to the level's name (cmake/compile_levels.cmake). All of a body is in
//     namespace ttt::kernels::TTT_LEVEL { ... }
// so that no two levels share a symbol; then TTT_KERNELS puts its functions into a table (kernels/at_level.h). Helpers
// are `static inline` or in an anonymous namespace; nothing from the standard library that could be emitted out of line
// (containers, algorithms with lambdas of std types) may be used here, because the linker would keep one copy for all
// levels.
#ifndef TTT_LEVEL
#error "TTT_LEVEL names the instruction set that this file is compiled for"
#endif

#include "kernels/at_level.h"

// "avx2.NAME", as reports and tests name a kernel.
#define TTT_TEXT_OF(x) #x
#define TTT_LEVEL_TEXT(x) TTT_TEXT_OF(x)
#define TTT_KERNEL_NAME(name) TTT_LEVEL_TEXT(TTT_LEVEL) "." name

#define TTT_INLINE static inline __attribute__((always_inline))
#define TTT_INLINE_MEMBER inline __attribute__((always_inline))
