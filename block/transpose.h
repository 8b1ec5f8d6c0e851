/* SPDX-License-Identifier: MIT
 *
 * NCHW at the door: planes of an image to pixels of scratch and back.
 */
#ifndef MBCONV_TRANSPOSE_H
#define MBCONV_TRANSPOSE_H

#include <stddef.h>

/* pixel[p * stride + c] = plane[c * plane_stride + p]; p < pixels, c < channels. */
void mbconv_planes_to_pixels(size_t pixels, size_t channels, const float *planes, size_t plane_stride, float *pixel,
                             size_t stride);

/* plane[c * plane_stride + p] = pixel[p * stride + c] (+ residual[c * plane_stride + p], unless NULL). */
void mbconv_pixels_to_planes(size_t pixels, size_t channels, const float *pixel, size_t stride, const float *residual,
                             float *planes, size_t plane_stride);

#endif
