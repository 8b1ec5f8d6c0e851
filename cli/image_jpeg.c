/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>

#include "image_decoders.h"

/* A file of some kilobytes may have so many scans of so large an image that decoding takes minutes. */
enum { MOST_SCANS = 200, MOST_MEMORY = 512 << 20 };

/* libjpeg's errors jump back; everything that must survive that is in here. */
struct reader {
  struct jpeg_error_mgr errors; /* the first: libjpeg knows its address only */
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress;
  struct image image;
  jmp_buf back;
  mbconv_error error;
};

static void fail(j_common_ptr jpeg) {
  struct reader *r = (struct reader *)(void *)jpeg->err;
  char message[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, message);
  image_fail(&r->error, MBCONV_BAD_FILE, "JPEG: %.200s", message);
  longjmp(r->back, 1);
}

/* Warnings: data that end early are an error here, as in Pillow; what can be repaired is not. */
static void warn(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) fail(jpeg);
}

static void watch_scans(j_common_ptr jpeg) {
  struct reader *r = (struct reader *)(void *)jpeg->err;
  if (r->jpeg.input_scan_number <= MOST_SCANS) return;
  image_fail(&r->error, MBCONV_BAD_FILE, "JPEG: more than %d scans", MOST_SCANS);
  longjmp(r->back, 1);
}

static void refuse(struct reader *r, mbconv_status status, const char *what) {
  image_fail(&r->error, status, "JPEG: %s", what);
  longjmp(r->back, 1);
}

static void decode(struct reader *r, const void *data, size_t size) {
  struct jpeg_decompress_struct *jpeg = &r->jpeg;
  jpeg_create_decompress(jpeg);
  jpeg->mem->max_memory_to_use = MOST_MEMORY;
  jpeg->progress = &r->progress;
  r->progress.progress_monitor = watch_scans;
  jpeg_mem_src(jpeg, data, (unsigned long)size);
  jpeg_read_header(jpeg, TRUE);
  const size_t height = jpeg->image_height, width = jpeg->image_width;
  if (height * width > IMAGE_MOST_PIXELS) refuse(r, MBCONV_BAD_FILE, "too many pixels");
  if (jpeg->num_components != 1 && jpeg->num_components != 3)
    refuse(r, MBCONV_BAD_FILE, "neither grey nor of 3 colours");
  jpeg->out_color_space = JCS_RGB;
  jpeg_start_decompress(jpeg);
  if (!image_new(&r->image, height, width)) refuse(r, MBCONV_OUT_OF_MEMORY, "no memory for the pixels");
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = r->image.rgb + jpeg->output_scanline * width * 3;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
}

mbconv_status image_decode_jpeg(const void *data, size_t size, struct image *image, mbconv_error *error) {
  *image = (struct image){0};
  struct reader *r = calloc(1, sizeof *r);
  if (!r) return image_fail(error, MBCONV_OUT_OF_MEMORY, "no memory to decode with");
  r->jpeg.err = jpeg_std_error(&r->errors);
  r->errors.error_exit = fail;
  r->errors.emit_message = warn;
  if (setjmp(r->back) == 0) decode(r, data, size);
  jpeg_destroy_decompress(&r->jpeg);
  const mbconv_error outcome = r->error;
  if (outcome.status == MBCONV_OK)
    *image = r->image;
  else
    image_free(&r->image);
  free(r);
  if (error) *error = outcome;
  return outcome.status;
}
