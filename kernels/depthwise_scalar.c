/* SPDX-License-Identifier: MIT
 *
 * Depthwise in plain C: one chain after the other, as the contract words it. The order of the loops, channels inside,
 * only keeps the reads of a row together.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

/* `kernel` and `stride` are constants at every call, so that the loops over the taps unroll. */
static inline void depthwise(const size_t kernel, const size_t stride, const struct mbconv_depthwise_group *group,
                             size_t pixels, const float *const *rows, float *y) {
  for (size_t p = 0; p < pixels; p++) {
    for (size_t c = 0; c < group->channels; c++) {
      const float *w = group->weights + c * (1 + kernel * kernel); /* the bias, then the taps */
      float sum = *w++;
      for (size_t i = 0; i < kernel; i++) {
        for (size_t j = 0; j < kernel; j++) {
          sum = fmaf(*w++, rows[i][(p * stride + j) * group->x_stride + c], sum);
        }
      }
      y[p * group->y_stride + c] = clamp(sum, group->lo, group->hi);
    }
  }
}

void mbconv_depthwise_scalar_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                   float *y) {
  depthwise(7, 2, group, pixels, rows, y);
}
