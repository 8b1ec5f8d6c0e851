/* SPDX-License-Identifier: MIT
 *
 * What all NEON rows of int8 do now and then, and so have once: endings behind the stores, by way of memory, and tiles
 * by way of copies.
 */
#include <string.h>

#include "requantize.h"
#include "requantize_neon.h"

void mbconv_i8_end_later_neon(const struct mbconv_i8_ending *ending, size_t width, uint8_t *y) {
  const struct bounds bounds = bounds_of(ending->lo, ending->hi, ending->flip);
  if (width == 16) {
    vst1q_u8(y, bounded(&bounds, vld1q_u8(y)));
  } else {
    const uint8x8_t half = vld1_u8(y);
    vst1_u8(y, vget_low_u8(bounded(&bounds, vcombine_u8(half, half))));
  }
}

void mbconv_i8_requantize_neon(const struct mbconv_i8_ending *ending, const int32_t *scales, const int32_t *shifts,
                               size_t channels, const int32_t *sums, uint8_t *y) {
  const bool shifted = mbconv_i8_behind(ending) > 0;
  for (size_t c = 0; c < channels; c++) {
    const union mbconv_i8_scale scale = {.multiplier = scales[c] & INT32_MAX}; /* the first may be negated */
    y[c] = mbconv_requantize(ending, sums[c], scale, shifted ? shifts[c] : 0);
  }
}

void mbconv_i8_run_staged_neon(mbconv_i8_tile_neon_fn *run, const struct mbconv_pointwise_panel *panel, size_t pixels,
                               const uint8_t *x, void *const *y, size_t offset) {
  enum { MOST = 8, ROOM = 32 };
  const size_t k = panel->k;
  struct mbconv_pointwise_panel copy = *panel;
  uint8_t copies[MOST * ROOM] = {0}, outputs[MOST * 16];
  void *to[MOST] = {NULL};
  for (size_t p = 0; p < pixels; p++) {
    to[p] = outputs + p * 16;
    if (k < 16) memcpy(copies + p * ROOM + 16, x + p * panel->x_stride, k);
  }
  if (k < 16) copy.x_stride = ROOM, x = copies + 16;
  run(&copy, pixels, 1, x, to, 0);
  for (size_t p = 0; p < pixels; p++) memcpy((uint8_t *)y[p] + offset, outputs + p * 16, panel->channels);
}
