/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise in plain C, the reference for all sets, and its packing:
 *
 *     channel after channel, each [bias | scale | taps row by row, padded to a multiple of 4 bytes | shift]
 */
#include <string.h>

#include "requantize.h"
#include "set_scalar.h"

/* A channel's packed constants; its taps follow. */
struct channel {
  int32_t bias;
  union mbconv_i8_scale scale;
};
_Static_assert(sizeof(struct channel) == MBCONV_I8_SCALAR_BIAS, "packing.bias");

/* From a packed channel to its shift, or to the next one if there are none. */
static size_t channel_bytes(size_t kernel) { return sizeof(struct channel) + (kernel * kernel + 3) / 4 * 4; }

void mbconv_i8_pack_depthwise_scalar(void *data, size_t channel, size_t kernel, size_t stride,
                                     const struct mbconv_i8_channel *packed) {
  (void)stride;
  const size_t shift = channel_bytes(kernel), behind = mbconv_i8_behind(packed->ending);
  struct channel *to = (void *)((char *)data + channel * (shift + behind));
  *to = (struct channel){packed->bias, packed->scale};
  int8_t *taps = (int8_t *)(to + 1);
  if (behind > 0) memcpy((char *)to + shift, &packed->shift, behind);
  for (size_t t = 0; t < kernel * kernel; t++) taps[t] = packed->weight[t];
}

/* `kernel` and `stride` are constants at every call. */
static inline void depthwise(const size_t kernel, const size_t stride, const struct mbconv_depthwise_group *group,
                             size_t pixels, const void *const *rows, uint8_t *y) {
  const size_t behind = mbconv_i8_behind(group->ending.i8), apart = channel_bytes(kernel) + behind;
  for (size_t p = 0; p < pixels; p++, y += group->y_stride) {
    for (size_t c = 0; c < group->channels; c++) {
      const struct channel *channel = (const void *)((const char *)group->weights + c * apart);
      const int8_t *tap = (const int8_t *)(channel + 1);
      int32_t sum = channel->bias, shift = 0;
      memcpy(&shift, (const char *)channel + channel_bytes(kernel), behind);
      for (size_t i = 0; i < kernel; i++) {
        const uint8_t *x = (const uint8_t *)rows[i] + p * stride * group->x_stride + c;
        for (size_t j = 0; j < kernel; j++) sum += *tap++ * x[j * group->x_stride];
      }
      y[c] = mbconv_requantize(group->ending.i8, sum, channel->scale, shift);
    }
  }
}

void mbconv_i8_depthwise_scalar_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(3, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_scalar_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(3, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_scalar_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(5, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_scalar_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(5, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_scalar_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(7, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_scalar_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                      const void *const *rows, void *y) {
  depthwise(7, 2, group, pixels, rows, y);
}
