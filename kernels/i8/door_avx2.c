/* SPDX-License-Identifier: MIT
 *
 * Floats to bytes and back, on AVX2: 32 at a time, then 8, then one by one.
 */
#include "../vec_avx2.h"
#include "set_avx2.h"
#include "set_scalar.h"

enum { BYTES = 32 };

/* 8 floats as integers, counted from the zero point. x86 max gives its second operand if the first is a NaN. What is
 * behind the point, doubled and cut off, is what rounding half away adds. */
ALWAYS_INLINE __m256i quantized(const mbconv_i8_door kind, const struct mbconv_i8_converter *by, const float *x) {
  const __m256 lo = _mm256_set1_ps((float)-by->zero), hi = _mm256_set1_ps((float)(255 - by->zero));
  __m256 v = _mm256_loadu_ps(x);
  if (kind == MBCONV_I8_DOOR_XNNPACK)
    v = _mm256_mul_ps(v, _mm256_set1_ps(by->inverse));
  else
    v = _mm256_div_ps(v, _mm256_set1_ps(by->scale));
  v = _mm256_min_ps(_mm256_max_ps(v, lo), hi);
  if (kind != MBCONV_I8_DOOR_TFLITE) return _mm256_cvtps_epi32(v);
  const __m256 whole = _mm256_round_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), rest = _mm256_sub_ps(v, whole);
  return _mm256_add_epi32(_mm256_cvttps_epi32(v), _mm256_cvttps_epi32(_mm256_add_ps(rest, rest)));
}

/* Integers to bytes, in the order in which the packs leave them. */
ALWAYS_INLINE __m256i packed(const struct mbconv_i8_converter *by, __m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i zero = _mm256_set1_epi16((short)by->zero);
  return _mm256_packus_epi16(_mm256_add_epi16(_mm256_packs_epi32(a, b), zero),
                             _mm256_add_epi16(_mm256_packs_epi32(c, d), zero));
}

ALWAYS_INLINE void quantize(const mbconv_i8_door kind, const struct mbconv_i8_converter *by, size_t n, const float *x,
                            uint8_t *y) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  size_t i = 0;
  for (; i + BYTES <= n; i += BYTES) {
    const __m256i bytes = packed(by, quantized(kind, by, x + i), quantized(kind, by, x + i + LANES),
                                 quantized(kind, by, x + i + 2 * LANES), quantized(kind, by, x + i + 3 * LANES));
    _mm256_storeu_si256((__m256i_u *)(y + i), _mm256_permutevar8x32_epi32(bytes, order));
  }
  for (; i + LANES <= n; i += LANES) {
    const __m256i v = quantized(kind, by, x + i), bytes = packed(by, v, v, v, v); /* each half four times */
    _mm_storel_epi64((__m128i_u *)(y + i), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
  }
  if (i < n) mbconv_i8_quantize_scalar(by, n - i, x + i, y + i);
}

void mbconv_i8_quantize_avx2(const struct mbconv_i8_converter *by, size_t n, const void *x, void *y) {
  switch (by->kind) {
    case MBCONV_I8_DOOR_XNNPACK: quantize(MBCONV_I8_DOOR_XNNPACK, by, n, x, y); break;
    case MBCONV_I8_DOOR_TFLITE: quantize(MBCONV_I8_DOOR_TFLITE, by, n, x, y); break;
    case MBCONV_I8_DOOR_BYTES:
    case MBCONV_I8_DOOR_ONNX: quantize(MBCONV_I8_DOOR_ONNX, by, n, x, y); break;
  }
}

void mbconv_i8_dequantize_avx2(const struct mbconv_i8_converter *by, size_t n, const void *x_, void *y_) {
  const __m256i zero = _mm256_set1_epi32(by->zero);
  const __m256 scale = _mm256_set1_ps(by->scale);
  const uint8_t *x = x_;
  float *y = y_;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const __m256i q = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)(x + i)));
    _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(q, zero)), scale));
  }
  if (i < n) mbconv_i8_dequantize_scalar(by, n - i, x + i, y + i);
}
