# SPDX-License-Identifier: MIT
# Arithmetic as the C standard and IEEE 754 have it, whatever the flags of a parent project or of CFLAGS are: a target's
# own options come after them, and of two that contradict each other the last one counts. What gets through all the same
# is refused by kernels/arithmetic.h.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

# mbconv_accepted(RESULT OPTIONS...): those that this compiler knows and has a use for.
function(mbconv_accepted result)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nothing is linked
  set(CMAKE_C_FLAGS "")                             # a parent's, which may be warned of
  set(CMAKE_REQUIRED_FLAGS -Werror)
  set(accepted)
  foreach(option IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "MBCONV_HAS${option}" variable)
    check_c_compiler_flag("${option}" ${variable})
    if(${variable})
      string(REGEX REPLACE "^(.* .*)$" "SHELL:\\1" option "${option}") # or CMake makes one word of two
      list(APPEND accepted "${option}")
    endif()
  endforeach()
  set(${result} ${accepted} PARENT_SCOPE)
endfunction()

set(compile -fno-associative-math -fno-reciprocal-math -fno-finite-math-only -fsigned-zeros)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # Data races would be two threads that write one vector, each its own half.
  mbconv_accepted(accepted -fno-single-precision-constant -fno-allow-store-data-races)
  list(PREPEND compile -fno-fast-math -fno-unsafe-math-optimizations)
  # On s390x gcc computes float as double, if the standard is C11, because the C library says so; not so with this.
  # (Wider registers are another matter: where there are no others, arithmetic.h refuses as before.)
  if(MBCONV_ARCHITECTURE STREQUAL "other")
    list(APPEND compile -fexcess-precision=fast)
  endif()
else()
  # Clang 14 takes -fno-fast-math and -fno-unsafe-math-optimizations for -ftrapping-math, too, which forbids it most
  # optimisations. The rest of what -ffast-math means there is undone piece by piece.
  mbconv_accepted(accepted -fno-approx-func -fhonor-nans -fhonor-infinities -ffp-eval-method=source
    -fdenormal-fp-math=ieee "-Xclang -fdenormal-fp-math-f32=ieee")
endif()
set(MBCONV_ARITHMETIC ${compile} ${accepted} -fno-math-errno -ffp-contract=off CACHE INTERNAL "")

# A link with -ffast-math (or, with some compilers, -Ofast, -funsafe-math-optimizations, -mdaz-ftz) adds crtfastmath.o,
# which makes the CPU take denormals for zeros, in the whole process that loads the library. -O2 is there to come after
# -Ofast; on objects that are compiled already it has no effect.
set(link -O2 -fno-fast-math -fno-unsafe-math-optimizations)
check_linker_flag(C -mno-daz-ftz MBCONV_HAS_mno_daz_ftz)
if(MBCONV_HAS_mno_daz_ftz)
  list(APPEND link -mno-daz-ftz)
endif()
set(MBCONV_ARITHMETIC_LINK ${link} CACHE INTERNAL "")

# mbconv_fix_arithmetic(TARGET): compiles and links it so.
function(mbconv_fix_arithmetic target)
  target_compile_options(${target} PRIVATE ${MBCONV_ARITHMETIC})
  get_target_property(type ${target} TYPE)
  if(type MATCHES "^(EXECUTABLE|SHARED_LIBRARY|MODULE_LIBRARY)$")
    target_link_libraries(${target} PRIVATE ${MBCONV_ARITHMETIC_LINK}) # as a library, to come after LDFLAGS
  endif()
endfunction()
