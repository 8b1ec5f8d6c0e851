/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "cli.h"
#include "measure.h"

/* x in [-2, 2), as normalised images are; in int8 any bytes. */
static void fill(mbconv_type type, void *x, size_t n) {
  uint32_t state = 1;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    if (type == MBCONV_F32)
      ((float *)x)[i] = (float)(state >> 8) * 0x1p-22f - 2.0f;
    else
      ((unsigned char *)x)[i] = (unsigned char)(state >> 24);
  }
}

struct work {
  const mbconv_network *network;
  const mbconv_threads *threads;
  float *x, *y;
  void *arena;
  size_t arena_bytes;
  bool several;
};

/* Measures layers [first, last). */
static double time_of(const struct work *w, size_t first, size_t last) {
  mbconv_error error;
  const double start = cli_seconds(w->several);
  if (mbconv_network_run_layers(w->network, first, last, w->x, w->y, w->arena, w->arena_bytes, w->threads, &error) !=
      MBCONV_OK)
    cli_fail("%s", error.message);
  return cli_seconds(w->several) - start;
}

void bench_measure(const mbconv_network *network, const mbconv_threads *threads, double seconds,
                   struct bench_result *result) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const size_t images = info.height * info.width * info.channels;
  struct work w = {.network = network, .threads = threads, .several = info.threads > 1};
  w.arena_bytes = mbconv_network_arena_size(network, 1);
  w.x = cli_allocate(images, sizeof(float));
  w.y = cli_allocate(info.outputs, sizeof(float));
  w.arena = cli_allocate(w.arena_bytes, 1);
  fill(info.type, w.x, images);
  if (info.layers > BENCH_MOST_LAYERS) cli_fail("%s has more than %d layers", info.name, BENCH_MOST_LAYERS);
  *result = (struct bench_result){.info = info, .arena_bytes = w.arena_bytes, .seconds = INFINITY};
  for (size_t i = 0; i < info.layers; i++) {
    result->layer[i].info = *mbconv_network_layer(network, i);
    result->layer[i].seconds = INFINITY;
  }
  time_of(&w, 0, info.layers);
  const double start = cli_seconds(true);
  do {
    cli_progress("%s: %.1f of %g s", info.name, cli_seconds(true) - start, seconds);
    if (info.type == MBCONV_F32) /* the peak is that of FMAs */
      result->peak = fmax(result->peak, cli_peak(info.isa) * (double)info.threads);
    result->seconds = fmin(result->seconds, time_of(&w, 0, info.layers));
    for (size_t i = 0; i < info.layers; i++)
      result->layer[i].seconds = fmin(result->layer[i].seconds, time_of(&w, i, i + 1));
    result->repetitions++;
  } while (cli_seconds(true) - start < seconds || result->repetitions < 3);
  cli_progress("%s", "");
  free(w.x);
  free(w.y);
  free(w.arena);
}

double bench_rate(const mbconv_counts *counts, double seconds) {
  return seconds > 0 ? 2 * (double)counts->multiply_adds / seconds : 0;
}

double bench_percent(const struct bench_result *result, const mbconv_counts *counts, double seconds) {
  return result->peak > 0 ? 100 * bench_rate(counts, seconds) / result->peak : 0;
}
