/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <string.h>

#include "image_decoders.h"

mbconv_status image_decode(const void *data, size_t size, struct image *image, mbconv_error *error) {
  static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[3] = {0xff, 0xd8, 0xff};
  *image = (struct image){0};
  if (size >= sizeof png && memcmp(data, png, sizeof png) == 0) return image_decode_png(data, size, image, error);
  if (size >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0) return image_decode_jpeg(data, size, image, error);
  return image_fail(error, MBCONV_BAD_FILE, "neither PNG nor JPEG");
}
