# What every target is compiled with. Nothing here reaches a project that adds this one as a subdirectory.
if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
  endif()
  # Kernels ask for -O3 themselves; for the rest it costs build time and gains nothing.
  string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(TTT_CCACHE ccache)
  mark_as_advanced(TTT_CCACHE)
  if(TTT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # What ccache wants before it keeps objects that use precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TTT_CCACHE})
    if(TTT_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fpch-preprocess)
    endif()
  endif()
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(TTT_SANITIZE)
  add_compile_options(-fsanitize=${TTT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TTT_SANITIZE})
  if(TTT_SANITIZE MATCHES "fuzzer")
    add_compile_options(-fno-sanitize-recover=all)  # undefined behaviour is a find, as a bad access is
  endif()
endif()

find_package(Threads REQUIRED)

add_library(ttt_warnings INTERFACE)
target_compile_options(ttt_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
# gcc 12 takes members of std::variant and std::optional for uninitialised when it inlines them (bug 80635 and kin).
target_compile_options(ttt_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
# noclone is gcc's alone.
target_compile_options(ttt_warnings INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-attributes>)
# With precompiled headers it reports what it sees in its own std::string when a literal is joined to a temporary.
if(TTT_PRECOMPILE)
  target_compile_options(ttt_warnings INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>")
endif()
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(ttt_warnings INTERFACE -Werror)
endif()
