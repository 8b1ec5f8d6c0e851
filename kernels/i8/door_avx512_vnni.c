/* SPDX-License-Identifier: MIT
 *
 * Floats to bytes and back, on AVX-512: 16 at a time, the last ones by a mask.
 */
#include "requantize_avx512.h"
#include "set_avx512_vnni.h"

enum { FLOATS = 16 };

ALWAYS_INLINE __mmask16 first_floats(size_t n) { return (__mmask16)(n < FLOATS ? (1u << n) - 1 : 0xffff); }

/* As on AVX2. */
ALWAYS_INLINE __m512i quantized(const mbconv_i8_door kind, const struct mbconv_i8_converter *by, __m512 x) {
  const __m512 lo = _mm512_set1_ps((float)-by->zero), hi = _mm512_set1_ps((float)(255 - by->zero));
  __m512 v;
  if (kind == MBCONV_I8_DOOR_XNNPACK)
    v = _mm512_mul_ps(x, _mm512_set1_ps(by->inverse));
  else
    v = _mm512_div_ps(x, _mm512_set1_ps(by->scale));
  v = _mm512_min_ps(_mm512_max_ps(v, lo), hi);
  __m512i r;
  if (kind == MBCONV_I8_DOOR_TFLITE) {
    const __m512 rest = _mm512_sub_ps(v, _mm512_roundscale_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC));
    r = _mm512_add_epi32(_mm512_cvttps_epi32(v), _mm512_cvttps_epi32(_mm512_add_ps(rest, rest)));
  } else {
    r = _mm512_cvtps_epi32(v);
  }
  return _mm512_add_epi32(r, _mm512_set1_epi32(by->zero));
}

ALWAYS_INLINE void quantize(const mbconv_i8_door kind, const struct mbconv_i8_converter *by, size_t n, const float *x,
                            uint8_t *y) {
  for (size_t i = 0; i < n; i += FLOATS) {
    const __mmask16 those = first_floats(n - i);
    const __m512i v = quantized(kind, by, _mm512_maskz_loadu_ps(those, x + i));
    _mm_mask_storeu_epi8(y + i, those, _mm512_cvtepi32_epi8(v)); /* not in one: sanitizers would miss it */
  }
}

void mbconv_i8_quantize_avx512_vnni(const struct mbconv_i8_converter *by, size_t n, const void *x, void *y) {
  switch (by->kind) {
    case MBCONV_I8_DOOR_XNNPACK: quantize(MBCONV_I8_DOOR_XNNPACK, by, n, x, y); break;
    case MBCONV_I8_DOOR_TFLITE: quantize(MBCONV_I8_DOOR_TFLITE, by, n, x, y); break;
    case MBCONV_I8_DOOR_BYTES:
    case MBCONV_I8_DOOR_ONNX: quantize(MBCONV_I8_DOOR_ONNX, by, n, x, y); break;
  }
}

void mbconv_i8_dequantize_avx512_vnni(const struct mbconv_i8_converter *by, size_t n, const void *x_, void *y_) {
  const uint8_t *x = x_;
  float *y = y_;
  for (size_t i = 0; i < n; i += FLOATS) {
    const __mmask16 those = first_floats(n - i);
    const __m512i q = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(those, x + i));
    const __m512 v = _mm512_cvtepi32_ps(_mm512_sub_epi32(q, _mm512_set1_epi32(by->zero)));
    _mm512_mask_storeu_ps(y + i, those, _mm512_mul_ps(v, _mm512_set1_ps(by->scale)));
  }
}
