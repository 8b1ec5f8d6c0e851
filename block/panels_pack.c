/* SPDX-License-Identifier: MIT
 *
 * What create does with panels: the choice of tiles, and the packing.
 */
#include "fold.h"
#include "pack.h"
#include "panels.h"

/* The channels that `count` last panels of the tile `end` leave empty, where all before them are wide; SIZE_MAX if they
 * cannot be the last. */
static size_t empty_channels(const struct mbconv_pointwise_tile *wide, const struct mbconv_pointwise_tile *end,
                             size_t channels, size_t count) {
  const size_t rest =
      channels % wide->channels + (count - 1) * wide->channels; /* a second one takes a wide one's place */
  if (!end->run || rest > channels || rest > count * end->channels) return SIZE_MAX;
  return count * end->channels - rest;
}

/* Sets the panels' tiles. Where the wide tile stores tails, another must store them, too, or be filled: those tails
 * need no stage. */
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
      if (empty >= least || (empty > 0 && wide->tails && !end->tails)) continue;
      least = empty;
      panels->end = end;
      panels->padded = channels + empty;
      panels->wide_channels = panels->padded - count * end->channels;
    }
  }
}

void mbconv_panels_plan(struct mbconv_panels *panels, const struct mbconv_kernels *kernels, size_t k, size_t channels,
                        size_t behind, bool grouped, struct mbconv_cursor *cursor) {
  choose_tiles(panels, kernels, channels, grouped);
  panels->kernels = kernels;
  panels->k = k;
  panels->channels = channels;
  panels->channel_bytes = mbconv_panel_channel_bytes(&kernels->packing, k, behind);
  panels->data = mbconv_take(
      cursor, mbconv_panel_bytes_checked(&kernels->packing, k, behind, panels->padded, &cursor->overflow), 1);
}

struct mbconv_panel_place mbconv_panels_place(const struct mbconv_panels *panels, size_t channel) {
  const size_t width = mbconv_panels_tile(panels, channel)->channels;
  const size_t lane = (channel - (channel < panels->wide_channels ? 0 : panels->wide_channels)) % width;
  return (struct mbconv_panel_place){panels->data + (channel - lane) * panels->channel_bytes, width, lane};
}

void mbconv_panels_pack(struct mbconv_panels *panels, const mbconv_conv *conv, size_t taps) {
  const size_t k = panels->k;
  for (size_t channel = 0; channel < panels->channels; channel++) {
    const struct mbconv_panel_place to = mbconv_panels_place(panels, channel);
    float bias;
    const double scale = mbconv_fold(conv, channel, &bias);
    panels->kernels->pack_panel(to.panel, to.width, to.lane, k, taps, conv->weight + channel * k, scale, bias);
  }
}
