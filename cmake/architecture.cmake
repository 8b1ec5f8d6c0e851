# SPDX-License-Identifier: MIT
# MBCONV_ARCHITECTURE, what the compiler makes code for: x86_64, x86 (32 bits), arm64 or other. The compiler is asked:
# CMAKE_SYSTEM_PROCESSOR tells of the machine, and nothing of -m32 or of a toolchain file that forgot it.
function(mbconv_find_architecture result)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nothing is linked
  try_compile(MBCONV_ARCHITECTURE_COMPILED
    ${CMAKE_CURRENT_BINARY_DIR}/architecture ${CMAKE_CURRENT_SOURCE_DIR}/cmake/architecture.c
    OUTPUT_VARIABLE compiler_said)
  unset(MBCONV_ARCHITECTURE_COMPILED CACHE)
  string(REGEX MATCHALL "mbconv architecture: [a-z0-9_]+" names "${compiler_said}")
  list(TRANSFORM names REPLACE ".*: " "")
  list(REMOVE_DUPLICATES names)
  list(LENGTH names count)
  if(count EQUAL 0)
    message(FATAL_ERROR "the C compiler does not say which architecture it compiles for:\n${compiler_said}")
  elseif(count GREATER 1)
    message(FATAL_ERROR "one build is for one architecture, not for ${names}: make a library of each, and join them (lipo)")
  endif()
  set(${result} ${names} PARENT_SCOPE)
endfunction()
mbconv_find_architecture(MBCONV_ARCHITECTURE)
