/* SPDX-License-Identifier: MIT
 *
 * Order. Planes are long and far apart, pixels are short and close together. The loops walk along as many planes at a
 * time as a tile holds, which is 8 at most with those of the residual: if planes are a multiple of 4 KB apart, their
 * lines share one set of L1, which has 8 ways or more on x86. They walk for RUN pixels, which are a few lines of each
 * plane, while the pixels' lines stay in L1 for the other planes. On Zen 4 this takes up to 30% less time than walking
 * the whole length of the planes.
 *
 * Edges. The last rows and columns are computed as a whole tile that overlaps the one before it. An image that is
 * smaller than a tile is transposed by the scalar kernel.
 */
#include "transpose.h"

enum { RUN = 64 };

/* Rows or columns: how many there are, in all and in a tile, and how far apart they are in x and y. */
struct axis {
  size_t count, tile, x_step, y_step;
};

/* All planes, of the pixels from `first` on that `tiles` tiles hold. */
static void run(mbconv_transpose_fn *walk, const struct axis *planes, const struct axis *pixels, size_t first,
                size_t tiles, const float *x, size_t x_stride, float *y, size_t y_stride, const float *residual) {
  const size_t x_step = pixels->tile * pixels->x_step, y_step = pixels->tile * pixels->y_step;
  const size_t last = planes->count - planes->tile;
  for (size_t i = 0; i < planes->count; i += planes->tile) {
    const size_t plane = i < last ? i : last;
    const size_t to = plane * planes->y_step + first * pixels->y_step;
    walk(tiles, x + plane * planes->x_step + first * pixels->x_step, x_stride, x_step, y + to, y_stride, y_step,
         residual ? residual + to : NULL);
  }
}

void mbconv_transpose(const struct mbconv_kernels *kernels, size_t rows, size_t columns, const float *x,
                      size_t x_stride, float *y, size_t y_stride, const float *residual) {
  const bool fits = rows >= kernels->transpose.rows && columns >= kernels->transpose.columns;
  const struct mbconv_transpose_tile *tile = fits ? &kernels->transpose : &mbconv_kernels_scalar.transpose;
  const struct axis row = {rows, tile->rows, x_stride, 1}, column = {columns, tile->columns, 1, y_stride};
  const bool rows_are_planes = x_stride > y_stride;
  const struct axis planes = rows_are_planes ? row : column, pixels = rows_are_planes ? column : row;
  for (size_t first = 0; first + pixels.tile <= pixels.count; first += RUN) {
    const size_t most = pixels.count - first < RUN ? pixels.count - first : RUN;
    run(tile->run, &planes, &pixels, first, most / pixels.tile, x, x_stride, y, y_stride, residual);
  }
  if (pixels.count % pixels.tile)
    run(tile->run, &planes, &pixels, pixels.count - pixels.tile, 1, x, x_stride, y, y_stride, residual);
}
