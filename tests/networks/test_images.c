/* SPDX-License-Identifier: MIT
 *
 * Images: what is written as PNG and JPEG is read again, damaged files are refused, resizing is near the exact means
 * and the preprocessing as defined. Equality with Pillow and torchvision is images.py's matter.
 */
#include <math.h>
#include <png.h>
#include <stdlib.h>

#include "failing_memory.h"
#include "image.h"
#include "image_files.h"
#include "networks_suites.h"

static struct image random_image(uint64_t *state, size_t height, size_t width) {
  struct image image;
  if (!image_new(&image, height, width)) abort();
  for (size_t i = 0; i < height * width * 3; i++) image.rgb[i] = (uint8_t)(test_random(state) >> 32);
  return image;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static bool same(const struct image *a, const struct image *b) {
  return a->height == b->height && a->width == b->width && memcmp(a->rgb, b->rgb, a->height * a->width * 3) == 0;
}

static void check_png(struct test *t, uint64_t *state) {
  for (size_t i = 0; i < (t->small ? 4 : 40); i++) {
    struct image image = random_image(state, test_random_size(state, 1, 40), test_random_size(state, 1, 40)), read;
    test_at(t, "PNG of %zux%zu", image.height, image.width);
    struct image_file file = image_file_png(&image, PNG_FORMAT_RGB);
    mbconv_error error = {.message = ""};
    test_check(t, image_decode(file.data, file.size, &read, &error) == MBCONV_OK && same(&read, &image), "RGB: %s",
               error.message);
    image_free(&read);
    free(file.data);
    for (size_t p = 0; p < image.height * image.width; p++)
      image.rgb[3 * p + 1] = image.rgb[3 * p + 2] = image.rgb[3 * p];
    file = image_file_png(&image, PNG_FORMAT_GRAY);
    test_check(t, image_decode(file.data, file.size, &read, &error) == MBCONV_OK && same(&read, &image), "grey: %s",
               error.message);
    image_free(&read);
    image_free(&image);
    free(file.data);
  }
}

static void check_jpeg(struct test *t, uint64_t *state) {
  for (size_t i = 0; i < (t->small ? 4 : 40); i++) {
    struct image image, read = {0};
    if (!image_new(&image, test_random_size(state, 1, 40), test_random_size(state, 1, 40))) abort();
    const uint8_t grey = (uint8_t)(test_random(state) >> 32);
    memset(image.rgb, grey, image.height * image.width * 3);
    test_at(t, "JPEG of %zux%zu in one grey", image.height, image.width);
    for (int components = 1; components <= 3; components += 2) {
      struct image_file file = image_file_jpeg(&image, components);
      mbconv_error error = {.message = ""};
      bool near = image_decode(file.data, file.size, &read, &error) == MBCONV_OK && read.height == image.height &&
                  read.width == image.width;
      for (size_t p = 0; near && p < image.height * image.width * 3; p++) near = abs(read.rgb[p] - grey) <= 1;
      test_check(t, near, "%d components: %s", components, error.message);
      image_free(&read);
      free(file.data);
    }
    image_free(&image);
  }
}

/* Of 16 bits the upper 8 are taken, not the nearest; alpha is dropped; interlaced or not. */
static void check_deep_png(struct test *t, uint64_t *state) {
  static const int types[] = {PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA, PNG_COLOR_TYPE_GRAY,
                              PNG_COLOR_TYPE_GRAY_ALPHA};
  for (size_t i = 0; i < 8; i++) {
    const int type = types[i / 2];
    const bool interlaced = i % 2;
    test_at(t, "PNG of 16 bits, colour type %d, interlaced %d", type, interlaced);
    struct image image = random_image(state, test_random_size(state, 1, 20), test_random_size(state, 1, 20)), read;
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA)
      for (size_t p = 0; p < image.height * image.width * 3; p++) image.rgb[p] = image.rgb[p / 3 * 3];
    struct image_file file = image_file_deep_png(&image, type, interlaced);
    mbconv_error error = {.message = ""};
    test_check(t, image_decode(file.data, file.size, &read, &error) == MBCONV_OK && same(&read, &image), "%s",
               error.message);
    image_free(&read);
    image_free(&image);
    free(file.data);
  }
}

static void refused(struct test *t, const void *data, size_t size, const char *part) {
  struct image image = {1, 1, NULL};
  mbconv_error error = {.message = ""};
  unsigned char *exact = malloc(size + !size); /* its end is watched by the sanitizer */
  if (!exact) abort();
  if (size > 0) memcpy(exact, data, size);
  const mbconv_status status = image_decode(exact, size, &image, &error);
  test_check(t, status == MBCONV_BAD_FILE && error.status == status && strstr(error.message, part), "%s: \"%s\"",
             mbconv_status_string(status), error.message);
  test_check(t, image.rgb == NULL && image.height == 0, "an image in spite of it");
  free(exact);
}

/* Writes another size into the file's start of frame, whose marker is 0xff `frame`. */
static void set_jpeg_size(struct image_file *jpeg, unsigned char frame, unsigned height, unsigned width) {
  for (size_t i = 0; i + 9 < jpeg->size; i++) {
    if (jpeg->data[i] != 0xff || jpeg->data[i + 1] != frame) continue; /* then length, precision, sides */
    const unsigned char sides[4] = {(unsigned char)(height >> 8), (unsigned char)height, (unsigned char)(width >> 8),
                                    (unsigned char)width};
    memcpy(jpeg->data + i + 5, sides, sizeof sides);
    return;
  }
  abort();
}

static void check_hostile(struct test *t, uint64_t *state) {
  struct image image = random_image(state, 23, 31);
  struct image_file png = image_file_png(&image, PNG_FORMAT_RGB), jpeg = image_file_jpeg(&image, 3),
                    cmyk = image_file_jpeg(&image, 4);
  test_at(t, "no image");
  refused(t, "", 0, "neither PNG nor JPEG");
  refused(t, "GIF89a", 6, "neither PNG nor JPEG");
  test_at(t, "CMYK");
  refused(t, cmyk.data, cmyk.size, "neither grey nor of 3 colours");
  for (size_t i = 0; i < (t->small ? 20 : 200); i++) {
    const size_t png_size = test_random_size(state, 0, png.size - 1);
    const size_t jpeg_size = test_random_size(state, 0, jpeg.size - 3); /* the end marker may be missing */
    test_at(t, "PNG cut off at %zu of %zu", png_size, png.size);
    refused(t, png.data, png_size, "");
    test_at(t, "JPEG cut off at %zu of %zu", jpeg_size, jpeg.size);
    refused(t, jpeg.data, jpeg_size, "");
  }
  test_at(t, "PNG of a wrong checksum");
  png.data[png.size / 2] ^= 1;
  refused(t, png.data, png.size, "PNG: ");
  test_at(t, "PNG of 8193x8192");
  static const unsigned char large[] =
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x20\x01\0\0\x20\0\x08\x02\0\0\0"
      "\x12\x0a\x36\x30\0\0\0\1IDAT";
  refused(t, large, sizeof large - 1, "PNG: too many pixels");
  test_at(t, "JPEG of 65500x65500");
  set_jpeg_size(&jpeg, 0xc0, 65500, 65500);
  refused(t, jpeg.data, jpeg.size, "too many pixels");
  free(png.data);
  free(jpeg.data);
  free(cmyk.data);
  image_free(&image);
}

/* Hundreds of scans, each of which goes through the whole image: a file of kilobytes that takes minutes. The bounds are
 * scans, pixels and, before pixels are known to be few enough, no memory but libjpeg's own. */
static void check_scans(struct test *t, uint64_t *state) {
  enum { MOST = 200, ALL = 694 };
  struct image image = random_image(state, 20, 27), want, read;
  struct image_file plain = image_file_jpeg(&image, 1), most = image_file_scans(&image, MOST);
  struct image_file more = image_file_scans(&image, MOST + 1), all = image_file_scans(&image, ALL);
  test_at(t, "JPEG of %d scans", MOST);
  mbconv_error error = {.message = ""};
  test_check(t, image_decode(plain.data, plain.size, &want, &error) == MBCONV_OK, "of one: %s", error.message);
  test_check(t, image_decode(most.data, most.size, &read, &error) == MBCONV_OK && same(&read, &want), "%s",
             error.message);
  image_free(&want);
  image_free(&read);
  test_at(t, "JPEG of %d scans", MOST + 1);
  refused(t, more.data, more.size, "JPEG: more than 200 scans");
  test_at(t, "JPEG of %d scans", ALL);
  refused(t, all.data, all.size, "JPEG: more than 200 scans");
  test_at(t, "JPEG of scans, with a pixel more than 2^26");
  set_jpeg_size(&most, 0xc2, 1 << 13, (1 << 13) + 1);
  failing_memory_begin(0);
  const mbconv_status status = image_decode(most.data, most.size, &read, &error);
  const struct failing_memory_count count = failing_memory_end();
  test_check(t, status == MBCONV_BAD_FILE && strstr(error.message, "too many pixels"), "%s", error.message);
  test_check(t, count.calls == 1 && count.live == 0, "%zu allocations", count.calls);
  free(plain.data);
  free(most.data);
  free(more.data);
  free(all.data);
  image_free(&image);
}

/* ---- Resizing ---------------------------------------------------------------------------------------------------- */

static double filter(double x, bool bicubic) {
  x = fabs(x);
  if (!bicubic) return x < 1 ? 1 - x : 0;
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

/* Output `o` of `outputs` along a line of bytes, `step` apart, in double and clamped to 0 .. 255. */
static double resampled(const uint8_t *line, size_t step, size_t inputs, size_t outputs, size_t o, bool bicubic) {
  const double scale = (double)inputs / (double)outputs, wide = scale < 1 ? 1 : scale;
  const double centre = ((double)o + 0.5) * scale;
  double sum = 0, weights = 0;
  for (size_t i = 0; i < inputs; i++) {
    const double w = filter(((double)i + 0.5 - centre) / wide, bicubic);
    sum += w * line[i * step];
    weights += w;
  }
  return fmin(255, fmax(0, sum / weights));
}

/* One direction at a time: the other has its own size, and so does not change. */
static void check_resize(struct test *t, uint64_t *state) {
  for (size_t i = 0; i < (t->small ? 20 : 400); i++) {
    const bool bicubic = i % 2, vertical = i / 2 % 2;
    const size_t n = test_random_size(state, 1, 60), other = test_random_size(state, 1, 5);
    struct image image = random_image(state, vertical ? n : other, vertical ? other : n), got;
    const size_t outputs = test_random_size(state, 1, 60);
    test_at(t, "%zux%zu, %s to %zu, bicubic %d", image.height, image.width, vertical ? "height" : "width", outputs,
            bicubic);
    const size_t height = vertical ? outputs : other, width = vertical ? other : outputs;
    if (!test_check(t, image_resize(&image, height, width, bicubic, &got, NULL) == MBCONV_OK, "resize")) continue;
    bool near = got.height == height && got.width == width;
    for (size_t p = 0; near && p < height * width * 3; p++) {
      const size_t c = p % 3, q = p / 3 % width, r = p / 3 / width;
      const uint8_t *line = vertical ? image.rgb + q * 3 + c : image.rgb + r * image.width * 3 + c;
      const double want = resampled(line, vertical ? image.width * 3 : 3, n, outputs, vertical ? r : q, bicubic);
      near = fabs(got.rgb[p] - want) <= 0.51;
    }
    test_check(t, near, "not the nearest bytes to the exact means");
    image_free(&got);
    image_free(&image);
  }
}

/* ---- Preprocessing ----------------------------------------------------------------------------------------------- */

/* With means and deviations that are nobody's. */
static struct image_preprocessing preprocessing(size_t resize, size_t crop, mbconv_layout layout) {
  return (struct image_preprocessing){.resize = resize,
                                      .height = crop,
                                      .width = crop,
                                      .mean = {0.5f, 0.25f, 0.125f},
                                      .deviation = {0.3f, 0.2f, 0.7f},
                                      .layout = layout};
}

/* Of the size wanted, so that nothing is resized; then cut and normalised by hand. */
static void check_preprocess(struct test *t, uint64_t *state) {
  enum { RESIZE = 17, LONGER = 23, CROP = 12 };
  for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
    test_at(t, "preprocessing, layout %d", layout);
    struct image image = random_image(state, RESIZE, LONGER);
    float x[CROP * CROP * 3];
    const struct image_preprocessing how = preprocessing(RESIZE, CROP, (mbconv_layout)layout);
    bool right = image_preprocess(&image, &how, x, NULL) == MBCONV_OK;
    for (size_t i = 0; right && i < CROP * CROP * 3; i++) {
      const size_t c = layout == MBCONV_NCHW ? i / (CROP * CROP) : i % 3;
      const size_t pixel = layout == MBCONV_NCHW ? i % (CROP * CROP) : i / 3;
      /* (17 - 12) / 2 and (23 - 12) / 2 are 2.5 and 5.5, which round to the even 2 and 6 */
      const size_t row = pixel / CROP + 2, column = pixel % CROP + 6;
      const float value = (float)image.rgb[(row * LONGER + column) * 3 + c] / 255.0f;
      right = x[i] == (value - how.mean[c]) / how.deviation[c];
    }
    test_check(t, right, "other floats");
    image_free(&image);
  }
  test_at(t, "an image smaller than the cut");
  struct image image = random_image(state, 4, 4);
  float x[7 * 7 * 3];
  struct image_preprocessing how = preprocessing(4, 7, MBCONV_NHWC);
  test_check(t,
             image_preprocess(&image, &how, x, NULL) == MBCONV_OK && x[0] == (0.0f - how.mean[0]) / how.deviation[0] &&
                 x[(1 * 7 + 1) * 3] == ((float)image.rgb[0] / 255.0f - how.mean[0]) / how.deviation[0],
             "black around it");
  image_free(&image);
  test_at(t, "a line of pixels");
  mbconv_error error;
  image = random_image(state, 1, IMAGE_MOST_SIDE);
  how.resize = 1 << 14;
  test_check(t, image_preprocess(&image, &how, x, &error) == MBCONV_INVALID_ARGUMENT, "resized to 2^30 pixels");
  image_free(&image);
}

/* From a file to the network's input, each allocation failing once. */
static void check_memory(struct test *t, uint64_t *state) {
  enum { SIDE = 9, CROP = 6 };
  struct image image = random_image(state, SIDE, SIDE + 2);
  struct image_file files[] = {image_file_png(&image, PNG_FORMAT_RGB), image_file_jpeg(&image, 3)};
  for (size_t i = 0; i < 2; i++) {
    bool done = false;
    size_t failing = 0;
    while (!done && failing < 1000) {
      test_at(t, "%s, allocation %zu fails", i == 0 ? "PNG" : "JPEG", ++failing);
      float x[CROP * CROP * 3];
      struct image read;
      mbconv_error error = {.message = ""};
      failing_memory_begin(failing);
      mbconv_status status = image_decode(files[i].data, files[i].size, &read, &error);
      struct image_preprocessing how = preprocessing(CROP, CROP, MBCONV_NHWC);
      how.bicubic = true;
      if (status == MBCONV_OK) status = image_preprocess(&read, &how, x, &error);
      image_free(&read);
      const struct failing_memory_count count = failing_memory_end();
      done = status == MBCONV_OK;
      test_check(t, done || (status == MBCONV_OUT_OF_MEMORY && error.message[0]), "status \"%s\", \"%s\"",
                 mbconv_status_string(status), error.message);
      test_check(t, count.live == 0, "%td allocations left", count.live);
    }
    test_check(t, done && failing > 5, "%zu allocations failed", failing - 1);
    free(files[i].data);
  }
  image_free(&image);
}

void test_images(struct test *t) {
  uint64_t state = t->seed;
  check_png(t, &state);
  check_deep_png(t, &state);
  check_jpeg(t, &state);
  check_hostile(t, &state);
  check_scans(t, &state);
  check_resize(t, &state);
  check_preprocess(t, &state);
  check_memory(t, &state);
}
