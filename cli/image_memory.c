/* SPDX-License-Identifier: MIT */
#include "image_memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
