# Installs the built library below the build directory, then configures, builds and runs examples/out_of_tree_model
# against what was installed and nothing else.
set(prefix ${BUILD}/package/prefix)
set(build ${BUILD}/package/out_of_tree_model)
file(REMOVE_RECURSE ${prefix} ${build})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "exit ${code} of: ${command}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
file(COPY ${SOURCE}/examples/out_of_tree_model DESTINATION ${BUILD}/package/source)
run(${CMAKE_COMMAND} -S ${BUILD}/package/source/out_of_tree_model -B ${build} -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${build})
run(${build}/out_of_tree_model)
