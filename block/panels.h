/* SPDX-License-Identifier: MIT
 *
 * The packed weights of a 1x1 convolution and the loops over its tiles.
 *
 * Output channels are cut into panels as wide as the set's wide tile; the last one or two may be of a narrower tile,
 * where that leaves fewer channels empty.
 */
#ifndef MBCONV_PANELS_H
#define MBCONV_PANELS_H

#include "epilogue.h"
#include "kernels.h"
#include "memory.h"

struct mbconv_panels {
  const struct mbconv_kernels *kernels;
  const struct mbconv_pointwise_tile *wide, *end;
  size_t wide_channels; /* from here on panels are of the tile `end`; before, of `wide` */
  size_t k, channels;
  size_t padded;        /* the widths of all panels: what a pixel of scratch must hold */
  size_t channel_bytes; /* of the packed weights of a channel */
  char *data;
};

/* Sets everything but the weights; takes their memory from the cursor. `behind`: bytes of each channel behind its
 * weights. `grouped`: runs are of groups of channels, and padded pixels are read by whole vectors. */
void mbconv_panels_plan(struct mbconv_panels *panels, const struct mbconv_kernels *kernels, size_t k, size_t channels,
                        size_t behind, bool grouped, struct mbconv_cursor *cursor);

/* The tile of the panel that a channel is in. */
static inline const struct mbconv_pointwise_tile *mbconv_panels_tile(const struct mbconv_panels *panels,
                                                                     size_t channel) {
  return channel < panels->wide_channels ? panels->wide : panels->end;
}

/* Where a channel is packed: a panel, its width, and the channel's place in it. */
struct mbconv_panel_place {
  char *panel;
  size_t width, lane;
};

struct mbconv_panel_place mbconv_panels_place(const struct mbconv_panels *panels, size_t channel);

/* Folds and packs `conv`, weight [channels][k / taps][taps]: the chain goes tap by tap. A 1x1 has one tap. */
void mbconv_panels_pack(struct mbconv_panels *panels, const mbconv_conv *conv, size_t taps);

/* The pixels of the tile that most panels are of. */
size_t mbconv_panels_height(const struct mbconv_panels *panels);

/* How many pixels to run before an activation is mapped over them: as many as keep their outputs in L1, in whole tiles,
 * but not so few that all weights come from L2 or L3 for them. */
size_t mbconv_panels_chunk(const struct mbconv_panels *panels);

size_t mbconv_panels_bytes(const struct mbconv_panels *panels);

/* A run of pixels through a range of channels. Strides and offsets are in elements. */
struct mbconv_pixel_run {
  size_t pixels;
  size_t first_channel, channels; /* first_channel is a multiple of the wide tile's channels, if grouped */
  const void *x;                  /* pixel p at x + p * x_stride */
  size_t x_stride;
  size_t segment, jump;      /* of a pixel, as in kernels.h; segment 0: it is contiguous */
  bool warm;                 /* the weights are in L2 */
  void *const *y_pixels;     /* NULL, or where pixel p is, for pixels that are not evenly spaced */
  void *y;                   /* else pixel p at y + p * y_stride */
  size_t y_stride, y_offset; /* the range's first channel at pixel + y_offset */
  bool y_padded;             /* pixels of y have room for whole panels: full tiles are stored */
  const void *residual;      /* pixel p at residual + p * r_stride, the range's first channel first; or NULL */
  size_t r_stride;
  struct mbconv_ending ending;
};

void mbconv_panels_run(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run);

/* The part of `run` from pixel `done` on, for elements of `element` bytes. Where y is evenly spaced. */
static inline struct mbconv_pixel_run mbconv_run_from(const struct mbconv_pixel_run *run, size_t done, size_t element) {
  struct mbconv_pixel_run part = *run;
  part.pixels -= done;
  if (part.x) part.x = (const char *)part.x + done * part.x_stride * element;
  part.y = (char *)part.y + done * part.y_stride * element;
  if (part.residual) part.residual = (const char *)part.residual + done * part.r_stride * element;
  return part;
}

/* Makes what lies in y the residual: the caller has put it there. The channels that pad its pixels hold nothing, so
 * they are neither read nor written. */
static inline void mbconv_run_add_stored(struct mbconv_pixel_run *run) {
  run->residual = run->y;
  run->r_stride = run->y_stride;
  run->y_padded = false;
}

/* Does what the tiles have left of the epilogue, over what a run has stored. Where y is evenly spaced and the run of
 * all channels. */
void mbconv_panels_map(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run,
                       const struct mbconv_epilogue *epilogue);

/* Like mbconv_panels_run(), and what the tiles have left of the epilogue: some pixels at a time, while they are in L1.
 * Where y is evenly spaced and the run of all channels. */
void mbconv_panels_run_mapped(const struct mbconv_panels *panels, const struct mbconv_pixel_run *run,
                              const struct mbconv_epilogue *epilogue);

#endif
