/* SPDX-License-Identifier: MIT
 *
 * A set that counts instead of computing: it has the shape of any of the library's sets (vector, tiles, what stores
 * tails), so that objects are planned, packed and run as for that set, on every CPU, and each call of a kernel is
 * counted by its kind. Nothing is computed: outputs keep what they held.
 *
 * Objects that are created while a shape is chosen are of the counting set. Counts are for one thread at a time.
 */
#ifndef MBCONV_COUNTING_SET_H
#define MBCONV_COUNTING_SET_H

#include "kernels.h"

/* A set's tiles, and behind them those over panels abreast. */
enum { COUNTED_TILES = MBCONV_POINTWISE_TILES + MBCONV_POINTWISE_ABREAST };

/* What the plan and the loops around the kernels know of a set. */
struct set_shape {
  mbconv_isa isa;
  uint8_t lanes;
  struct {
    uint16_t pixels, step, channels;
    bool tails;
  } tiles[COUNTED_TILES];
  size_t transpose_rows, transpose_columns;
  bool tiles_silu, tiles_segments;
  uint32_t l1_bytes; /* of its blocking */
};

enum { SET_SHAPES = 4 };
extern const struct set_shape set_shapes[SET_SHAPES];

/* Whether a set of the library has this shape. */
bool set_shape_is(const struct set_shape *shape, const struct mbconv_kernels *kernels);

/* From now on what is created is of the counting set of this shape; NULL: of the library's sets again. */
void counting_set_choose(const struct set_shape *shape);

/* From now on the library's sets have tiles_add_residual as `wanted`, which changes no float in f32; false: as they
 * are.
 */
void library_sets_add_residual(bool wanted);

struct kernel_counts {
  struct {
    size_t calls, tiles, terms; /* multiply-adds that the tiles execute, for empty pixels and channels too */
  } pointwise[COUNTED_TILES];
  struct {
    size_t calls, panels;
  } gemv;
  struct {
    size_t calls, pixels, floats;
  } depthwise;
  struct {
    size_t calls, floats;
  } map, sum, scale;
  struct {
    size_t calls, tiles;
  } transpose;
};

/* The counts since the last call. */
struct kernel_counts counting_set_take(void);

#endif
