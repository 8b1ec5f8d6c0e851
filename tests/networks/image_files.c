/* SPDX-License-Identifier: MIT */
#include "image_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

static void *checked(void *memory) {
  if (!memory) abort();
  return memory;
}

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

struct image_file image_file_png(const struct image *image, unsigned format) {
  png_image png = {.version = PNG_IMAGE_VERSION,
                   .width = (png_uint_32)image->width,
                   .height = (png_uint_32)image->height,
                   .format = format};
  const size_t pixels = image->height * image->width, channels = PNG_IMAGE_PIXEL_CHANNELS(format);
  unsigned char *bytes = checked(malloc(pixels * channels));
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) bytes[p * channels + c] = image->rgb[3 * p + (c < 3 ? c : 0)];
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  struct image_file file = {.data = checked(malloc(size))};
  if (!png_image_write_to_memory(&png, file.data, &size, 0, bytes, 0, NULL)) abort();
  file.size = size;
  free(bytes);
  return file;
}

static void append(png_structp png, png_bytep data, size_t size) {
  struct image_file *file = png_get_io_ptr(png);
  file->data = checked(realloc(file->data, file->size + size));
  memcpy(file->data + file->size, data, size);
  file->size += size;
}

static void flush_nothing(png_structp png) { (void)png; }

struct image_file image_file_deep_png(const struct image *image, int colour_type, bool interlaced) {
  struct image_file file = {0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = checked(png ? png_create_info_struct(png) : NULL);
  png_set_write_fn(png, &file, append, flush_nothing);
  png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 16, colour_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const size_t channels = png_get_channels(png, info), colours = channels < 3 ? 1 : 3;
  unsigned char *row = checked(malloc(image->width * channels * 2));
  for (int pass = png_set_interlace_handling(png); pass > 0; pass--) {
    for (size_t r = 0; r < image->height; r++) {
      for (size_t i = 0; i < image->width * channels; i++) {
        const size_t c = i % channels;
        const uint8_t value = image->rgb[(r * image->width + i / channels) * 3 + (c < colours ? c : 0)];
        row[2 * i] = c < colours ? value : 255 - value;
        row[2 * i + 1] = 255 - value;
      }
      png_write_row(png, row); /* once for each pass, which takes what it needs of it */
    }
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  free(row);
  return file;
}

/* ---- JPEG -------------------------------------------------------------------------------------------------------- */

static struct image_file jpeg_of(const struct image *image, int components, const jpeg_scan_info *scans, int count) {
  struct jpeg_error_mgr errors;
  struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&errors)};
  struct image_file file = {0};
  unsigned long size = 0;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &file.data, &size);
  jpeg.image_width = (JDIMENSION)image->width;
  jpeg.image_height = (JDIMENSION)image->height;
  jpeg.input_components = components;
  jpeg.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg.scan_info = scans;
  jpeg.num_scans = count;
  jpeg_start_compress(&jpeg, TRUE);
  unsigned char *row = checked(malloc(image->width * (size_t)components));
  for (size_t r = 0; r < image->height; r++) {
    for (size_t q = 0; q < image->width; q++)
      for (size_t c = 0; c < (size_t)components; c++)
        row[q * (size_t)components + c] = image->rgb[(r * image->width + q) * 3 + c % 3];
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  free(row);
  file.size = size;
  return file;
}

struct image_file image_file_jpeg(const struct image *image, int components) {
  return jpeg_of(image, components, NULL, 0);
}

/* One scan for the mean of each block. Then the other coefficients, one by one: their upper bits, and the rest bit by
 * bit, as long as scans are left beyond one for each. */
struct image_file image_file_scans(const struct image *image, int scans) {
  enum { COEFFICIENTS = 64, MOST_BITS = 10 };
  jpeg_scan_info *scan = checked(calloc((size_t)scans, sizeof *scan));
  int count = 0, spare = scans - COEFFICIENTS;
  scan[count++] = (jpeg_scan_info){.comps_in_scan = 1};
  for (int k = 1; k < COEFFICIENTS; k++) {
    int low = spare < MOST_BITS ? spare : MOST_BITS;
    spare -= low;
    scan[count++] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = k, .Se = k, .Al = low};
    for (; low > 0; low--)
      scan[count++] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = k, .Se = k, .Ah = low, .Al = low - 1};
  }
  if (count != scans || spare != 0) abort();
  const struct image_file file = jpeg_of(image, 1, scan, count);
  free(scan);
  return file;
}
