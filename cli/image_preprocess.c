/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "image.h"

/* Where a piece of `size` starts in the middle of `whole`: negative if it is larger. Halves are rounded to even, as
 * Python does; of a larger piece the first half is rounded down. */
static ptrdiff_t centre(size_t whole, size_t size) {
  if (size > whole) return -(ptrdiff_t)((size - whole) / 2);
  return (ptrdiff_t)rint((double)(whole - size) / 2);
}

static size_t longer_side(size_t resize, size_t longer, size_t shorter) {
  const size_t side = (size_t)((double)(resize * longer) / (double)shorter);
  return side > 0 ? side : 1;
}

mbconv_status image_preprocess(const struct image *image, const struct image_preprocessing *how, float *x,
                               mbconv_error *error) {
  const size_t resize = how->resize, height = how->height, width = how->width;
  if (image->height == 0 || image->width == 0 || resize == 0 || resize > IMAGE_MOST_SIDE)
    return image_fail(error, MBCONV_INVALID_ARGUMENT, "an image of %zu x %zu to be resized to %zu", image->height,
                      image->width, resize);
  const bool high = image->height > image->width;
  const size_t longer = longer_side(resize, high ? image->height : image->width, high ? image->width : image->height);
  if (longer > IMAGE_MOST_PIXELS / resize)
    return image_fail(error, MBCONV_INVALID_ARGUMENT, "%zu x %zu pixels are too long and narrow", image->height,
                      image->width);
  struct image resized;
  const mbconv_status status =
      image_resize(image, high ? longer : resize, high ? resize : longer, how->bicubic, &resized, error);
  if (status != MBCONV_OK) return status;
  const ptrdiff_t top = centre(resized.height, height), left = centre(resized.width, width);
  for (size_t r = 0; r < height; r++) {
    for (size_t q = 0; q < width; q++) {
      const size_t row = (size_t)top + r, column = (size_t)left + q; /* outside they wrap to huge */
      for (size_t c = 0; c < 3; c++) {
        const bool inside = row < resized.height && column < resized.width;
        const uint8_t value = inside ? resized.rgb[(row * resized.width + column) * 3 + c] : 0;
        const size_t at = how->layout == MBCONV_NCHW ? (c * height + r) * width + q : (r * width + q) * 3 + c;
        x[at] = ((float)value / 255.0f - how->mean[c]) / how->deviation[c];
      }
    }
  }
  image_free(&resized);
  return MBCONV_OK;
}
