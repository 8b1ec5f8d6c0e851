/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mbconv_status image_fail(mbconv_error *error, mbconv_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
  }
  return status;
}

bool image_new(struct image *image, size_t height, size_t width) {
  *image = (struct image){height, width, NULL};
  size_t bytes;
  if (!__builtin_mul_overflow(height, width, &bytes) && !__builtin_mul_overflow(bytes, 3, &bytes))
    image->rgb = malloc(bytes > 0 ? bytes : 1);
  return image->rgb != NULL;
}

void image_free(struct image *image) {
  free(image->rgb);
  *image = (struct image){0};
}

mbconv_status image_decode(const void *data, size_t size, struct image *image, mbconv_error *error) {
  static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[3] = {0xff, 0xd8, 0xff};
  *image = (struct image){0};
  if (size >= sizeof png && memcmp(data, png, sizeof png) == 0) return image_decode_png(data, size, image, error);
  if (size >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0) return image_decode_jpeg(data, size, image, error);
  return image_fail(error, MBCONV_BAD_FILE, "neither PNG nor JPEG");
}
