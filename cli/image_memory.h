/* SPDX-License-Identifier: MIT
 *
 * An image in memory, and how what is done to images reports failures.
 */
#ifndef MBCONV_CLI_IMAGE_MEMORY_H
#define MBCONV_CLI_IMAGE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mbconv.h"

struct image {
  size_t height, width;
  uint8_t *rgb; /* [height][width][3], from malloc */
};

/* No larger image is decoded. */
enum { IMAGE_MOST_SIDE = 1 << 16, IMAGE_MOST_PIXELS = 1 << 26 };

/* Memory for an image; false if there is none. */
bool image_new(struct image *image, size_t height, size_t width);
void image_free(struct image *image);

/* Fills *error and returns `status`. */
__attribute__((format(printf, 3, 4))) mbconv_status image_fail(mbconv_error *error, mbconv_status status,
                                                               const char *format, ...);

#endif
