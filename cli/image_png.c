/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "image_decoders.h"

/* libpng's errors jump back; everything that must survive that is in here. */
struct reader {
  const unsigned char *next;
  size_t left;
  png_structp png;
  png_infop info;
  struct image image;
  png_bytep *rows;
  jmp_buf back;
  mbconv_error error;
};

static void read_bytes(png_structp png, png_bytep to, size_t count) {
  struct reader *r = png_get_io_ptr(png);
  if (count > r->left) png_error(png, "it is cut off");
  memcpy(to, r->next, count);
  r->next += count;
  r->left -= count;
}

static void fail(png_structp png, png_const_charp message) {
  struct reader *r = png_get_error_ptr(png);
  image_fail(&r->error, MBCONV_BAD_FILE, "PNG: %s", message);
  longjmp(r->back, 1);
}

static void ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* Rows of RGB, whatever the file holds. No gamma: Pillow applies none. */
static void set_transformations(struct reader *r) {
  png_set_expand(r->png); /* palettes, grey of few bits, transparent colours */
  png_set_strip_16(r->png);
  png_set_strip_alpha(r->png);
  png_set_gray_to_rgb(r->png);
  png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
}

static void decode(struct reader *r) {
  png_set_read_fn(r->png, r, read_bytes);
  png_set_user_limits(r->png, IMAGE_MOST_SIDE, IMAGE_MOST_SIDE);
  png_read_info(r->png, r->info);
  const size_t height = png_get_image_height(r->png, r->info), width = png_get_image_width(r->png, r->info);
  if (height * width > IMAGE_MOST_PIXELS) png_error(r->png, "too many pixels");
  set_transformations(r);
  if (png_get_rowbytes(r->png, r->info) != 3 * width) png_error(r->png, "it does not become RGB");
  r->rows = malloc(height * sizeof *r->rows);
  if (!image_new(&r->image, height, width) || !r->rows) {
    image_fail(&r->error, MBCONV_OUT_OF_MEMORY, "no memory for %zu x %zu pixels", height, width);
    longjmp(r->back, 1);
  }
  for (size_t i = 0; i < height; i++) r->rows[i] = r->image.rgb + i * width * 3;
  png_read_image(r->png, r->rows);
  png_read_end(r->png, NULL);
}

mbconv_status image_decode_png(const void *data, size_t size, struct image *image, mbconv_error *error) {
  *image = (struct image){0};
  struct reader *r = calloc(1, sizeof *r);
  if (!r) return image_fail(error, MBCONV_OUT_OF_MEMORY, "no memory to decode with");
  r->next = data;
  r->left = size;
  if (setjmp(r->back) == 0) {
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, fail, ignore);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (r->info)
      decode(r);
    else
      image_fail(&r->error, MBCONV_OUT_OF_MEMORY, "no memory to decode with");
  }
  png_destroy_read_struct(&r->png, &r->info, NULL);
  free(r->rows);
  const mbconv_error outcome = r->error;
  if (outcome.status == MBCONV_OK)
    *image = r->image;
  else
    image_free(&r->image);
  free(r);
  if (error) *error = outcome;
  return outcome.status;
}
