# The kernels of the library itself.
include(${CMAKE_CURRENT_LIST_DIR}/compile_levels.cmake)
ttt_set_levels()

# Object files of all kernels in the cpu folders of ttt/kernels, for all levels.
function(ttt_kernel_objects result)
  file(GLOB bodies CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/ttt/kernels/*/cpu/*.cpp)
  ttt_compile_levels(objects ttt_kernels ${bodies})
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

# Loops over rows in cache, compiled for the baseline alone: vectors of four are 3 to 6 times as fast as -O2, which leaves
# single numbers, and wider ones save no more than 0.2 us a call (2048 values, Zen 4).
function(ttt_vectorise_baseline)
  if(TTT_SANITIZE)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ttt/kernels/rows/*.cpp ttt/kernels/experts/*.cpp)
  list(APPEND sources ttt/kernels/formats/decode.cpp ttt/kernels/formats/dense_values.cpp)
  # Without the precompiled headers, which are made with other options.
  set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS -O3 SKIP_PRECOMPILE_HEADERS ON)
endfunction()
