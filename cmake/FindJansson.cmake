# SPDX-License-Identifier: MIT
# jansson::jansson, which reads JSON and which Debian installs without a CMake configuration. Installed beside
# mbconvConfig.cmake too, for programs that link the networks statically.
find_path(MBCONV_JANSSON_INCLUDE_DIR jansson.h)
find_library(MBCONV_JANSSON_LIBRARY jansson)
mark_as_advanced(MBCONV_JANSSON_INCLUDE_DIR MBCONV_JANSSON_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Jansson REQUIRED_VARS MBCONV_JANSSON_LIBRARY MBCONV_JANSSON_INCLUDE_DIR)
if(Jansson_FOUND AND NOT TARGET jansson::jansson)
  add_library(jansson::jansson UNKNOWN IMPORTED)
  set_target_properties(jansson::jansson PROPERTIES
    IMPORTED_LOCATION ${MBCONV_JANSSON_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MBCONV_JANSSON_INCLUDE_DIR})
endif()
