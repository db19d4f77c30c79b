# Libraries, public headers and the CMake package. Include lines are the same as in the source tree.
include(CMakePackageConfigHelpers)

get_property(ttt_layers GLOBAL PROPERTY TTT_LAYERS)
install(TARGETS ${ttt_layers} EXPORT ttt_targets)
install(EXPORT ttt_targets NAMESPACE ttt:: FILE ttt-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ttt)

install(DIRECTORY ttt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt
        FILES_MATCHING PATTERN "*.h" REGEX "kernels/(.*/)?cpu$" EXCLUDE)
install(DIRECTORY checkpoint text runtime models DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt
        FILES_MATCHING PATTERN "*.h")
install(FILES apps/ttt/app.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ttt/apps/ttt)

configure_package_config_file(cmake/ttt-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ttt-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ttt)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(ttt-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ttt-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/ttt-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ttt)

if(TARGET ttt_tool)
  install(TARGETS ttt_tool)
endif()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
