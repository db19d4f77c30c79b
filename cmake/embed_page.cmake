# Embeds the files of server/page/ in a program: writes a C++ source that defines ttt::page_files() of server/page.h.
#
#   ttt_embed_page(TARGET)                                        adds the source to a target
#   cmake -DFOLDER=... -DOUTPUT=... -P cmake/embed_page.cmake     what the build runs when a file of the page has changed

# index.html is "/", any other .html file its name without the extension, and all else is below "/page/".
function(ttt_page_path result name)
  if(name STREQUAL "index.html")
    set(path "/")
  elseif(name MATCHES "^(.+)\\.html$")
    set(path "/${CMAKE_MATCH_1}")
  else()
    set(path "/page/${name}")
  endif()
  set(${result} "${path}" PARENT_SCOPE)
endfunction()

function(ttt_page_type result name)
  get_filename_component(extension ${name} LAST_EXT)
  set(type_of_.html "text/html; charset=utf-8")
  set(type_of_.css "text/css; charset=utf-8")
  set(type_of_.js "text/javascript; charset=utf-8")
  set(type_of_.svg "image/svg+xml")
  if(NOT DEFINED type_of_${extension})
    message(FATAL_ERROR "server/page/${name}: no content type is known for ${extension} (wanted: .html, .css, .js, .svg)")
  endif()
  set(${result} "${type_of_${extension}}" PARENT_SCOPE)
endfunction()

function(ttt_write_page folder output)
  file(GLOB names RELATIVE ${folder} ${folder}/*)
  set(paths "")
  foreach(name IN LISTS names)
    ttt_page_path(path ${name})
    list(APPEND paths "${path}")
    set(name_of_${path} ${name})
  endforeach()
  list(SORT paths)
  set(arrays "")
  set(rows "")
  set(index 0)
  foreach(path IN LISTS paths)
    set(name ${name_of_${path}})
    file(READ ${folder}/${name} bytes HEX)
    if(bytes STREQUAL "")
      message(FATAL_ERROR "server/page/${name} is empty")
    endif()
    string(REGEX REPLACE "(................................................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    ttt_page_type(type ${name})
    string(APPEND arrays "constexpr std::uint8_t file_${index}[] = {  // ${name}\n${bytes}};\n")
    string(APPEND rows "    {\"${path}\", \"${type}\", file_${index}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  file(WRITE ${output} "// Written by cmake/embed_page.cmake from server/page/.
#include \"server/page.h\"

namespace ttt {
namespace {

${arrays}
constexpr PageFile files[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() { return files; }

}  // namespace ttt
")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  ttt_write_page(${FOLDER} ${OUTPUT})
  return()
endif()

set(ttt_embed_page_script ${CMAKE_CURRENT_LIST_FILE})

function(ttt_embed_page target)
  set(folder ${PROJECT_SOURCE_DIR}/server/page)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_page_files.cpp)
  set_source_files_properties(${output} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # so that a program can have its own
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*)
  add_custom_command(OUTPUT ${output}
                     COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUTPUT=${output} -P ${ttt_embed_page_script}
                     DEPENDS ${files} ${ttt_embed_page_script}
                     COMMENT "Embedding server/page")
  target_sources(${target} PRIVATE ${output})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()
