/* SPDX-License-Identifier: MIT
 *
 * Depthwise in plain C: the chains of four channels side by side, each as the contract words it.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

/* One pixel, n channels from c on. */
static inline void chains(const size_t n, const size_t kernel, const struct mbconv_depthwise_group *group, size_t c,
                          const void *const *rows, size_t x_offset, float *y) {
  const size_t step = 1 + kernel * kernel; /* a channel's weights: the bias, then the taps */
  const float *w = (const float *)group->weights + c * step;
  float sum[SIDE];
  for (size_t l = 0; l < n; l++) sum[l] = w[l * step];
  for (size_t i = 0; i < kernel; i++) {
    for (size_t j = 0; j < kernel; j++) {
      const float *x = (const float *)rows[i] + x_offset + j * group->x_stride + c;
      w++;
      for (size_t l = 0; l < n; l++) sum[l] = fma_f32(w[l * step], x[l], sum[l]);
    }
  }
  for (size_t l = 0; l < n; l++) y[c + l] = clamp(sum[l], group->ending.lo, group->ending.hi);
}

/* `kernel` and `stride` are constants at every call. */
static inline void depthwise(const size_t kernel, const size_t stride, const struct mbconv_depthwise_group *group,
                             size_t pixels, const void *const *rows, float *y) {
  for (size_t p = 0; p < pixels; p++) {
    const size_t x_offset = p * stride * group->x_stride;
    size_t c = 0;
    for (; group->channels - c >= SIDE; c += SIDE) chains(SIDE, kernel, group, c, rows, x_offset, y);
    for (; c < group->channels; c++) chains(1, kernel, group, c, rows, x_offset, y);
    y += group->y_stride;
  }
}

void mbconv_depthwise_scalar_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_scalar_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  depthwise(7, 2, group, pixels, rows, y);
}
