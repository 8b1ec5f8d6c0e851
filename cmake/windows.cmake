# SPDX-License-Identifier: MIT
# DLLs. What one shows stands in a .def file, made of what the library's header declares. (__declspec(dllexport) would do
# harm in the static library, which has the same objects: a DLL linked with it would show these functions, and no longer
# its own.)

# mbconv_link_dll(TARGET HEADER)
function(mbconv_link_dll target header)
  set(definitions ${CMAKE_CURRENT_BINARY_DIR}/${target}.def)
  file(STRINGS ${header} names REGEX "^MBCONV_API ")
  list(TRANSFORM names REPLACE "^.*[ *](mbconv_[a-z0-9_]+)\\(.*$" "  \\1")
  list(JOIN names "\n" names)
  if(NOT names MATCHES "^(  mbconv_[a-z0-9_]+\n?)+$")
    message(FATAL_ERROR "a declaration in ${header} does not have its name in its first line:\n${names}")
  endif()
  file(CONFIGURE OUTPUT ${definitions} CONTENT "EXPORTS\n${names}\n" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  target_sources(${target} PRIVATE ${definitions})
endfunction()
