/* SPDX-License-Identifier: MIT
 *
 * In squares of 8 pixels x 8 channels, so that every cache line that is touched is used while it is in L1.
 */
#include "transpose.h"

#include "size.h"

enum { SQUARE = 8 };

void mbconv_planes_to_pixels(size_t pixels, size_t channels, const float *planes, size_t plane_stride, float *pixel,
                             size_t stride) {
  for (size_t c0 = 0; c0 < channels; c0 += SQUARE) {
    const size_t c1 = mbconv_min(c0 + SQUARE, channels);
    for (size_t p0 = 0; p0 < pixels; p0 += SQUARE) {
      const size_t p1 = mbconv_min(p0 + SQUARE, pixels);
      for (size_t p = p0; p < p1; p++)
        for (size_t c = c0; c < c1; c++) pixel[p * stride + c] = planes[c * plane_stride + p];
    }
  }
}

void mbconv_pixels_to_planes(size_t pixels, size_t channels, const float *pixel, size_t stride, const float *residual,
                             float *planes, size_t plane_stride) {
  for (size_t c0 = 0; c0 < channels; c0 += SQUARE) {
    const size_t c1 = mbconv_min(c0 + SQUARE, channels);
    for (size_t p0 = 0; p0 < pixels; p0 += SQUARE) {
      const size_t p1 = mbconv_min(p0 + SQUARE, pixels);
      for (size_t c = c0; c < c1; c++)
        for (size_t p = p0; p < p1; p++) {
          const size_t at = c * plane_stride + p;
          planes[at] = residual ? pixel[p * stride + c] + residual[at] : pixel[p * stride + c];
        }
    }
  }
}
