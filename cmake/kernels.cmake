# Kernels are compiled once per instruction set. Each level adds to the flags of the one before it.
set(ttt_flags_sse2 "")
set(ttt_flags_avx2 -mavx2 -mfma -mf16c)
set(ttt_flags_avx512 ${ttt_flags_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
set(ttt_flags_avx512_vnni ${ttt_flags_avx512} -mavx512vnni)
set(ttt_flags_avx512_bf16 ${ttt_flags_avx512_vnni} -mavx512bf16)

# Levels at which an op gains from being compiled again; every other op gets the default list.
set(ttt_default_levels sse2 avx2 avx512)
set(ttt_levels_matmul_grouped sse2 avx2 avx512 avx512_vnni)
set(ttt_levels_matmul_dense sse2 avx2 avx512 avx512_bf16)
set(ttt_levels_prepare_dense sse2 avx2 avx512 avx512_bf16)
set(ttt_levels_machine_peak sse2 avx2 avx512 avx512_vnni avx512_bf16)

# ttt_compile_levels(RESULT PREFIX bodies...): sets RESULT to the object files of the bodies, each compiled for its levels, in
# object libraries PREFIX_<level>.
function(ttt_compile_levels result prefix)
  foreach(level sse2 avx2 avx512 avx512_vnni avx512_bf16)
    set(sources_${level})
  endforeach()
  foreach(body ${ARGN})
    get_filename_component(op ${body} NAME_WE)
    set(levels ${ttt_default_levels})
    if(DEFINED ttt_levels_${op})
      set(levels ${ttt_levels_${op}})
    endif()
    foreach(level ${levels})
      list(APPEND sources_${level} ${body})
    endforeach()
  endforeach()
  set(objects)
  foreach(level sse2 avx2 avx512 avx512_vnni avx512_bf16)
    if(sources_${level})
      add_library(${prefix}_${level} OBJECT ${sources_${level}})
      target_include_directories(${prefix}_${level} PRIVATE ${PROJECT_SOURCE_DIR}/ttt)
      target_compile_definitions(${prefix}_${level} PRIVATE TTT_LEVEL=${level})
      # A kernel's results must not depend on how the compiler contracts or reorders; what fuses is written as such.
      target_compile_options(${prefix}_${level} PRIVATE ${ttt_flags_${level}} -O3 -ffp-contract=off)
      if(TTT_SANITIZE)
        # Unrolled loops with a check at every access take gcc 12 minutes for each file. These checks are the most
        # numerous and the least telling here: kernels read files at any alignment, and views were checked before.
        target_compile_options(${prefix}_${level} PRIVATE -O1 -fno-sanitize=null,alignment,object-size
                                                          -fno-sanitize-address-use-after-scope)
      endif()
      target_link_libraries(${prefix}_${level} PRIVATE ttt_warnings)
      list(LENGTH sources_${level} count)
      if(TTT_PRECOMPILE AND count GREATER 5)
        target_precompile_headers(${prefix}_${level} PRIVATE <immintrin.h> <algorithm> <array> <cmath> <cstdint>
                                                             <cstring> <optional> <span> <string> <vector>)
      endif()
      if(NOT level STREQUAL sse2)
        # gcc 12 finds its own _mm256_undefined_pd uninitialised (bug 105593). The sse2 level still looks
        # for ours.
        target_compile_options(${prefix}_${level} PRIVATE -Wno-uninitialized)
      endif()
      list(APPEND objects $<TARGET_OBJECTS:${prefix}_${level}>)
    endif()
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

# Object files of all kernels in the cpu folders of ttt/kernels, for all levels.
function(ttt_kernel_objects result)
  file(GLOB bodies CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/ttt/kernels/cpu/*.cpp
       ${CMAKE_CURRENT_SOURCE_DIR}/ttt/kernels/*/cpu/*.cpp)
  ttt_compile_levels(objects ttt_kernels ${bodies})
  set(${result} ${objects} PARENT_SCOPE)
endfunction()
