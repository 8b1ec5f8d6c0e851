/* SPDX-License-Identifier: MIT */
#include "panels.h"

#include <string.h>

#include "pack.h"

/* Where y is evenly spaced, this many of its pixels are listed, once for all panels; those after them are reached by
 * the offset. */
enum { MAX_DENSE = 120 };

size_t mbconv_panels_height(const struct mbconv_panels *panels) {
  return panels->wide_channels > 0 ? panels->wide->pixels : panels->end->pixels;
}

size_t mbconv_panels_chunk(const struct mbconv_panels *panels) {
  const size_t height = mbconv_panels_height(panels);
  const struct mbconv_blocking *blocking = &panels->kernels->blocking;
  const size_t elements = blocking->map_bytes / panels->kernels->element;
  const size_t pixels = mbconv_max(elements / panels->channels, blocking->map_pixels);
  return mbconv_max(height, pixels - pixels % height);
}

size_t mbconv_panels_bytes(const struct mbconv_panels *panels) { return panels->padded * panels->channel_bytes; }

/* A tile of fewer channels than the kernel stores, by way of a tile on the stack. */
static void run_staged(const struct mbconv_pointwise_tile *tile, size_t element,
                       const struct mbconv_pointwise_panel *panel, size_t pixels, const char *x, void *const *y,
                       size_t y_offset, const char *residual) {
  _Alignas(MBCONV_ALIGNMENT) char staged[MBCONV_MAX_TILE_BYTES];
  _Alignas(MBCONV_ALIGNMENT) char staged_residual[MBCONV_MAX_TILE_BYTES] = {0};
  void *rows[MBCONV_MAX_TILE_PIXELS] = {0};
  const size_t row = tile->channels * element, bytes = panel->channels * element;
  struct mbconv_pointwise_panel whole = *panel;
  whole.channels = tile->channels;
  whole.r_stride = tile->channels;
  for (size_t p = 0; p < pixels; p++) {
    rows[p] = staged + p * row;
    memset(staged + p * row + bytes, 0, row - bytes);
    if (residual) memcpy(staged_residual + p * row, residual + p * panel->r_stride * element, bytes);
  }
  tile->run(&whole, pixels, 1, x, rows, 0, residual ? staged_residual : NULL);
  for (size_t p = 0; p < pixels; p++) memcpy((char *)y[p] + y_offset * element, rows[p], bytes);
}

/* What the panels of a run have in common. */
struct common {
  const struct mbconv_pixel_run *run;
  void *const *y; /* the run's list of pixels, or one of the first MAX_DENSE */
  size_t element;
};

/* Tiles of equal height, of pixels `done` on. */
static void run_tiles(const struct mbconv_pointwise_tile *tile, const struct mbconv_pointwise_panel *panel,
                      const struct common *common, size_t y_offset, const char *residual, size_t done, size_t pixels,
                      size_t tiles) {
  const struct mbconv_pixel_run *run = common->run;
  const bool staged = panel->channels < tile->channels && !tile->tails;
  const size_t most = staged ? 1 : run->y_pixels ? tiles : MAX_DENSE / pixels; /* tiles of one call */
  while (tiles > 0) {
    const size_t count = mbconv_min(tiles, most);
    const char *x = (const char *)run->x + done * run->x_stride * common->element;
    const char *added = residual ? residual + done * run->r_stride * common->element : NULL;
    void *const *y = run->y_pixels ? common->y + done : common->y;
    const size_t offset = run->y_pixels ? y_offset : y_offset + done * run->y_stride;
    if (staged)
      run_staged(tile, common->element, panel, pixels, x, y, offset, added);
    else
      tile->run(panel, pixels, count, x, y, offset, added);
    done += pixels * count;
    tiles -= count;
  }
}

/* All tiles of one panel. Pixels are cut as evenly as the tile's step allows: a last tile of few pixels would have too
 * few chains to hide the latency of FMA. */
static void run_panel(const struct mbconv_pointwise_tile *tile, const struct mbconv_pointwise_panel *panel,
                      const struct common *common, size_t y_offset, const char *residual) {
  const struct mbconv_pixel_run *run = common->run;
  const size_t steps = (run->pixels + tile->step - 1) / tile->step;
  const size_t tiles = (run->pixels + tile->pixels - 1) / tile->pixels;
  const size_t height = steps / tiles * tile->step, higher = steps % tiles; /* this many are a step higher */
  const size_t missing = steps * tile->step - run->pixels;                  /* from the last tile */
  const size_t same = tiles - higher - (missing > 0);
  if (higher > 0) run_tiles(tile, panel, common, y_offset, residual, 0, height + tile->step, higher);
  const size_t done = higher * (height + tile->step);
  if (same > 0) run_tiles(tile, panel, common, y_offset, residual, done, height, same);
  if (missing > 0) run_tiles(tile, panel, common, y_offset, residual, done + same * height, height - missing, 1);
}

static struct mbconv_pointwise_panel panel_of(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run,
                                              size_t c, size_t width) {
  struct mbconv_pointwise_panel panel = {
      .k = panels->k,
      .channels = run->y_padded ? width : mbconv_min(width, run->channels - c),
      .x_stride = run->x_stride,
      .r_stride = run->r_stride,
      .segment = run->segment > 0 ? run->segment : panels->k,
      .jump = run->jump,
      .warm = run->warm,
      .ending = run->ending,
  };
  mbconv_panel_place(&panel, &panels->kernels->packing, panels->data + (run->first_channel + c) * panels->channel_bytes,
                     width, panels->channel_bytes);
  return panel;
}

/* A single pixel, as of a fully connected layer, goes through all whole wide panels at once: a tile of one pixel has
 * too few chains to hide the latency of FMA. Returns how many channels that were. */
static size_t run_gemv(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run) {
  const size_t width = panels->wide->channels, end = run->first_channel + run->channels;
  const size_t wide_end = mbconv_min(end, panels->wide_channels);
  if (wide_end < run->first_channel + width || (MBCONV_HAS_I8 && !panels->kernels->gemv)) return 0;
  const size_t whole = (wide_end - run->first_channel) / width;
  const struct mbconv_pointwise_panel first = panel_of(panels, run, 0, width);
  char *y = run->y_pixels ? run->y_pixels[0] : run->y;
  panels->kernels->gemv(&first, whole, run->x, y + run->y_offset * panels->kernels->element, run->residual);
  return whole * width;
}

/* The tile for channel c of a run on: over as many panels abreast as there are and the set has a tile for. */
static const struct mbconv_pointwise_tile *abreast_at(const struct mbconv_panels *panels,
                                                      const struct mbconv_pixel_run *run, size_t c) {
  const struct mbconv_pointwise_tile *tile = mbconv_panels_tile(panels, run->first_channel + c);
  const size_t first = run->first_channel + c, width = tile->channels;
  const size_t wide_end = panels->end == panels->wide ? panels->padded : panels->wide_channels;
  const size_t end = mbconv_min(run->first_channel + run->channels, wide_end);
  const size_t count = first < wide_end ? (end - first + width - 1) / width : 1;
  const struct mbconv_pointwise_tile *two = &panels->kernels->abreast[0], *three = &panels->kernels->abreast[1];
  if (count < 2 || !two->run) return tile;
  return count == 2 || count == 4 ? two : three;
}

void mbconv_panels_run(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run) {
  if (run->pixels == 0) return;
  const size_t element = panels->kernels->element;
  void *dense[MAX_DENSE];
  const struct common common = {.run = run, .y = run->y_pixels ? run->y_pixels : dense, .element = element};
  if (!run->y_pixels)
    for (size_t p = 0; p < mbconv_min(run->pixels, MAX_DENSE); p++)
      dense[p] = (char *)run->y + p * run->y_stride * element;
  for (size_t c = run->pixels == 1 && run->segment == 0 ? run_gemv(panels, run) : 0; c < run->channels;) {
    const size_t width = mbconv_panels_tile(panels, run->first_channel + c)->channels;
    const struct mbconv_pointwise_tile *tile = abreast_at(panels, run, c);
    struct mbconv_pointwise_panel panel = panel_of(panels, run, c, width);
    panel.channels = run->y_padded ? tile->channels : mbconv_min(tile->channels, run->channels - c);
    const char *residual = run->residual ? (const char *)run->residual + c * element : NULL;
    run_panel(tile, &panel, &common, run->y_offset + c, residual);
    c += tile->channels;
  }
}

void mbconv_panels_map(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run,
                       const struct mbconv_epilogue *epilogue) {
  const struct mbconv_kernels *kernels = panels->kernels;
  const size_t channels = run->channels;
  char *y = run->y;
  if (run->y_stride == channels || epilogue->prelu) {
    mbconv_epilogue_map(epilogue, run->pixels, 0, channels, y, run->y_stride);
    return;
  }
  for (size_t p = 0; p < run->pixels; p++, y += run->y_stride * kernels->element) epilogue->map(channels, y, y);
}

void mbconv_panels_run_mapped(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run,
                              const struct mbconv_epilogue *epilogue) {
  const bool maps = mbconv_epilogue_maps(epilogue);
  const size_t chunk = maps ? mbconv_panels_chunk(panels) : run->pixels;
  for (size_t done = 0; done < run->pixels; done += chunk) {
    struct mbconv_pixel_run part = mbconv_run_from(run, done, panels->kernels->element);
    part.pixels = mbconv_min(chunk, part.pixels);
    mbconv_panels_run(panels, &part);
    if (maps) mbconv_panels_map(panels, &part, epilogue);
  }
}
