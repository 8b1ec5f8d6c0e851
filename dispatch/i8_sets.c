/* SPDX-License-Identifier: MIT */
#include "i8_sets.h"

#include "mbconv_i8.h"

static const struct mbconv_row rows[] = {
#ifdef MBCONV_I8_AVX512_VNNI
    {MBCONV_ISA_AVX512_VNNI, MBCONV_NEEDS_AVX512 | MBCONV_CPU_AVX512_VNNI | MBCONV_CPU_AVX512_VBMI,
     &mbconv_kernels_i8_avx512_vnni_vbmi},
    {MBCONV_ISA_AVX512_VNNI, MBCONV_NEEDS_AVX512 | MBCONV_CPU_AVX512_VNNI, &mbconv_kernels_i8_avx512_vnni},
#endif
#ifdef MBCONV_I8_AVX2
    {MBCONV_ISA_AVX512, MBCONV_NEEDS_AVX512, &mbconv_kernels_i8_avx2}, /* without VNNI it has none of its own */
#endif
#ifdef MBCONV_I8_AVX2_VNNI
    {MBCONV_ISA_AVX2_VNNI, MBCONV_NEEDS_AVX2 | MBCONV_CPU_AVX_VNNI, &mbconv_kernels_i8_avx2_vnni},
#endif
#ifdef MBCONV_I8_AVX2
    {MBCONV_ISA_AVX2, MBCONV_NEEDS_AVX2, &mbconv_kernels_i8_avx2},
#endif
#ifdef MBCONV_I8_NEON_I8MM
    {MBCONV_ISA_NEON_I8MM, MBCONV_NEEDS_NEON_I8MM, &mbconv_kernels_i8_neon_i8mm},
#endif
#ifdef MBCONV_I8_NEON_DOTPROD
    {MBCONV_ISA_NEON_DOTPROD, MBCONV_NEEDS_NEON_DOTPROD, &mbconv_kernels_i8_neon_dotprod},
#endif
#ifdef MBCONV_I8_NEON
    {MBCONV_ISA_NEON, MBCONV_NEEDS_NEON, &mbconv_kernels_i8_neon},
#endif
    {MBCONV_ISA_SCALAR, 0, &mbconv_kernels_i8_scalar},
};

const struct mbconv_sets mbconv_i8_sets = {rows, sizeof rows / sizeof rows[0]};

size_t mbconv_usable_isas_i8(mbconv_isa *isas, size_t capacity) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_usable_isas_of(&mbconv_i8_sets, &cpu, isas, capacity);
}
