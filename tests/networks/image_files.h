/* SPDX-License-Identifier: MIT
 *
 * Images as PNG and JPEG files in memory, written by libpng and libjpeg.
 */
#ifndef MBCONV_IMAGE_FILES_H
#define MBCONV_IMAGE_FILES_H

#include <stdbool.h>

#include "image.h"

struct image_file {
  unsigned char *data; /* from malloc */
  size_t size;
};

/* As a PNG of 8 bits in the format, one of PNG_FORMAT_*; what the format has no room for is lost. */
struct image_file image_file_png(const struct image *image, unsigned format);

/* As a PNG of 16 bits and the colour type, one of PNG_COLOR_TYPE_*. The upper bytes are the image's (of grey its red),
 * the lower ones 255 minus that, and so is alpha. */
struct image_file image_file_deep_png(const struct image *image, int colour_type, bool interlaced);

/* As a JPEG of the best quality in 1, 3 or 4 (CMYK) components. */
struct image_file image_file_jpeg(const struct image *image, int components);

/* As a progressive JPEG of the best quality, grey, in so many scans: 64 to 694, which is all that the format allows. */
struct image_file image_file_scans(const struct image *image, int scans);

#endif
