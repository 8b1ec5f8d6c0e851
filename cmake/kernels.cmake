# SPDX-License-Identifier: MIT
# The kernel sets of the target architecture: MBCONV_SETS, their names, and MBCONV_KERNEL_SOURCES, each file with the
# flags of its set, which are also in MBCONV_FLAGS_<name>.
# The flags of a set and the CPU test that admits it (dispatch/select.c) are the same list.

set(MBCONV_SETS)
set(MBCONV_KERNEL_SOURCES)
set(MBCONV_SET_DEFINITIONS)

# mbconv_add_set(name "parts" flags...): kernels/f32/{pointwise,gemv,depthwise,activation,channel,more,set}_<name>.c,
# silu_sleef_<name>.c, and the parts that only some sets have
function(mbconv_add_set name parts)
  set(files)
  foreach(part pointwise gemv depthwise activation channel more set ${parts})
    list(APPEND files kernels/f32/${part}_${name}.c)
  endforeach()
  if(MBCONV_SLEEF_OFFERED)
    list(APPEND files kernels/f32/silu_sleef_${name}.c)
  endif()
  set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ARGN}")
  string(TOUPPER ${name} upper)
  list(APPEND MBCONV_SETS ${name})
  list(APPEND MBCONV_KERNEL_SOURCES ${files})
  list(APPEND MBCONV_SET_DEFINITIONS MBCONV_SET_${upper})
  set(MBCONV_SETS ${MBCONV_SETS} PARENT_SCOPE)
  set(MBCONV_FLAGS_${name} ${ARGN} PARENT_SCOPE)
  set(MBCONV_KERNEL_SOURCES ${MBCONV_KERNEL_SOURCES} PARENT_SCOPE)
  set(MBCONV_SET_DEFINITIONS ${MBCONV_SET_DEFINITIONS} PARENT_SCOPE)
endfunction()

# For Windows gcc does not align the stack, but takes it for aligned where it spills a wide vector (GCC's bug 54412;
# Debian's compiler is patched). Then the assembler writes the moves that take any address.
set(wide)
if(WIN32 AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  mbconv_accepted(wide -Wa,-muse-unaligned-vector-move)
endif()

mbconv_add_set(scalar "transpose;interleave")
if(MBCONV_ARCHITECTURE STREQUAL "x86_64")
  mbconv_add_set(avx2 "pointwise_narrow;transpose" -mavx2 -mfma ${wide})
  mbconv_add_set(avx512 "pointwise_abreast" -mavx512f -mavx512vl -mavx512bw -mavx512dq -mfma -mprefer-vector-width=512 ${wide})
elseif(MBCONV_ARCHITECTURE STREQUAL "arm64")
  mbconv_add_set(neon "pointwise_narrow;silu_tiles;transpose" -fno-lto) # which knows nothing of calls in assembly
  # Every ARM64 CPU has NEON: the scalar set, which an app carries along, is chosen by name only.
  set_source_files_properties(kernels/f32/activation_scalar.c kernels/f32/channel_scalar.c
    kernels/f32/depthwise_scalar.c kernels/f32/gemv_scalar.c kernels/f32/interleave_scalar.c kernels/f32/more_scalar.c
    kernels/f32/pointwise_scalar.c kernels/f32/transpose_scalar.c
    PROPERTIES COMPILE_OPTIONS ${MBCONV_FOR_SIZE})
  set_property(SOURCE kernels/f32/more_neon.c APPEND PROPERTY COMPILE_OPTIONS ${MBCONV_FOR_SIZE})
  # Clang's loops stay as they are, only what is around them gets smaller.
  set_property(SOURCE kernels/f32/activation_neon.c kernels/f32/channel_neon.c APPEND PROPERTY COMPILE_OPTIONS
    $<$<AND:$<CONFIG:Release>,$<C_COMPILER_ID:Clang,AppleClang>>:-Oz$<SEMICOLON>-mno-outline>)
endif()
if(MBCONV_SLEEF_OFFERED)
  list(APPEND MBCONV_SET_DEFINITIONS MBCONV_SLEEF)
endif()

# mbconv_add_i8_row(name "parts" flags...): kernels/i8/{pointwise,depthwise,bytes,set}_<name>.c or the parts named. A row
# of int8 kernels, MBCONV_I8_<NAME>; the flags are also in MBCONV_FLAGS_i8_<name>.
set(MBCONV_I8_ROWS)
function(mbconv_add_i8_row name parts)
  set(files)
  foreach(part set ${parts})
    list(APPEND files kernels/i8/${part}_${name}.c)
  endforeach()
  set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ARGN}")
  string(TOUPPER ${name} upper)
  list(APPEND MBCONV_I8_ROWS ${name})
  list(APPEND MBCONV_KERNEL_SOURCES ${files})
  list(APPEND MBCONV_SET_DEFINITIONS MBCONV_I8_${upper})
  set(MBCONV_I8_ROWS ${MBCONV_I8_ROWS} PARENT_SCOPE)
  set(MBCONV_FLAGS_i8_${name} ${ARGN} PARENT_SCOPE)
  set(MBCONV_KERNEL_SOURCES ${MBCONV_KERNEL_SOURCES} PARENT_SCOPE)
  set(MBCONV_SET_DEFINITIONS ${MBCONV_SET_DEFINITIONS} PARENT_SCOPE)
endfunction()

# MBCONV_ARM64_TIERS: the rows that are built. What they share is there with any of them.
set(all_tiers neon neon_dotprod neon_i8mm)
foreach(tier IN LISTS MBCONV_ARM64_TIERS)
  if(NOT tier IN_LIST all_tiers)
    message(FATAL_ERROR "MBCONV_ARM64_TIERS has ${tier}, which is none of neon, neon_dotprod and neon_i8mm")
  endif()
endforeach()
if(NOT MBCONV_ARM64_TIERS)
  message(FATAL_ERROR "MBCONV_ARM64_TIERS is empty: name one or more of neon, neon_dotprod and neon_i8mm")
endif()
set(tiers ${MBCONV_ARM64_TIERS})
list(REMOVE_DUPLICATES tiers)
list(LENGTH tiers tiers)
if(tiers LESS 3 AND NOT MBCONV_ARCHITECTURE STREQUAL "arm64")
  message(FATAL_ERROR "MBCONV_ARM64_TIERS is ${MBCONV_ARM64_TIERS}, but this build is for ${MBCONV_ARCHITECTURE}")
endif()
if(tiers LESS 3 AND NOT "i8" IN_LIST MBCONV_TYPES)
  message(FATAL_ERROR "MBCONV_ARM64_TIERS is ${MBCONV_ARM64_TIERS}: it chooses int8's rows, which MBCONV_TYPES leaves out")
endif()

if("i8" IN_LIST MBCONV_TYPES)
  mbconv_add_i8_row(scalar "pointwise;depthwise;bytes;door;excite")
  list(APPEND MBCONV_KERNEL_SOURCES kernels/i8/panel.c)
  if(MBCONV_ARCHITECTURE STREQUAL "x86_64")
    mbconv_add_i8_row(avx2 "pointwise;pointwise_bytes;depthwise;bytes;door;excite" -mavx2 -mfma ${wide})
    mbconv_accepted(vnni -mavxvnni) # gcc 11 and clang 12
    if(vnni)
      mbconv_add_i8_row(avx2_vnni "pointwise;depthwise" -mavx2 -mfma -mavxvnni ${wide})
    endif()
    mbconv_add_i8_row(avx512_vnni "pointwise;depthwise;door;table_vbmi" ${MBCONV_FLAGS_avx512} -mavx512vnni)
    set_property(SOURCE kernels/i8/table_vbmi_avx512_vnni.c APPEND PROPERTY COMPILE_OPTIONS -mavx512vbmi)
    list(APPEND MBCONV_KERNEL_SOURCES kernels/i8/depthwise_layout.c)
  elseif(MBCONV_ARCHITECTURE STREQUAL "arm64")
    # As of f32: what NEON's rows call of it are tails, and TFLITE_DOUBLE.
    set_property(SOURCE kernels/i8/depthwise_scalar.c kernels/i8/bytes_scalar.c kernels/i8/excite_scalar.c
      APPEND PROPERTY COMPILE_OPTIONS ${MBCONV_FOR_SIZE})
    list(APPEND MBCONV_KERNEL_SOURCES kernels/i8/bytes_neon.c kernels/i8/excite_neon.c kernels/i8/ends_neon.c)
    set(dotprod -march=armv8.2-a+dotprod)
    if("neon" IN_LIST MBCONV_ARM64_TIERS)
      mbconv_add_i8_row(neon "pointwise;depthwise")
    endif()
    if("neon_dotprod" IN_LIST MBCONV_ARM64_TIERS)
      mbconv_add_i8_row(neon_dotprod "pointwise;depthwise" ${dotprod})
    endif()
    mbconv_accepted(i8mm ${dotprod}+i8mm) # gcc 10 and clang 11
    if(i8mm AND "neon_i8mm" IN_LIST MBCONV_ARM64_TIERS)
      mbconv_add_i8_row(neon_i8mm "pointwise" ${i8mm})
      if(NOT "neon_dotprod" IN_LIST MBCONV_ARM64_TIERS) # whose depthwise it has
        list(APPEND MBCONV_KERNEL_SOURCES kernels/i8/depthwise_neon_dotprod.c)
        set_source_files_properties(kernels/i8/depthwise_neon_dotprod.c PROPERTIES COMPILE_OPTIONS ${dotprod})
      endif()
    elseif(MBCONV_ARM64_TIERS STREQUAL "neon_i8mm")
      message(FATAL_ERROR "MBCONV_ARM64_TIERS is neon_i8mm, whose instructions this compiler does not know")
    endif()
  endif()
endif()
