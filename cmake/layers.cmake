# One library for each layer. Sources are globbed: a block is added by adding its files.

function(ttt_core_library)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ttt/*.cpp)
  list(FILTER sources EXCLUDE REGEX "ttt/kernels/cpu/")
  ttt_kernel_objects(kernel_object_files)
  add_library(ttt ${sources} ${kernel_object_files})
  ttt_finish_layer(ttt ttt)
  target_include_directories(ttt PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/ttt>
                                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ttt/ttt>)
  target_link_libraries(ttt PUBLIC Threads::Threads)
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
endfunction()

function(ttt_finish_layer target export_name)
  add_library(ttt::${export_name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name} VERSION ${PROJECT_VERSION}
                                             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:ttt_warnings,INTERFACE_COMPILE_OPTIONS>)
  set_property(GLOBAL APPEND PROPERTY TTT_LAYERS ${target})
endfunction()

# The families of models use the layers as any project would, and are not part of the installed package.
function(ttt_models_library)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS models/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(ttt_models STATIC ${sources})
  target_include_directories(ttt_models PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(ttt_models PUBLIC ttt::runtime PRIVATE ttt_warnings)
endfunction()
