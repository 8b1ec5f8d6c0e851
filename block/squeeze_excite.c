/* SPDX-License-Identifier: MIT */
#include "squeeze_excite.h"

#include "i8/i8.h"

static void fully_connected(const struct mbconv_panels *panels, const struct mbconv_epilogue *epilogue, const void *x,
                            void *y) {
  const struct mbconv_pixel_run run = {
      .pixels = 1,
      .channels = panels->channels,
      .x = x,
      .x_stride = panels->k,
      .y = y,
      .y_stride = panels->padded,
      .y_padded = true,
      .ending = epilogue->ending,
  };
  mbconv_panels_run(panels, &run);
  if (mbconv_epilogue_maps(epilogue)) mbconv_epilogue_map(epilogue, 1, 0, panels->channels, y, panels->channels);
}

void mbconv_excite_run(const struct mbconv_excite *excite, const struct mbconv_i8_excite *i8, size_t pixels,
                       size_t rows, void *sums, size_t sum_stride, void *narrow) {
  const struct mbconv_kernels *kernels = excite->reduce.kernels;
  if (MBCONV_HAS_I8 && i8)
    kernels->i8->mean(&i8->mean, excite->reduce.k, rows, sums, sum_stride, pixels, sums);
  else
    kernels->channel_mean(excite->reduce.k, rows, sums, sum_stride, pixels, sums);
  fully_connected(&excite->reduce, &excite->inner, sums, narrow);
  fully_connected(&excite->expand, &excite->gate, narrow, sums);
}
