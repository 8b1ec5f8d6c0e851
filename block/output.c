/* SPDX-License-Identifier: MIT
 *
 * The shortcut is added where that is cheapest:
 *
 *     NHWC, of all channels     by the tiles, which read it where it is
 *     NHWC, of some channels    by the tiles, from y: it is copied there first, with zeros behind it
 *     NHWC, after activation    by a pass over what has been written
 *     NCHW, activation after    by the tiles, from the strip, to which its planes are transposed first
 *     NCHW, otherwise           by the transposition back to planes
 *     int8                      by a pass over what has been written, of the list's maker
 */
#include "output.h"

#include <string.h>

#include "ring.h"
#include "transpose.h"

/* In NCHW the tiles add the residual if what rounds or maps the sums must find it in them. */
static bool added_first(const struct mbconv_stages *stages) {
  return !stages->residual_after && (stages->base.kernels->tiles_add_residual || stages->last_activates);
}

/* `pixels` pixels of `channels` elements, one after the other, to y, whose pixels have more: these become zeros. */
static void spread(size_t pixels, size_t bytes, const char *from, size_t y_bytes, char *y) {
  for (size_t p = 0; p < pixels; p++, from += bytes, y += y_bytes) {
    memcpy(y, from, bytes);
    memset(y + bytes, 0, y_bytes - bytes);
  }
}

static void begin_strip(const struct mbconv_output *output, size_t first, struct mbconv_pixel_run *run) {
  const struct mbconv_stages *stages = output->stages;
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const size_t channels = stages->residual_channels, element = kernels->element;
  run->y = output->strip;
  run->y_stride = mbconv_segment_stride(stages, stages->segments - 1);
  run->y_padded = true;
  if (!output->residual || !added_first(stages)) return;
  if (channels < run->channels) memset(output->strip, 0, run->pixels * run->y_stride * element);
  mbconv_transpose(kernels, channels, run->pixels, output->residual + first * element, output->plane, run->y,
                   run->y_stride, NULL);
  mbconv_run_add_stored(run);
}

void mbconv_output_begin(const struct mbconv_output *output, size_t first, struct mbconv_pixel_run *run) {
  const struct mbconv_stages *stages = output->stages;
  const size_t channels = stages->residual_channels, element = stages->base.kernels->element;
  if (stages->y_in_scratch) {
    begin_strip(output, first, run);
    return;
  }
  run->y = output->y + first * run->channels * element;
  run->y_stride = run->channels;
  run->y_padded = false;
  if (!output->residual || stages->residual_after) return;
  const char *residual = output->residual + first * channels * element;
  if (channels == run->channels) {
    run->residual = residual;
    run->r_stride = channels;
  } else {
    spread(run->pixels, channels * element, residual, run->channels * element, run->y);
    mbconv_run_add_stored(run);
  }
}

void mbconv_output_end(const struct mbconv_output *output, size_t first, const struct mbconv_pixel_run *run) {
  const struct mbconv_stages *stages = output->stages;
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const size_t channels = stages->residual_channels, element = kernels->element;
  const char *residual = output->residual;
  if (MBCONV_HAS_I8 && stages->maker) {
    stages->maker->end(output, first, run);
    return;
  }
  if (stages->y_layout == MBCONV_NHWC) {
    if (residual && stages->residual_after)
      stages->more->add(run->pixels, channels, residual + first * channels * element, channels, run->y, run->y_stride);
    return;
  }
  const char *strip = output->strip;
  char *y = output->y + first * element;
  const bool adds = residual && !added_first(stages);
  const size_t with = adds ? channels : 0; /* so many channels have a residual */
  if (with > 0)
    mbconv_transpose(kernels, run->pixels, with, strip, run->y_stride, y, output->plane, residual + first * element);
  if (with < run->channels)
    mbconv_transpose(kernels, run->pixels, run->channels - with, strip + with * element, run->y_stride,
                     y + with * output->plane * element, output->plane, NULL);
}
