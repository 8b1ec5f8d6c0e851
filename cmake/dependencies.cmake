# SPDX-License-Identifier: MIT
# Finds what the library is linked with; never downloads. A missing package stops with its name.
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}) # FindSLEEF.cmake, FindJansson.cmake

if(MBCONV_CPU_FEATURES_SOURCE AND NOT MBCONV_CPU_FEATURES)
  message(FATAL_ERROR "MBCONV_CPU_FEATURES=OFF has no use for MBCONV_CPU_FEATURES_SOURCE: give one of them")
elseif(MBCONV_CPU_FEATURES_SOURCE)
  set(BUILD_TESTING_SAVED ${BUILD_TESTING})
  set(BUILD_TESTING OFF)
  set(BUILD_PIC ON)
  add_subdirectory(${MBCONV_CPU_FEATURES_SOURCE} ${CMAKE_BINARY_DIR}/cpu_features EXCLUDE_FROM_ALL)
  set(BUILD_TESTING ${BUILD_TESTING_SAVED})
  if(NOT TARGET CpuFeatures::cpu_features)
    add_library(CpuFeatures::cpu_features ALIAS cpu_features)
  endif()
elseif(MBCONV_CPU_FEATURES)
  find_package(CpuFeatures CONFIG QUIET)
endif()
# Where it is not to be had we ask the CPU ourselves, which gives the same; no other architecture has anything to detect.
set(MBCONV_CPU_FEATURES_LIBRARY)
if(MBCONV_ARCHITECTURE STREQUAL "other")
  set(MBCONV_CPU_SOURCE dispatch/cpu_other.c)
else()
  string(REPLACE x86_64 x86 family ${MBCONV_ARCHITECTURE})
  set(MBCONV_CPU_SOURCE dispatch/cpu_${family}.c)
  if(TARGET CpuFeatures::cpu_features)
    set(MBCONV_CPU_FEATURES_LIBRARY CpuFeatures::cpu_features)
    set(MBCONV_CPU_SOURCE dispatch/cpu.c)
  elseif(MBCONV_CPU_FEATURES)
    message(STATUS "cpu_features: not found (Debian: libcpu-features-dev), the library asks the CPU itself")
  endif()
  if(family STREQUAL "x86")
    list(APPEND MBCONV_CPU_SOURCE dispatch/x86.c)
  endif()
endif()

# mbconv_check_sleef(result): whether the SLEEF found gives the bits of our own exponential, on a sample of inputs.
# Where that cannot be run, says so and trusts SLEEF; the tests compare the two on every float.
function(mbconv_check_sleef result)
  set(${result} ON PARENT_SCOPE)
  if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    message(STATUS "SLEEF: ${MBCONV_SLEEF_LIBRARY}, unchecked: cross compiling without CMAKE_CROSSCOMPILING_EMULATOR")
    return()
  endif()
  unset(MBCONV_SLEEF_SAMPLE_COMPILED CACHE) # or an exchanged SLEEF would not be looked at again
  unset(MBCONV_SLEEF_SAMPLE_STATUS CACHE)
  try_run(MBCONV_SLEEF_SAMPLE_STATUS MBCONV_SLEEF_SAMPLE_COMPILED
    ${CMAKE_CURRENT_BINARY_DIR}/sleef_sample ${CMAKE_CURRENT_SOURCE_DIR}/cmake/sleef_sample.c
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_SOURCE_DIR}/kernels;${MBCONV_SLEEF_INCLUDE_DIR}"
    COMPILE_DEFINITIONS -ffp-contract=off
    LINK_LIBRARIES ${MBCONV_SLEEF_LIBRARY} m
    COMPILE_OUTPUT_VARIABLE compiler_said
    RUN_OUTPUT_VARIABLE sample_said)
  if(NOT MBCONV_SLEEF_SAMPLE_COMPILED)
    set(${result} OFF PARENT_SCOPE)
    message(WARNING "SLEEF is not offered: a program using ${MBCONV_SLEEF_LIBRARY} does not build "
      "(Sleef_expf1_u10purecfma is needed):\n${compiler_said}")
  elseif(MBCONV_SLEEF_SAMPLE_STATUS EQUAL 0)
    message(STATUS "SLEEF: ${MBCONV_SLEEF_LIBRARY}, bits as expected on ${sample_said}")
  elseif(MBCONV_SLEEF_SAMPLE_STATUS EQUAL 2)
    message(STATUS "SLEEF: ${MBCONV_SLEEF_LIBRARY}, unchecked: the CPU here has no FMA")
  elseif(MBCONV_SLEEF_SAMPLE_STATUS EQUAL 3)
    set(${result} OFF PARENT_SCOPE)
    message(WARNING "SLEEF is not offered: ${MBCONV_SLEEF_LIBRARY} has other bits than 3.5.1, which every kernel set "
      "must have: ${sample_said}")
  else()
    message(STATUS "SLEEF: ${MBCONV_SLEEF_LIBRARY}, unchecked: the sample does not run here "
      "(${MBCONV_SLEEF_SAMPLE_STATUS}) ${sample_said}")
  endif()
endfunction()

set(MBCONV_SLEEF_OFFERED OFF)
add_library(mbconv_sleef INTERFACE)
if(MBCONV_SLEEF)
  find_package(SLEEF MODULE QUIET)
  if(NOT SLEEF_FOUND)
    message(FATAL_ERROR "SLEEF not found: install libsleef-dev, or build without it by -DMBCONV_SLEEF=OFF")
  endif()
  mbconv_check_sleef(MBCONV_SLEEF_OFFERED)
  if(MBCONV_SLEEF_OFFERED)
    target_link_libraries(mbconv_sleef INTERFACE SLEEF::sleef)
  endif()
endif()

if(MBCONV_NETWORKS)
  find_package(Jansson MODULE QUIET)
  if(NOT Jansson_FOUND)
    message(FATAL_ERROR "Jansson not found: install libjansson-dev, or build without the networks by "
      "-DMBCONV_NETWORKS=OFF")
  endif()
endif()
