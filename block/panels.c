/* SPDX-License-Identifier: MIT */
#include "panels.h"

#include <string.h>

#include "fold.h"
#include "pack.h"

/* The most pixels, and pixels times channels, of any set's tile. */
enum { MAX_TILE_PIXELS = 32, MAX_TILE = 32 * 32 };

/* Where y is evenly spaced, so many of its pixels are listed, once for all panels; those after them are reached by the
 * offset. */
enum { MAX_DENSE = 120 };

/* The channels that `count` last panels of the tile `end` leave empty, where all before them are wide; SIZE_MAX if they
 * cannot be the last. */
static size_t empty_channels(const struct mbconv_pointwise_tile *wide, const struct mbconv_pointwise_tile *end,
                             size_t channels, size_t count) {
  const size_t rest =
      channels % wide->channels + (count - 1) * wide->channels; /* a second one takes a wide one's place */
  if (!end->run || rest > channels || rest > count * end->channels) return SIZE_MAX;
  return count * end->channels - rest;
}

/* Sets the panels' tiles. Where the wide tile stores tails, another must be filled: those tails need no stage. */
static void choose_tiles(struct mbconv_panels *panels, const struct mbconv_kernels *kernels, size_t channels,
                         bool grouped) {
  const struct mbconv_pointwise_tile *wide = &kernels->pointwise[0];
  const size_t rest = channels % wide->channels;
  panels->wide = panels->end = wide;
  panels->wide_channels = channels - rest;
  panels->padded = channels - rest + (rest > 0 ? wide->channels : 0);
  size_t least = panels->padded - channels;
  for (size_t i = 1; i < MBCONV_POINTWISE_TILES; i++) {
    const struct mbconv_pointwise_tile *end = &kernels->pointwise[i];
    if (grouped && end->channels % kernels->lanes) continue;
    for (size_t count = 1; count <= (grouped ? 1 : 2); count++) {
      const size_t empty = empty_channels(wide, end, channels, count);
      if (empty >= least || (empty > 0 && wide->tails)) continue;
      least = empty;
      panels->end = end;
      panels->padded = channels + empty;
      panels->wide_channels = panels->padded - count * end->channels;
    }
  }
}

void mbconv_panels_plan(struct mbconv_panels *panels, const struct mbconv_kernels *kernels, size_t k, size_t channels,
                        bool grouped, struct mbconv_cursor *cursor) {
  choose_tiles(panels, kernels, channels, grouped);
  panels->kernels = kernels;
  panels->k = k;
  panels->channels = channels;
  panels->data = mbconv_take_floats(cursor, mbconv_panel_floats_checked(k, panels->padded, &cursor->overflow));
}

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

size_t mbconv_panels_bytes(const struct mbconv_panels *panels) {
  return mbconv_panel_floats(panels->k, panels->padded) * sizeof(float);
}

/* The tile of the panel that a channel is in. */
static const struct mbconv_pointwise_tile *tile_at(const struct mbconv_panels *panels, size_t channel) {
  return channel < panels->wide_channels ? panels->wide : panels->end;
}

void mbconv_panels_pack(struct mbconv_panels *panels, const mbconv_conv *conv) {
  mbconv_panels_pack_taps(panels, conv, 1);
}

void mbconv_panels_pack_taps(struct mbconv_panels *panels, const mbconv_conv *conv, size_t taps) {
  const size_t k = panels->k;
  for (size_t channel = 0; channel < panels->channels; channel++) {
    const size_t width = tile_at(panels, channel)->channels;
    const size_t lane = (channel - (channel < panels->wide_channels ? 0 : panels->wide_channels)) % width;
    const size_t first = channel - lane;
    float bias;
    const double scale = mbconv_fold(conv, channel, &bias);
    mbconv_panel_pack(panels->data + mbconv_panel_floats(k, first), width, lane, k, taps, conv->weight + channel * k,
                      scale, bias);
  }
}

/* A tile of fewer channels than the kernel stores, by way of a tile on the stack. */
static void run_staged(const struct mbconv_pointwise_tile *tile, const struct mbconv_pointwise_panel *panel,
                       size_t pixels, const float *x, float *const *y, size_t y_offset, const float *residual) {
  float staged[MAX_TILE], staged_residual[MAX_TILE] = {0};
  float *rows[MAX_TILE_PIXELS] = {0};
  const size_t width = tile->channels, bytes = panel->channels * sizeof(float);
  struct mbconv_pointwise_panel whole = *panel;
  whole.channels = width;
  whole.r_stride = width;
  for (size_t p = 0; p < pixels; p++) {
    rows[p] = staged + p * width;
    for (size_t c = panel->channels; c < width; c++) rows[p][c] = 0.0f;
    if (residual) memcpy(staged_residual + p * width, residual + p * panel->r_stride, bytes);
  }
  tile->run(&whole, pixels, 1, x, rows, 0, residual ? staged_residual : NULL);
  for (size_t p = 0; p < pixels; p++) memcpy(y[p] + y_offset, rows[p], bytes);
}

/* Tiles of equal height, of pixels `done` on. `dense` is the list of y's first pixels unless the run has one of all. */
static void run_tiles(const struct mbconv_pointwise_tile *tile, const struct mbconv_pointwise_panel *panel,
                      const struct mbconv_pointwise_run *run, float *const *dense, size_t y_offset,
                      const float *residual, size_t done, size_t pixels, size_t tiles) {
  const bool staged = panel->channels < tile->channels && !tile->tails;
  const size_t most = staged ? 1 : run->y_pixels ? tiles : MAX_DENSE / pixels; /* tiles of one call */
  while (tiles > 0) {
    const size_t count = mbconv_min(tiles, most);
    const float *x = run->x + done * run->x_stride;
    const float *added = residual ? residual + done * run->r_stride : NULL;
    float *const *y = run->y_pixels ? run->y_pixels + done : dense;
    const size_t offset = run->y_pixels ? y_offset : y_offset + done * run->y_stride;
    if (staged)
      run_staged(tile, panel, pixels, x, y, offset, added);
    else
      tile->run(panel, pixels, count, x, y, offset, added);
    done += pixels * count;
    tiles -= count;
  }
}

/* All tiles of one panel. Pixels are cut as evenly as the tile's step allows: a last tile of few pixels would have too
 * few chains to hide the latency of FMA. */
static void run_panel(const struct mbconv_pointwise_tile *tile, const struct mbconv_pointwise_panel *panel,
                      const struct mbconv_pointwise_run *run, float *const *dense, size_t y_offset,
                      const float *residual) {
  const size_t steps = (run->pixels + tile->step - 1) / tile->step;
  const size_t tiles = (run->pixels + tile->pixels - 1) / tile->pixels;
  const size_t height = steps / tiles * tile->step, higher = steps % tiles; /* so many are a step higher */
  const size_t missing = steps * tile->step - run->pixels;                  /* from the last tile */
  const size_t same = tiles - higher - (missing > 0);
  if (higher > 0) run_tiles(tile, panel, run, dense, y_offset, residual, 0, height + tile->step, higher);
  const size_t done = higher * (height + tile->step);
  if (same > 0) run_tiles(tile, panel, run, dense, y_offset, residual, done, height, same);
  if (missing > 0) run_tiles(tile, panel, run, dense, y_offset, residual, done + same * height, height - missing, 1);
}

static struct mbconv_pointwise_panel panel_of(const struct mbconv_panels *panels,
                                              const struct mbconv_pointwise_run *run, size_t c, size_t width) {
  struct mbconv_pointwise_panel panel = {
      .k = panels->k,
      .channels = run->y_padded ? width : mbconv_min(width, run->channels - c),
      .x_stride = run->x_stride,
      .r_stride = run->r_stride,
      .ending = run->ending,
  };
  mbconv_panel_place(&panel, panels->data + mbconv_panel_floats(panels->k, run->first_channel + c), width);
  return panel;
}

/* A single pixel, as of a fully connected layer, goes through all whole wide panels at once: a tile of one pixel has
 * too few chains to hide the latency of FMA. Returns how many channels that were. */
static size_t run_gemv(const struct mbconv_panels *panels, const struct mbconv_pointwise_run *run) {
  const size_t width = panels->wide->channels, end = run->first_channel + run->channels;
  const size_t wide_end = mbconv_min(end, panels->wide_channels);
  if (wide_end < run->first_channel + width) return 0;
  const size_t whole = (wide_end - run->first_channel) / width;
  const struct mbconv_pointwise_panel first = panel_of(panels, run, 0, width);
  float *y = run->y_pixels ? run->y_pixels[0] : run->y;
  panels->kernels->gemv(&first, whole, run->x, y + run->y_offset, run->residual);
  return whole * width;
}

void mbconv_panels_run(const struct mbconv_panels *panels, const struct mbconv_pointwise_run *run) {
  if (run->pixels == 0) return;
  float *dense[MAX_DENSE];
  if (!run->y_pixels)
    for (size_t p = 0; p < mbconv_min(run->pixels, MAX_DENSE); p++) dense[p] = run->y + p * run->y_stride;
  for (size_t c = run->pixels == 1 ? run_gemv(panels, run) : 0; c < run->channels;) {
    const struct mbconv_pointwise_tile *tile = tile_at(panels, run->first_channel + c);
    const struct mbconv_pointwise_panel panel = panel_of(panels, run, c, tile->channels);
    run_panel(tile, &panel, run, dense, run->y_offset + c, run->residual ? run->residual + c : NULL);
    c += tile->channels;
  }
}
