# SPDX-License-Identifier: MIT
# What `cmake --install` installs, by components: runtime and development for the library, networks and
# networks_development, command. Everything can be moved to another place afterwards.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(packagedir ${CMAKE_INSTALL_LIBDIR}/cmake/mbconv)
set(pkgconfigdir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# What programs that link the static library must find: CMake's packages, pkg-config's modules and other libraries.
set(static_packages)
set(static_modules)
set(static_libraries -lm)
set(installed_kinds ${MBCONV_KINDS})
if(MBCONV_CPU_FEATURES_LIBRARY AND NOT MBCONV_SELF_CONTAINED)
  list(APPEND static_packages CpuFeatures)
  list(PREPEND static_libraries -lcpu_features)
  if(MBCONV_CPU_FEATURES_BUILT AND "static" IN_LIST installed_kinds)
    set(why "needs the cpu_features built here, which is not installed. MBCONV_SELF_CONTAINED=ON takes it in, \
MBCONV_CPU_FEATURES=OFF does without.")
    list(REMOVE_ITEM installed_kinds static)
    if(NOT installed_kinds)
      message(FATAL_ERROR "The static library, the only one that is built, cannot be installed: it ${why} Or build the \
shared one (BUILD_SHARED_LIBS=ON), or do not install (MBCONV_INSTALL=OFF).")
    endif()
    message(STATUS "The static library is not installed: it ${why}")
  endif()
endif()
if(MBCONV_SLEEF_OFFERED)
  list(APPEND static_packages SLEEF)
  list(APPEND static_modules sleef)
endif()

# mbconv_install_library(NAME EXPORTED RUNTIME DEVELOPMENT): the kinds of a library, in these components. For CMake they
# are mbconv::static and mbconv::shared, with EXPORTED before the kind.
function(mbconv_install_library name exported runtime development)
  foreach(kind IN LISTS installed_kinds)
    mbconv_target(target ${name} ${kind})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${exported}${kind}
      INSTALL_RPATH $ORIGIN) # where the networks find the library
    install(TARGETS ${target} EXPORT ${target}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${runtime} NAMELINK_COMPONENT ${development}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${development}
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${runtime}
      INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT ${target} NAMESPACE mbconv:: FILE ${name}-${kind}.cmake
      DESTINATION ${packagedir} COMPONENT ${development})
  endforeach()
endfunction()

# mbconv_install_pc(NAME DESCRIPTION REQUIRES MODULES LIBRARIES DEVELOPMENT): NAME.pc. MODULES and LIBRARIES, which only
# the static library needs, are private unless there is no other.
function(mbconv_install_pc name description requires modules libraries development)
  set(needed_modules)
  set(needed_libraries)
  if(NOT "shared" IN_LIST installed_kinds)
    set(needed_modules ${modules})
    set(needed_libraries ${libraries})
    set(modules)
    set(libraries)
  endif()
  list(APPEND requires ${needed_modules})
  list(JOIN requires ", " requires)
  list(JOIN modules ", " modules)
  list(JOIN libraries " " libraries)
  list(JOIN needed_libraries " " needed_libraries)
  # Relative to where the file lies, so that the tree can be moved; unless a directory was given from the root on.
  file(RELATIVE_PATH prefix /${pkgconfigdir} /)
  string(REGEX REPLACE "/$" "" prefix "\${pcfiledir}/${prefix}")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(prefix ${CMAKE_INSTALL_PREFIX})
  endif()
  cmake_path(APPEND libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
  cmake_path(APPEND includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  set(file ${name}${CMAKE_${type}_POSTFIX}) # CMAKE_DEBUG_POSTFIX and the like
  configure_file(cmake/mbconv.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${pkgconfigdir} COMPONENT ${development})
endfunction()

# ---- The library -----------------------------------------------------------------------------------------------------

mbconv_install_library(mbconv "" runtime development)
mbconv_install_pc(mbconv "${PROJECT_DESCRIPTION}" "" "${static_modules}" "${static_libraries}" development)
install(FILES include/mbconv.h include/mbconv.hpp include/mbconv_i8.h include/mbconv_openmp.h include/mbconv_pthreadpool.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

configure_package_config_file(cmake/mbconvConfig.cmake.in mbconvConfig.cmake INSTALL_DESTINATION ${packagedir})
write_basic_package_version_file(mbconvConfigVersion.cmake COMPATIBILITY ${MBCONV_COMPATIBILITY})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mbconvConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/mbconvConfigVersion.cmake
  DESTINATION ${packagedir} COMPONENT development)
if("SLEEF" IN_LIST static_packages)
  install(FILES cmake/FindSLEEF.cmake DESTINATION ${packagedir} COMPONENT development)
endif()

# ---- The networks and the command ------------------------------------------------------------------------------------

if(MBCONV_NETWORKS)
  mbconv_install_library(mbconv_networks networks_ networks networks_development)
  mbconv_install_pc(mbconv_networks "MobileNetV2, MobileNetV3 and EfficientNet on mbconv" "mbconv" jansson -lm
    networks_development)
  install(FILES include/mbconv_networks.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT networks_development)
  install(FILES cmake/FindJansson.cmake DESTINATION ${packagedir} COMPONENT networks_development)
endif()
if(MBCONV_CLI)
  file(RELATIVE_PATH way /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(mbconv_cli PROPERTIES INSTALL_RPATH $ORIGIN/${way})
  install(TARGETS mbconv_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
endif()
