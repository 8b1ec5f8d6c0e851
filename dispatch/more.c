/* SPDX-License-Identifier: MIT */
#include "more.h"

const struct mbconv_more_kernels *mbconv_more_of(const struct mbconv_kernels *kernels) {
  switch (kernels->isa) {
#ifdef MBCONV_SET_AVX512
    case MBCONV_ISA_AVX512: return &mbconv_more_avx512;
#endif
#ifdef MBCONV_SET_AVX2
    case MBCONV_ISA_AVX2: return &mbconv_more_avx2;
#endif
#ifdef MBCONV_SET_NEON
    case MBCONV_ISA_NEON: return &mbconv_more_neon;
#endif
    default: return &mbconv_more_scalar;
  }
}
