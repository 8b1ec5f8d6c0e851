/* SPDX-License-Identifier: MIT */
#include "counting_set.h"

#include <string.h>

#include "dispatch.h"
#include "status.h"

/* The sets of ../../kernels/f32; the suite compares those that are in the build. */
const struct set_shape set_shapes[SET_SHAPES] = {
    {MBCONV_ISA_SCALAR, 1, {{4, 1, 4, true}}, 1, 1, false, true, 34 * 1024},
    {MBCONV_ISA_AVX2, 8, {{4, 1, 24, false}, {6, 1, 16, false}, {12, 1, 8, false}}, 8, 4, false, true, 30 * 1024},
    {MBCONV_ISA_AVX512,
     16,
     {{28, 7, 16, true}, {12, 1, 8, false}, {0}, {0}, {9, 1, 32, true}, {9, 1, 48, true}},
     8,
     4,
     false,
     true,
     34 * 1024},
    {MBCONV_ISA_NEON, 4, {{11, 1, 8, false}, {6, 1, 4, false}}, 4, 4, true, false, 34 * 1024},
};

/* The sets differ in one number of it. */
static struct mbconv_blocking blocking_of(const struct set_shape *shape) {
  return (struct mbconv_blocking){.group_channels = 48,
                                  .l1_bytes = shape->l1_bytes,
                                  .l2_least_bytes = 32 * 1024,
                                  .l2_most_bytes = 372 * 1024,
                                  .l2_assumed_bytes = 512 * 1024,
                                  .run_pixels = 48,
                                  .depthwise_pixels = 14,
                                  .map_bytes = 16 * 1024,
                                  .map_pixels = 56,
                                  .projected_pixels = 56,
                                  .window_bytes = 24 * 1024};
}

static struct mbconv_pointwise_tile *tile_at(struct mbconv_kernels *kernels, size_t index) {
  return index < MBCONV_POINTWISE_TILES ? &kernels->pointwise[index]
                                        : &kernels->abreast[index - MBCONV_POINTWISE_TILES];
}

/* The scalar set's, in units of the set's vectors. */
static struct mbconv_packing packing_of(const struct set_shape *shape) {
  struct mbconv_packing packing = mbconv_kernels_scalar.packing;
  packing.unit = shape->lanes;
  return packing;
}

bool set_shape_is(const struct set_shape *shape, const struct mbconv_kernels *kernels) {
  const struct mbconv_blocking blocking = blocking_of(shape);
  const struct mbconv_packing packing = packing_of(shape);
  bool same = shape->isa == kernels->isa && shape->lanes == kernels->lanes &&
              shape->transpose_rows == kernels->transpose.rows &&
              shape->transpose_columns == kernels->transpose.columns && shape->tiles_silu == kernels->tiles_silu &&
              shape->tiles_segments == kernels->tiles_segments && kernels->element == mbconv_kernels_scalar.element &&
              memcmp(&kernels->packing, &packing, sizeof packing) == 0 &&
              memcmp(&blocking, &kernels->blocking, sizeof blocking) == 0; /* size_t throughout: no padding */
  struct mbconv_kernels copy = *kernels;
  for (size_t i = 0; i < COUNTED_TILES; i++) {
    const struct mbconv_pointwise_tile *tile = tile_at(&copy, i);
    same = same && shape->tiles[i].pixels == tile->pixels && shape->tiles[i].step == tile->step &&
           shape->tiles[i].channels == tile->channels && shape->tiles[i].tails == tile->tails;
  }
  return same;
}

/* ---- Kernels that count ------------------------------------------------------------------------------------------ */

static struct mbconv_kernels set;
static bool chosen;
static bool tiles_add; /* in copies of the library's sets */
static struct kernel_counts counts;

static void count_tile(size_t index, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles) {
  const struct mbconv_pointwise_tile *tile = tile_at(&set, index);
  const size_t executed = (pixels + tile->step - 1) / tile->step * tile->step;
  counts.pointwise[index].calls++;
  counts.pointwise[index].tiles += tiles;
  counts.pointwise[index].terms += executed * tiles * tile->channels * panel->k;
}

static void wide_tile(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                      void *const *y, size_t y_offset, const void *residual) {
  (void)x, (void)y, (void)y_offset, (void)residual;
  count_tile(0, panel, pixels, tiles);
}

static void narrow_tile(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                        void *const *y, size_t y_offset, const void *residual) {
  (void)x, (void)y, (void)y_offset, (void)residual;
  count_tile(1, panel, pixels, tiles);
}

static void narrowest_tile(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                           void *const *y, size_t y_offset, const void *residual) {
  (void)x, (void)y, (void)y_offset, (void)residual;
  count_tile(2, panel, pixels, tiles);
}

static void two_abreast(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                        void *const *y, size_t y_offset, const void *residual) {
  (void)x, (void)y, (void)y_offset, (void)residual;
  count_tile(MBCONV_POINTWISE_TILES, panel, pixels, tiles);
}

static void three_abreast(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                          void *const *y, size_t y_offset, const void *residual) {
  (void)x, (void)y, (void)y_offset, (void)residual;
  count_tile(MBCONV_POINTWISE_TILES + 1, panel, pixels, tiles);
}

static void gemv(const struct mbconv_pointwise_panel *first, size_t panels, const void *x, void *y,
                 const void *residual) {
  (void)first, (void)x, (void)y, (void)residual;
  counts.gemv.calls++;
  counts.gemv.panels += panels;
}

static void depthwise(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  (void)rows, (void)y;
  counts.depthwise.calls++;
  counts.depthwise.pixels += pixels;
  counts.depthwise.floats += pixels * group->channels;
}

static void map(size_t n, const void *x, void *y) {
  (void)x, (void)y;
  counts.map.calls++;
  counts.map.floats += n;
}

static void channel_sum(size_t pixels, size_t channels, const void *x, size_t x_stride, void *sum) {
  (void)x, (void)x_stride, (void)sum;
  counts.sum.calls++;
  counts.sum.floats += pixels * channels;
}

static void channel_mean(size_t channels, size_t rows, void *sum, size_t sum_stride, size_t pixels, void *y) {
  (void)channels, (void)rows, (void)sum, (void)sum_stride, (void)pixels, (void)y;
}

static void channel_scale(size_t pixels, size_t channels, const void *x, size_t x_stride, const void *scale, void *y,
                          size_t y_stride) {
  (void)x, (void)x_stride, (void)scale, (void)y, (void)y_stride;
  counts.scale.calls++;
  counts.scale.floats += pixels * channels;
}

static void transpose(size_t tiles, const void *x, size_t x_stride, size_t x_step, void *y, size_t y_stride,
                      size_t y_step, const void *residual) {
  (void)x, (void)x_stride, (void)x_step, (void)y, (void)y_stride, (void)y_step, (void)residual;
  counts.transpose.calls++;
  counts.transpose.tiles += tiles;
}

/* ---- The choice -------------------------------------------------------------------------------------------------- */

static struct mbconv_kernels set_of(const struct set_shape *shape) {
  static mbconv_pointwise_fn *const tiles[COUNTED_TILES] = {wide_tile, narrow_tile,
                                                            narrowest_tile, [MBCONV_POINTWISE_TILES] = two_abreast,
                                                            [MBCONV_POINTWISE_TILES + 1] = three_abreast};
  struct mbconv_kernels kernels = {
      .isa = shape->isa,
      .lanes = shape->lanes,
      .element = sizeof(float),
      .gemv = gemv,
      .depthwise = {{depthwise, depthwise}, {depthwise, depthwise}, {depthwise, depthwise}},
      .channel_sum = channel_sum,
      .channel_mean = channel_mean,
      .channel_scale = channel_scale,
      .transpose = {shape->transpose_rows, shape->transpose_columns, transpose},
      .transpose_one = mbconv_kernels_scalar.transpose_one,
      .interleave3 = mbconv_kernels_scalar.interleave3,
      .packing = packing_of(shape),
      .pack_panel = mbconv_kernels_scalar.pack_panel,
      .pack_depthwise = mbconv_kernels_scalar.pack_depthwise,
      .tiles_silu = shape->tiles_silu,
      .tiles_segments = shape->tiles_segments,
      .fastest_exp = MBCONV_EXP_INLINE,
      .blocking = blocking_of(shape),
  };
  for (size_t i = 0; i < COUNTED_TILES; i++) {
    if (shape->tiles[i].channels == 0) continue;
    *tile_at(&kernels, i) = (struct mbconv_pointwise_tile){shape->tiles[i].pixels, shape->tiles[i].step,
                                                           shape->tiles[i].channels, shape->tiles[i].tails, tiles[i]};
  }
  for (size_t variant = 0; variant < 2; variant++)
    for (size_t kind = 0; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) kernels.activation[variant][kind] = map;
  return kernels;
}

void counting_set_choose(const struct set_shape *shape) {
  chosen = shape != NULL;
  if (chosen) set = set_of(shape);
  counts = (struct kernel_counts){0};
}

void library_sets_add_residual(bool wanted) { tiles_add = wanted; }

/* A copy of one of the library's sets, for good. */
static const struct mbconv_kernels *adding(const struct mbconv_kernels *kernels) {
  static struct mbconv_kernels copies[MBCONV_ISA_COUNT];
  struct mbconv_kernels *copy = &copies[kernels->isa];
  if (!copy->tiles_add_residual) {
    *copy = *kernels;
    copy->tiles_add_residual = true;
  }
  return copy;
}

struct kernel_counts counting_set_take(void) {
  const struct kernel_counts taken = counts;
  counts = (struct kernel_counts){0};
  return taken;
}

/* These are in place of the library's own, which have other names in the tests: ../CMakeLists.txt. */

mbconv_status mbconv_choose_itself(const struct mbconv_sets *sets, const mbconv_options *options,
                                   const struct mbconv_kernels **kernels, mbconv_exp *variant, mbconv_error *error);
size_t mbconv_l2_bytes_itself(void);

mbconv_status mbconv_choose(const struct mbconv_sets *sets, const mbconv_options *options,
                            const struct mbconv_kernels **kernels, mbconv_exp *variant, mbconv_error *error) {
  if (!chosen) {
    const mbconv_status status = mbconv_choose_itself(sets, options, kernels, variant, error);
    if (status == MBCONV_OK && tiles_add) *kernels = adding(*kernels);
    return status;
  }
  *kernels = &set;
  *variant = MBCONV_EXP_INLINE;
  return mbconv_succeed(error);
}

/* No machine's own cache: 1 MB. */
size_t mbconv_l2_bytes(void) { return chosen ? (size_t)1 << 20 : mbconv_l2_bytes_itself(); }
