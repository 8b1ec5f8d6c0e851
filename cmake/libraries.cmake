# SPDX-License-Identifier: MIT
# How objects become libraries: static and shared, and the self-contained form of both.

include(${CMAKE_CURRENT_LIST_DIR}/windows.cmake) # mbconv_link_dll

# MBCONV_KINDS: static or shared, as BUILD_SHARED_LIBS says; then the other, if both are to be built.
if(BUILD_SHARED_LIBS)
  set(MBCONV_KINDS shared static)
else()
  set(MBCONV_KINDS static shared)
endif()
if(NOT MBCONV_BOTH_KINDS)
  list(POP_BACK MBCONV_KINDS)
endif()

# mbconv_target(RESULT NAME KIND): the target that is library NAME in this kind.
function(mbconv_target result name kind)
  list(GET MBCONV_KINDS 0 first)
  if("${kind}" STREQUAL "${first}")
    set(${result} ${name} PARENT_SCOPE)
  else()
    set(${result} ${name}_${kind} PARENT_SCOPE)
  endif()
endfunction()

# mbconv_add_library(NAME OBJECTS files... [ON library] [LIBRARIES libraries...]): target NAME is of the first kind, the
# other kind is NAME_static or NAME_shared. ON is another library made by this function, which users see through this one:
# each kind is linked with its like. LIBRARIES are what only the objects need. The shared one shows mbconv_* alone.
function(mbconv_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" ON "OBJECTS;LIBRARIES")
  foreach(kind IN LISTS MBCONV_KINDS)
    mbconv_target(target ${name} ${kind})
    string(TOUPPER ${kind} type)
    add_library(${target} ${type} ${arg_OBJECTS})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE C
      VERSION ${PROJECT_VERSION} SOVERSION ${MBCONV_ABI})
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
    if(arg_ON)
      mbconv_target(base ${arg_ON} ${kind})
      target_link_libraries(${target} PUBLIC ${base})
    endif()
    if("${kind}" STREQUAL "shared" AND NOT APPLE)
      mbconv_link_shared(${target})
    endif()
    if(TARGET mbconv_joined)
      add_dependencies(${target} mbconv_joined)
    endif()
  endforeach()
endfunction()

# Zig's linker has no --exclude-libs; the version script hides as much.
if(NOT APPLE AND NOT WIN32)
  check_linker_flag(C -Wl,--exclude-libs,ALL MBCONV_HAS_exclude_libs)
endif()

# Pages of 16 KB are Android's. -Bsymbolic: in a process with several copies of the library, each calls itself.
function(mbconv_link_shared target)
  mbconv_fix_arithmetic(${target})
  if(WIN32)
    get_target_property(name ${target} OUTPUT_NAME)
    set(headers ${PROJECT_SOURCE_DIR}/include/${name}.h)
    if(name STREQUAL "mbconv" AND "i8" IN_LIST MBCONV_TYPES)
      list(APPEND headers ${PROJECT_SOURCE_DIR}/include/mbconv_i8.h)
    endif()
    mbconv_link_dll(${target} ${headers})
    return()
  endif()
  set(map ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(${target} PRIVATE -Wl,--version-script,${map} -Wl,-Bsymbolic -Wl,-z,max-page-size=16384)
  if(MBCONV_HAS_exclude_libs)
    target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
  # Clang leaves the sanitizers' functions to the program. A parent may ask for sanitizers in many ways.
  if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize=")
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()

# mbconv_join(RESULT OBJECTS [ARCHIVE]): makes one object file of the target OBJECTS and of what it needs of the target
# ARCHIVE, in which nothing can be seen but what the header declares, and sets RESULT to it.
function(mbconv_join result objects)
  if(NOT CMAKE_OBJCOPY OR NOT CMAKE_LINKER OR APPLE OR WIN32)
    message(FATAL_ERROR "MBCONV_SELF_CONTAINED needs objcopy and a linker for ELF")
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR})
  get_property(several GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(several)
    string(APPEND folder /$<CONFIG>)
  endif()
  set(joined ${folder}/mbconv_self_contained${CMAKE_C_OUTPUT_EXTENSION})
  set(files $<TARGET_OBJECTS:${objects}>)
  foreach(archive IN LISTS ARGN)
    list(APPEND files $<TARGET_FILE:${archive}>)
  endforeach()
  add_custom_command(OUTPUT ${joined}
    COMMAND ${CMAKE_LINKER} -r -o ${joined}.all ${files}
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=mbconv_* --localize-hidden ${joined}.all ${joined}
    DEPENDS ${files} COMMAND_EXPAND_LISTS VERBATIM)
  target_compile_options(${objects} PRIVATE -fno-lto) # whatever the flags are: what is joined must be machine code
  add_custom_target(mbconv_joined DEPENDS ${joined}) # or both kinds would make it, at the same time
  add_dependencies(mbconv_joined ${objects})
  set_source_files_properties(${joined} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set(${result} ${joined} PARENT_SCOPE)
endfunction()
