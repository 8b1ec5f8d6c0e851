# SPDX-License-Identifier: MIT
# DLLs. What one shows stands in a .def file, made of what the library's headers declare. (__declspec(dllexport) would do
# harm in the static library, which has the same objects: a DLL linked with it would show these functions, and no longer
# its own.)

# mbconv_link_dll(TARGET HEADER...)
function(mbconv_link_dll target)
  set(definitions ${CMAKE_CURRENT_BINARY_DIR}/${target}.def)
  set(names)
  foreach(header IN LISTS ARGN)
    file(STRINGS ${header} more REGEX "^MBCONV_API ")
    list(TRANSFORM more REPLACE "^.*[ *](mbconv_[a-z0-9_]+)\\(.*$" "  \\1")
    list(APPEND names ${more})
  endforeach()
  list(JOIN names "\n" names)
  if(NOT names MATCHES "^(  mbconv_[a-z0-9_]+\n?)+$")
    message(FATAL_ERROR "a declaration in ${ARGN} does not have its name in its first line:\n${names}")
  endif()
  file(CONFIGURE OUTPUT ${definitions} CONTENT "EXPORTS\n${names}\n" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  target_sources(${target} PRIVATE ${definitions})
endfunction()
