/* SPDX-License-Identifier: MIT */
#include "squeeze_excite.h"

static void fully_connected(const struct mbconv_panels *panels, const struct mbconv_epilogue *epilogue, const float *x,
                            float *y) {
  const struct mbconv_pointwise_run run = {
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
  if (epilogue->map) epilogue->map(panels->channels, y, y);
}

void mbconv_excite_run(const struct mbconv_excite *excite, size_t pixels, float *sums, float *narrow) {
  const float reciprocal = (float)(1.0 / (double)pixels);
  for (size_t c = 0; c < excite->reduce.k; c++) sums[c] *= reciprocal;
  fully_connected(&excite->reduce, &excite->inner, sums, narrow);
  fully_connected(&excite->expand, &excite->gate, narrow, sums);
}
