/* SPDX-License-Identifier: MIT
 *
 * From a PNG or JPEG file to the network's input, as Pillow and torchvision do it, bit for bit.
 */
#ifndef MBCONV_CLI_IMAGE_H
#define MBCONV_CLI_IMAGE_H

#include "../kernels/arithmetic.h"
#include "image_memory.h"

/* Decodes the file of `size` bytes at `data`. Grey and palettes become RGB; alpha and, of 16 bits, the lower 8 are
 * dropped, as by Pillow's convert("RGB"), which does otherwise with grey of 16 bits only. MBCONV_BAD_FILE for anything
 * damaged, cut off, too large, or of another kind (JPEG in CMYK, too); then *image is empty. */
mbconv_status image_decode(const void *data, size_t size, struct image *image, mbconv_error *error);

/* Pillow's resize() to height x width, with antialiasing: horizontally, then vertically, each rounded to 8 bits. */
mbconv_status image_resize(const struct image *from, size_t height, size_t width, bool bicubic, struct image *to,
                           mbconv_error *error);

/* What is done to an image before a network sees it, in torchvision's preset for classification: the shorter side
 * resized to `resize`, the centre of height x width cut out (black where the image is smaller), then
 * (v / 255 - mean) / deviation. */
struct image_preprocessing {
  size_t resize, height, width;
  bool bicubic;
  float mean[3], deviation[3];
  mbconv_layout layout; /* of x */
};
mbconv_status image_preprocess(const struct image *image, const struct image_preprocessing *how, float *x,
                               mbconv_error *error);

#endif
