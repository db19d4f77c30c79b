# One library for each layer. Sources are globbed: a block is added by adding its files.

# Headers of the standard library are most of what a small source compiles, so they are compiled once. Sources include
# what they use all the same: TTT_PRECOMPILE=OFF (the debug preset) builds without them.
set(ttt_precompiled_headers
    <algorithm> <array> <atomic> <bit> <charconv> <chrono> <cmath> <condition_variable> <cstdint> <cstdio> <cstdlib>
    <cstring> <deque> <exception> <filesystem> <functional> <initializer_list> <limits> <map> <memory> <mutex> <numeric>
    <optional> <set> <span> <string> <string_view> <system_error> <thread> <unordered_map> <utility> <variant> <vector>)

# OWN: for a target that is compiled otherwise than the library ttt. So are shared libraries, each with a macro of its
# own.
function(ttt_precompile target)
  cmake_parse_arguments(ARG "OWN" "" "" ${ARGN})
  if(NOT TTT_PRECOMPILE)
    return()
  endif()
  if(NOT target STREQUAL ttt AND NOT ARG_OWN AND NOT BUILD_SHARED_LIBS)
    target_precompile_headers(${target} REUSE_FROM ttt)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${ttt_precompiled_headers})
endfunction()

# Small sources spend most of their time on headers and on templates that their neighbours instantiate too: with
# TTT_UNITY several are compiled as one, which halves the time of a build from nothing. So names of anonymous namespaces
# differ within a target; a source that is compiled with options of its own stays alone.
# BY_FOLDER: only sources of one folder are compiled together.
function(ttt_unity target)
  cmake_parse_arguments(ARG "BY_FOLDER" "" "" ${ARGN})
  if(TTT_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    if(ARG_BY_FOLDER)
      set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
      get_target_property(sources ${target} SOURCES)
      foreach(source ${sources})
        cmake_path(GET source PARENT_PATH folder)
        cmake_path(GET folder FILENAME group)
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
      endforeach()
    endif()
    # Which takes sources for headers, as one includes them.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

function(ttt_core_library)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ttt/*.cpp)
  list(FILTER sources EXCLUDE REGEX "ttt/(kernels/(.*/)?cpu/|collectives/(no_|run_on_)?mpi.cpp$)")
  ttt_kernel_objects(kernel_object_files)
  ttt_vectorise_baseline()
  add_library(ttt ${sources} ${kernel_object_files})
  ttt_finish_layer(ttt ttt)
  target_include_directories(ttt PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/ttt>
                                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ttt/ttt>)
  target_link_libraries(ttt PUBLIC Threads::Threads)
  ttt_precompile(ttt)
  ttt_unity(ttt)
endfunction()

function(ttt_layer name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(ttt_${name} ${sources})
  ttt_finish_layer(ttt_${name} ${name})
  target_include_directories(ttt_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ttt>)
  target_link_libraries(ttt_${name} PUBLIC ttt::ttt ${ARG_LINK})
  ttt_precompile(ttt_${name})
  if(name STREQUAL "models")
    ttt_unity(ttt_${name} BY_FOLDER)  # families use the same names for the same things
  else()
    ttt_unity(ttt_${name})
  endif()
endfunction()

function(ttt_finish_layer target export_name)
  add_library(ttt::${export_name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name} VERSION ${PROJECT_VERSION}
                                             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:ttt_warnings,INTERFACE_COMPILE_OPTIONS>)
  set_property(GLOBAL APPEND PROPERTY TTT_LAYERS ${target})
endfunction()

# Ranks over MPI: a library of its own, so that only programs that use it start with MPI's libraries. TTT_MPI is AUTO (with
# MPI where it is installed), ON or OFF.
function(ttt_mpi_library)
  set(source no_mpi)
  if(TTT_MPI)
    set(MPI_CXX_SKIP_MPICXX ON)
    if(TTT_MPI STREQUAL "AUTO")
      find_package(MPI COMPONENTS CXX QUIET)
    else()
      find_package(MPI REQUIRED COMPONENTS CXX)
    endif()
    if(MPI_CXX_FOUND)
      set(source mpi)
    endif()
  endif()
  add_library(ttt_mpi ttt/collectives/${source}.cpp ttt/collectives/run_on_mpi.cpp)
  ttt_finish_layer(ttt_mpi mpi)
  target_link_libraries(ttt_mpi PUBLIC ttt::ttt)
  if(MPI_CXX_FOUND)
    target_link_libraries(ttt_mpi PRIVATE MPI::MPI_CXX)
  endif()
  message(STATUS "Ranks over MPI: ${source}")
  set(TTT_WITH_MPI ${MPI_CXX_FOUND} PARENT_SCOPE)
  set(TTT_MPIEXEC "${MPIEXEC_EXECUTABLE}" PARENT_SCOPE)
endfunction()

# The HTTP server, for the tool: where it is built and Boost.Beast is installed. TTT_SERVER is AUTO (with the server where
# Boost is new enough), ON or OFF.
function(ttt_server_library)
  if(NOT TTT_SERVER OR NOT TTT_TOOL)
    return()
  endif()
  if(TTT_SERVER STREQUAL "AUTO")
    find_package(Boost 1.81 QUIET CONFIG)
  else()
    find_package(Boost 1.81 REQUIRED CONFIG)
  endif()
  if(NOT Boost_FOUND)
    message(STATUS "Server: none, as Boost 1.81 was not found")
    return()
  endif()
  message(STATUS "Server: Boost ${Boost_VERSION}")
  ttt_layer(server LINK ttt::runtime)
  # Headers alone, which three sources include.
  target_link_libraries(ttt_server PRIVATE $<BUILD_INTERFACE:Boost::headers>)
  if(TTT_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ttt_server PRIVATE -Wno-tsan)  # Asio has fences, which the sanitiser does not follow
  endif()
  ttt_embed_page(ttt_server)
endfunction()
