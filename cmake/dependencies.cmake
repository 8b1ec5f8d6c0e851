# SPDX-License-Identifier: MIT
# Finds what the library is linked with; never downloads. All missing packages are named at once.
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}) # FindSLEEF.cmake, FindJansson.cmake

# ---- Packages that must be there ---------------------------------------------------------------------------------------

set(missing)

# mbconv_need(OPTION DEBIAN WITHOUT NAME HOW...): find_package(NAME HOW...) if OPTION is on. Where it is not found, the
# message at the end names Debian's package, and WITHOUT: what is not built with which option.
macro(mbconv_need option debian without name)
  if(${option})
    find_package(${name} ${ARGN} QUIET)
    if(NOT ${name}_FOUND)
      list(APPEND missing "  ${name}: install ${debian}, or build without ${without}")
    endif()
  endif()
endmacro()
mbconv_need(MBCONV_SLEEF libsleef-dev "it (same results) by -DMBCONV_SLEEF=OFF" SLEEF MODULE)
mbconv_need(MBCONV_NETWORKS libjansson-dev "the networks by -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF" Jansson MODULE)
mbconv_need(MBCONV_CLI libpng-dev "the command mbconv by -DMBCONV_CLI=OFF" PNG)
mbconv_need(MBCONV_CLI libjpeg-dev "the command mbconv by -DMBCONV_CLI=OFF" JPEG)
mbconv_need(MBCONV_BENCH libbenchmark-dev "the benchmark by -DMBCONV_BENCH=OFF" benchmark CONFIG)
if(missing)
  list(JOIN missing "\n" missing)
  message(FATAL_ERROR "not found:\n${missing}\nThe names are Debian's.")
endif()

# ---- cpu_features ------------------------------------------------------------------------------------------------------

# mbconv_add_cpu_features(): the target cpu_features from MBCONV_CPU_FEATURES_SOURCE: static, whatever we and the project
# around us build, since it goes into our libraries. A function, so that what is set here stays here; with the policy, what
# cpu_features declares as options stays out of the cache.
function(mbconv_add_cpu_features)
  if(TARGET cpu_features)
    message(FATAL_ERROR "MBCONV_CPU_FEATURES_SOURCE: the project has a target cpu_features already; leave the option out")
  endif()
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_TESTING OFF)
  set(BUILD_EXECUTABLE OFF)
  set(ENABLE_INSTALL OFF)
  set(BUILD_PIC ON) # of old versions
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(CMAKE_C_VISIBILITY_PRESET default)
  if(MBCONV_SELF_CONTAINED) # what is joined must be machine code
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
    string(APPEND CMAKE_C_FLAGS " -fno-lto")
  endif()
  add_subdirectory(${MBCONV_CPU_FEATURES_SOURCE} ${CMAKE_CURRENT_BINARY_DIR}/cpu_features EXCLUDE_FROM_ALL)
  get_target_property(type cpu_features TYPE)
  if(NOT type STREQUAL "STATIC_LIBRARY")
    message(FATAL_ERROR "MBCONV_CPU_FEATURES_SOURCE: ${MBCONV_CPU_FEATURES_SOURCE} makes no static library of cpu_features")
  endif()
endfunction()

# MBCONV_CPU_FEATURES_LIBRARY is the library, or empty: then the library asks the CPU itself, which gives the same.
# MBCONV_CPU_FEATURES_BUILT: whether it is built here, and is therefore missing where our static library is installed.
set(MBCONV_CPU_FEATURES_LIBRARY)
set(MBCONV_CPU_FEATURES_BUILT OFF)
set(instead)
if(MBCONV_CPU_FEATURES_SOURCE AND NOT MBCONV_CPU_FEATURES)
  message(FATAL_ERROR "MBCONV_CPU_FEATURES=OFF has no use for MBCONV_CPU_FEATURES_SOURCE: give one of them")
elseif(NOT MBCONV_CPU_FEATURES OR MBCONV_ARCHITECTURE STREQUAL "other")
elseif(MBCONV_CPU_FEATURES_SOURCE)
  mbconv_add_cpu_features()
  set(MBCONV_CPU_FEATURES_LIBRARY cpu_features)
  set(MBCONV_CPU_FEATURES_BUILT ON)
else()
  if(NOT TARGET CpuFeatures::cpu_features)
    find_package(CpuFeatures CONFIG QUIET)
  endif()
  if(NOT TARGET CpuFeatures::cpu_features)
    set(instead "not found (Debian: libcpu-features-dev)")
  else()
    get_target_property(imported CpuFeatures::cpu_features IMPORTED)
    get_target_property(type CpuFeatures::cpu_features TYPE)
    if(NOT imported)
      set(instead "left to the project around us, which builds it")
    elseif(MBCONV_SELF_CONTAINED AND NOT type STREQUAL "STATIC_LIBRARY")
      set(instead "found as a shared library, which cannot be taken in (MBCONV_SELF_CONTAINED)")
    else()
      set(MBCONV_CPU_FEATURES_LIBRARY CpuFeatures::cpu_features)
    endif()
  endif()
  if(instead)
    message(STATUS "cpu_features: ${instead}; the library asks the CPU itself, which gives the same")
  endif()
endif()

# What detects the CPU. Where there is no set but scalar, there is nothing to detect.
if(MBCONV_ARCHITECTURE STREQUAL "other")
  set(MBCONV_CPU_SOURCE dispatch/cpu_other.c)
else()
  string(REPLACE x86_64 x86 family ${MBCONV_ARCHITECTURE})
  set(MBCONV_CPU_SOURCE dispatch/cpu_${family}.c)
  if(MBCONV_CPU_FEATURES_LIBRARY)
    set(MBCONV_CPU_SOURCE dispatch/cpu.c)
  endif()
  if(family STREQUAL "x86")
    list(APPEND MBCONV_CPU_SOURCE dispatch/x86.c)
  endif()
endif()

# ---- SLEEF -------------------------------------------------------------------------------------------------------------

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
  mbconv_check_sleef(MBCONV_SLEEF_OFFERED)
  if(MBCONV_SLEEF_OFFERED)
    target_link_libraries(mbconv_sleef INTERFACE SLEEF::sleef)
  endif()
endif()
