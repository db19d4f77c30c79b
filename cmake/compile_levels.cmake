# Bodies of kernels are compiled once for each level of instructions. Also a file of the installed package: a block with
# kernels of its own is built in another project as examples/skeleton is built here.
include_guard()

# Levels, lowest first; kernels/at_level.h has an entry for each. Each adds to the flags of one before it. A macro, so
# that what it sets is there for every function below, whatever directory has included this file.
macro(ttt_set_levels)
  set(ttt_levels sse2 avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx)
  set(ttt_flags_sse2 "")
  set(ttt_flags_avx2 -mavx2 -mfma -mf16c)
  set(ttt_flags_avx_vnni ${ttt_flags_avx2} -mavxvnni)
  set(ttt_flags_avx512 ${ttt_flags_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  set(ttt_flags_avx512_vnni ${ttt_flags_avx512} -mavx512vnni)
  set(ttt_flags_avx512_bf16 ${ttt_flags_avx512_vnni} -mavx512bf16)
  set(ttt_flags_amx ${ttt_flags_avx512_bf16} -mamx-tile -mamx-int8 -mamx-bf16)
  # The bodies of amx with emulated tiles, for tests.
  set(ttt_emulations amx_emulated amx_emulated_avx512)
  set(ttt_flags_amx_emulated -DTTT_EMULATED_TILES)
  set(ttt_flags_amx_emulated_avx512 ${ttt_flags_avx512_bf16} -DTTT_EMULATED_TILES)

  # The bodies that gain from being compiled for a level: all of them, or these.
  set(ttt_bodies_sse2 ALL)
  set(ttt_bodies_avx2 ALL)
  set(ttt_bodies_avx_vnni matmul_grouped peak_loops)
  set(ttt_bodies_avx512 ALL)
  set(ttt_bodies_avx512_vnni matmul_grouped peak_loops)
  set(ttt_bodies_avx512_bf16 matmul_dense prepare_dense peak_loops)
  set(ttt_bodies_amx matmul_dense matmul_grouped peak_loops)
endmacro()

# ttt_compile_levels(RESULT PREFIX bodies...): sets RESULT to the object files of the bodies, each compiled for its levels, in
# object libraries PREFIX_<level>. Include lines are paths as for
# users of ttt::ttt, or from the folder that calls.
function(ttt_compile_levels result prefix)
  ttt_set_levels()
  set(objects)
  foreach(level ${ttt_levels})
    set(sources ${ARGN})
    if(NOT ttt_bodies_${level} STREQUAL ALL)
      string(REPLACE ";" "|" names "${ttt_bodies_${level}}")
      list(FILTER sources INCLUDE REGEX "(^|/)(${names})\\.cpp$")
    endif()
    if(sources)
      ttt_compile_level(${prefix} ${level} ${sources})
      list(APPEND objects $<TARGET_OBJECTS:${prefix}_${level}>)
    endif()
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

# ttt_compile_level(PREFIX LEVEL sources...): the object library PREFIX_LEVEL.
function(ttt_compile_level prefix level)
  ttt_set_levels()
  set(target ${prefix}_${level})
  add_library(${target} OBJECT ${ARGN})
  target_include_directories(${target} PRIVATE $<TARGET_PROPERTY:ttt::ttt,INTERFACE_INCLUDE_DIRECTORIES>
                                               ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_definitions(${target} PRIVATE TTT_LEVEL=${level})
  # A kernel's results must not depend on how the compiler contracts or reorders; what fuses is written as such.
  target_compile_options(${target} PRIVATE ${ttt_flags_${level}} -O3 -ffp-contract=off)
  if(TTT_SANITIZE)
    # Unrolled loops with a check at every access take gcc 12 minutes for each file. These checks are the most
    # numerous and the least telling here: kernels read files at any alignment, and views were checked before.
    target_compile_options(${target} PRIVATE -O1 -fno-sanitize=null,alignment,object-size
                                             -fno-sanitize-address-use-after-scope)
  endif()
  if(TTT_SANITIZE MATCHES "fuzzer")
    # What is fuzzed are the readers. Kernels see only what the readers let pass.
    target_compile_options(${target} PRIVATE -fno-sanitize=all)
  endif()
  target_link_libraries(${target} PRIVATE $<TARGET_NAME_IF_EXISTS:ttt_warnings>)
  list(LENGTH ARGN count)
  if(TTT_PRECOMPILE AND count GREATER 5)
    target_precompile_headers(${target} PRIVATE <immintrin.h> <algorithm> <array> <cmath> <cstdint>
                                                <cstring> <optional> <span> <string> <vector>)
  endif()
  if(NOT level STREQUAL sse2)
    # gcc 12 finds its own _mm256_undefined_pd uninitialised (bug 105593). The sse2 level still looks
    # for ours.
    target_compile_options(${target} PRIVATE -Wno-uninitialized)
  endif()
endfunction()
