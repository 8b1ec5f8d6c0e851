/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on AVX-512 with VNNI: a dot is one instruction. What is done how stands in depthwise_columns.h.
 */
#include "depthwise_vectors.h"
#include "set_avx512_vnni.h"

enum { UNIT = 64, WEIGHT = 1 };
#define HAS_PAIR(kernel) ((kernel) < 7)

#include "vec_16.h"
typedef vec_16 operand_16;
ALWAYS_INLINE operand_16 open_16(vec_16 v) { return v; }
ALWAYS_INLINE vec_16 dot_16(vec_16 sum, operand_16 x, const void *w) { return _mm_dpbusd_epi32(sum, x, load_16(w)); }
#include "depthwise_columns.h"

#include "vec_32.h"
typedef vec_32 operand_32;
ALWAYS_INLINE operand_32 open_32(vec_32 v) { return v; }
ALWAYS_INLINE vec_32 dot_32(vec_32 sum, operand_32 x, const void *w) { return _mm256_dpbusd_epi32(sum, x, load_32(w)); }
#include "depthwise_columns.h"

#include "vec_64.h"
typedef vec_64 operand_64;
ALWAYS_INLINE operand_64 open_64(vec_64 v) { return v; }
ALWAYS_INLINE vec_64 dot_64(vec_64 sum, operand_64 x, const void *w) { return _mm512_dpbusd_epi32(sum, x, load_64(w)); }
#include "depthwise_columns.h"

/* `kernel`, `stride` and `pair` are constants at every call. */
ALWAYS_INLINE void row(const size_t kernel, const size_t stride, const bool pair,
                       const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y0,
                       void *y1) {
  const size_t channel_bytes = unit_channel_bytes(kernel, stride);
  for (size_t c = 0; c < group->channels;) {
    const size_t rest = group->channels - c;
    const char *unit = (const char *)group->weights + c / UNIT * UNIT * channel_bytes + c % UNIT;
    if (rest > 48) {
      unit_64(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 64;
    } else if (rest > 16) {
      unit_32(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 32;
    } else {
      unit_16(kernel, stride, pair, group, c, unit, pixels, rows, y0, y1);
      c += 16;
    }
  }
}
