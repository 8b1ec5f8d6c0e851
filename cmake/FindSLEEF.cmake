# SPDX-License-Identifier: MIT
# SLEEF::sleef, the vector mathematics library, which Debian installs without a CMake configuration. Installed beside
# mbconvConfig.cmake too, for programs that link the static library.
find_path(MBCONV_SLEEF_INCLUDE_DIR sleef.h PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE})
find_library(MBCONV_SLEEF_LIBRARY sleef)
mark_as_advanced(MBCONV_SLEEF_INCLUDE_DIR MBCONV_SLEEF_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SLEEF REQUIRED_VARS MBCONV_SLEEF_LIBRARY MBCONV_SLEEF_INCLUDE_DIR)
if(SLEEF_FOUND AND NOT TARGET SLEEF::sleef)
  add_library(SLEEF::sleef UNKNOWN IMPORTED)
  set_target_properties(SLEEF::sleef PROPERTIES
    IMPORTED_LOCATION ${MBCONV_SLEEF_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MBCONV_SLEEF_INCLUDE_DIR})
endif()
