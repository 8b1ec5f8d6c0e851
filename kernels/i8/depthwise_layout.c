/* SPDX-License-Identifier: MIT */
#include "depthwise_layout.h"

#include "requantize.h"

/* A tap of the kernel, or one outside of it. */
struct tap {
  size_t row, column;
};
enum { OUTSIDE = 7 };

/* Byte `slot` of a dot at stride 1, for the first row of outputs. */
static struct tap slot_at_stride1(size_t kernel, size_t dot, size_t slot) {
  if (kernel == 5 && dot >= 5) {
    static const size_t first[] = {0, 2, 3}; /* of the windows; the last one's first column was in the one before */
    const size_t column = first[dot - 5] + slot / 2;
    return (struct tap){4 + slot % 2, dot == 7 && slot < 2 ? OUTSIDE : column};
  }
  return (struct tap){dot / kernel * 4 + slot, dot % kernel};
}

static struct tap slot_at_stride2(size_t kernel, size_t dot, size_t slot) {
  const size_t half = kernel / 2, squares = half * (half + 1);
  if (dot < squares) return (struct tap){dot / (half + 1) * 2 + slot / 2, dot % (half + 1) * 2 + slot % 2};
  if (dot == squares) return (struct tap){kernel - 1, slot};
  return (struct tap){kernel - 1, kernel == 5 ? (slot == 2 ? 4 : OUTSIDE) : 4 + slot};
}

static int8_t weight_of(const struct mbconv_i8_channel *channel, size_t kernel, struct tap tap, size_t variant) {
  const size_t row = tap.row - variant; /* of the second row of outputs; wraps around if above it */
  if (row >= kernel || tap.column >= kernel) return 0;
  return channel->weight[row * kernel + tap.column];
}

static void put_weight(char *dword, size_t slot, int8_t weight, const struct mbconv_i8_layout *layout) {
  if (layout->weight == 1)
    ((int8_t *)dword)[slot] = weight;
  else
    ((int16_t *)(dword + slot % 2 * layout->unit))[slot / 2] = weight;
}

void mbconv_i8_pack_depthwise_vectors(const struct mbconv_i8_layout *layout, void *data, size_t channel, size_t kernel,
                                      size_t stride, const struct mbconv_i8_channel *packed) {
  const size_t vector = layout->unit * layout->weight, dots = DOTS(kernel); /* bytes of one vector of weights */
  const size_t variants = stride == 1 && layout->pairs[(kernel - 3) / 2] ? 2 : 1;
  const size_t behind = mbconv_i8_behind(packed->ending), array = 4 * layout->unit;
  const size_t shifts = layout->unit * (CONSTANTS * 4 + variants * dots * 4 * layout->weight);
  const size_t unit_bytes = shifts + layout->unit * behind;
  char *unit = (char *)data + channel / layout->unit * unit_bytes;
  const size_t place = channel % layout->unit, quarter = place % 16 / 4;
  const size_t at = (place / 16 * 4 + place % 4) * 4; /* bytes from the beginning of a vector of dwords */
  const size_t dword = quarter * layout->unit + at;
  mbconv_i8_pack_constants((int32_t *)(void *)unit, layout->unit, dword / 4, kernel * kernel, packed);
  if (behind > 0) *(int32_t *)(void *)(unit + shifts + dword) = packed->shift;
  char *half = unit + CONSTANTS * array + quarter / 2 * variants * dots * 2 * vector + quarter % 2 * vector;
  for (size_t v = 0; v < variants; v++)
    for (size_t d = 0; d < dots; d++)
      for (size_t slot = 0; slot < 4; slot++) {
        const struct tap tap = stride == 1 ? slot_at_stride1(kernel, d, slot) : slot_at_stride2(kernel, d, slot);
        put_weight(half + (v * dots + d) * 2 * vector + at, slot, weight_of(packed, kernel, tap, v), layout);
      }
}

void mbconv_i8_finish_staged(const struct mbconv_i8_staged *staged, size_t row, const struct mbconv_i8_ending *ending,
                             size_t pixels, size_t channels, char *y, size_t y_stride) {
  const char *scales = staged->scales, *shifts = staged->shifts;
  for (size_t p = 0; p < pixels; p++, y += y_stride) {
    const char *sums = staged->sums + (p * 4 + row * 2) * staged->width;
    for (size_t i = 0; i < staged->width / 2; i++) {
      const size_t lane = i / 8, vector = i % 8 / 4, at = (lane * 4 + i % 4) * 4; /* of the i-th channel of the half */
      const size_t place = vector * staged->unit + at;
      if (lane * 16 + staged->first_channel + i % 8 >= channels) break;
      y[lane * 16 + i % 8] =
          (char)mbconv_requantize(ending, *(const int32_t *)(sums + vector * staged->width + at),
                                  *(const union mbconv_i8_scale *)(scales + place), *(const int32_t *)(shifts + place));
    }
  }
}
