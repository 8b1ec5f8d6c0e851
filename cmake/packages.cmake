# SPDX-License-Identifier: MIT
# Debian's packages, made by `cpack -G DEB` from the components of install.cmake: libmbconv0.2 and libmbconv-dev, and with
# the networks and the command libmbconv-networks0.2, libmbconv-networks-dev and mbconv. To be configured by the preset
# `package`, which installs to where Debian has its libraries.

set(CPACK_PACKAGE_NAME mbconv)
set(CPACK_PACKAGE_VENDOR "mbconv contributors")
set(MBCONV_PACKAGE_CONTACT "mbconv contributors <mbconv@example.org>" CACHE STRING "Who maintains the packages")
set(CPACK_PACKAGE_CONTACT "${MBCONV_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS # whatever the umask is
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(ldconfig ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/triggers) # which Debian asks for; CPack adds scripts that call it
set(version ${MBCONV_ABI}) # of the binary interface
set(same "(= ${PROJECT_VERSION})")

# mbconv_package(COMPONENT NAME SECTION SYNOPSIS DESCRIPTION DEPENDS)
macro(mbconv_package component name section synopsis description depends)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${synopsis}\n${description}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}")
  list(APPEND CPACK_COMPONENTS_ALL ${component})
endmacro()
set(CPACK_COMPONENTS_ALL)

set(about "mbconv computes the inverted bottleneck (MBConv) of MobileNet and
EfficientNet in 32-bit floats, with kernels for AVX2, AVX-512 and NEON that
are chosen at run time and give the same results.")
mbconv_package(runtime libmbconv${version} libs "inverted bottleneck kernels for CPUs (library)" "${about}" "")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${ldconfig})

set(depends "libmbconv${version} ${same}")
if("CpuFeatures" IN_LIST static_packages)
  string(APPEND depends ", libcpu-features-dev")
endif()
if("SLEEF" IN_LIST static_packages)
  string(APPEND depends ", libsleef-dev")
endif()
mbconv_package(development libmbconv-dev libdevel "inverted bottleneck kernels for CPUs (development)"
  "${about}\n.\nThis package has the headers for C and C++, the static library and what\nCMake and pkg-config need."
  "${depends}")

if(MBCONV_NETWORKS)
  mbconv_package(networks libmbconv-networks${version} libs "MobileNet and EfficientNet on mbconv (library)"
    "${about}\n.\nThis package has whole networks, read from safetensors files." "libmbconv${version} ${same}")
  set(CPACK_DEBIAN_NETWORKS_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_NETWORKS_PACKAGE_CONTROL_EXTRA ${ldconfig})
  mbconv_package(networks_development libmbconv-networks-dev libdevel
    "MobileNet and EfficientNet on mbconv (development)"
    "${about}\n.\nThis package has what is needed to build programs with whole networks."
    "libmbconv-networks${version} ${same}, libmbconv-dev ${same}, libjansson-dev")
endif()
if(MBCONV_CLI)
  mbconv_package(command mbconv science "MobileNet and EfficientNet from the command line"
    "${about}\n.\nThis package has the command mbconv, which runs networks on images and\ntimes them layer by layer."
    "libmbconv${version} ${same}, libmbconv-networks${version} ${same}")
  set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
endif()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_CURRENT_BINARY_DIR} ${CMAKE_CURRENT_BINARY_DIR}/networks)

# What every package has in /usr/share/doc.
set(CPACK_MBCONV_SOURCE ${CMAKE_CURRENT_SOURCE_DIR})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/documents.cmake)
include(CPack)
