# Libraries, public headers, the CMake package and the tool. Include lines are the same as in the source tree. Libraries
# that need more than the others have files of targets of their own, which are read only for who asks for them.
include(CMakePackageConfigHelpers)
set(ttt_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ttt)

get_property(ttt_layers GLOBAL PROPERTY TTT_LAYERS)
foreach(layer IN LISTS ttt_layers)
  set(export ttt_targets)
  set(optional "")
  if(layer STREQUAL "ttt_mpi")
    set(export ttt_mpi_targets)
  elseif(layer MATCHES "^ttt_(app|server)$")
    set(export ttt_app_targets)
    set(optional OPTIONAL)  # who has built the other libraries alone can install them
  endif()
  install(TARGETS ${layer} EXPORT ${export} ${optional})
endforeach()
install(EXPORT ttt_targets NAMESPACE ttt:: FILE ttt-targets.cmake DESTINATION ${ttt_package_dir})
install(EXPORT ttt_mpi_targets NAMESPACE ttt:: FILE ttt-mpi-targets.cmake DESTINATION ${ttt_package_dir})

install(DIRECTORY ttt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt
        FILES_MATCHING PATTERN "*.h" REGEX "kernels/(.*/)?cpu$" EXCLUDE)
# What bodies of kernels in other projects need.
install(FILES ttt/kernels/cpu/level.h ttt/kernels/cpu/simd.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt/ttt/kernels/cpu)
install(FILES cmake/compile_levels.cmake DESTINATION ${ttt_package_dir})
install(DIRECTORY checkpoint text runtime models DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt
        FILES_MATCHING PATTERN "*.h")
if(TARGET ttt_tool)
  install(EXPORT ttt_app_targets NAMESPACE ttt:: FILE ttt-app-targets.cmake DESTINATION ${ttt_package_dir})
  install(FILES apps/ttt/app.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt/apps/ttt)
  install(TARGETS ttt_tool OPTIONAL)
endif()

# Static libraries hand on what they link; a shared one has it in itself.
get_target_property(ttt_mpi_type ttt_mpi TYPE)
set(TTT_PACKAGE_NEEDS_MPI OFF)
if(TTT_WITH_MPI AND ttt_mpi_type STREQUAL "STATIC_LIBRARY")
  set(TTT_PACKAGE_NEEDS_MPI ON)
endif()
configure_package_config_file(cmake/ttt-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ttt-config.cmake
                              INSTALL_DESTINATION ${ttt_package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(ttt-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ttt-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/ttt-config-version.cmake
        DESTINATION ${ttt_package_dir})
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
