/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on AVX-512 with VNNI: a dot is one instruction. What is done how stands in depthwise_columns.h.
 */
#include "depthwise_vectors.h"
#include "set_avx512_vnni.h"

enum { UNIT = 64, WEIGHT = 1 };
/* Of weights at stride 1; 7x7 for two rows would need more registers. */
#define VARIANTS(kernel) ((kernel) == 5 ? 2 : 1)

#include "vec_16.h"
typedef vec_x16 operand_x16;
ALWAYS_INLINE operand_x16 open_x16(vec_x16 v) { return v; }
ALWAYS_INLINE vec_x16 dot_x16(vec_x16 sum, operand_x16 x, vec_x16 w, vec_x16 odd) {
  (void)odd;
  return _mm_dpbusd_epi32(sum, x, w);
}
#define F(name) name##_16
#define WIDTH 16
#define PARTS 1
#include "depthwise_columns.h"
#include "depthwise_staged.h"
#include "vec_32.h"
#include "vec_64.h"
typedef vec_x64 operand_x64;
ALWAYS_INLINE operand_x64 open_x64(vec_x64 v) { return v; }
ALWAYS_INLINE vec_x64 dot_x64(vec_x64 sum, operand_x64 x, vec_x64 w, vec_x64 odd) {
  (void)odd;
  return _mm512_dpbusd_epi32(sum, x, w);
}
#define F(name) name##_64
#define WIDTH 64
#define PARTS 1
#include "depthwise_columns.h"
#define F(name) name##_2x32
#define WIDTH 32
#define PARTS 2
#include "depthwise_columns.h"
#define F(name) name##_4x16
#define WIDTH 16
#define PARTS 4
#include "depthwise_columns.h"

/* `kernel`, `stride` and `pair` are constants at every call. */
ALWAYS_INLINE void row(const size_t kernel, const size_t stride, const bool pair,
                       const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y0,
                       void *y1) {
  const size_t channel_bytes = mbconv_i8_depthwise_bytes(kernel, WEIGHT, stride == 1 && VARIANTS(kernel) > 1) +
                               mbconv_i8_behind(group->ending.i8);
  const bool fp32 = group->ending.i8->rounding == MBCONV_I8_FP32;
  for (size_t c = 0; c < group->channels;) {
    const size_t rest = group->channels - c;
    const char *unit = (const char *)group->weights + c / UNIT * UNIT * channel_bytes + c % UNIT;
    if (fp32 && rest >= 64 && c % 64 == 0) {
      whole_64(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 64;
    } else if (fp32 && rest >= 32 && c % 32 == 0) {
      whole_2x32(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 32;
    } else if (fp32 && (rest >= 16 || rest == 8)) {
      whole_4x16(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 16;
    } else {
      rest_16(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 16;
    }
  }
}

void mbconv_i8_depthwise_avx512_vnni_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(3, 1, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(3, 2, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(5, 1, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(5, 2, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(7, 1, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                           const void *const *rows, void *y) {
  row(7, 2, false, group, pixels, rows, y, y);
}

void mbconv_i8_depthwise_avx512_vnni_3x3s1_pair(const struct mbconv_depthwise_group *group, size_t pixels,
                                                const void *const *rows, void *y0, void *y1) {
  row(3, 1, true, group, pixels, rows, y0, y1);
}

void mbconv_i8_depthwise_avx512_vnni_5x5s1_pair(const struct mbconv_depthwise_group *group, size_t pixels,
                                                const void *const *rows, void *y0, void *y1) {
  row(5, 1, true, group, pixels, rows, y0, y1);
}

static const struct mbconv_i8_layout layout = {UNIT, WEIGHT, {VARIANTS(3) > 1, VARIANTS(5) > 1, VARIANTS(7) > 1}};

void mbconv_i8_pack_depthwise_avx512_vnni(void *data, size_t channel, size_t kernel, size_t stride,
                                          const struct mbconv_i8_channel *packed) {
  mbconv_i8_pack_depthwise_vectors(&layout, data, channel, kernel, stride, packed);
}
