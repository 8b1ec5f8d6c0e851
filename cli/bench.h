/* SPDX-License-Identifier: MIT
 *
 * A network's time, layer by layer.
 */
#ifndef MBCONV_CLI_BENCH_H
#define MBCONV_CLI_BENCH_H

#include <stdio.h>

#include "mbconv_networks.h"

enum { BENCH_MOST_LAYERS = 128 };

struct bench_result {
  mbconv_network_info info;
  size_t arena_bytes, repetitions;
  double peak;    /* FLOP/s of as many cores as there are threads; 0 if unknown */
  double seconds; /* of the whole network */
  struct {
    mbconv_layer_info info;
    double seconds;
  } layer[BENCH_MOST_LAYERS];
};

/* Runs the network by turns whole and layer by layer on one image, for `seconds` and at least three times; keeps the
 * least of all times.
 */
void bench_measure(const mbconv_network *network, const mbconv_threads *threads, double seconds,
                   struct bench_result *result);

/* FLOP/s at `seconds`, and their percentage of the peak (0 if that is unknown). */
double bench_rate(const mbconv_counts *counts, double seconds);
double bench_percent(const struct bench_result *result, const mbconv_counts *counts, double seconds);

/* Bars of the layers' times, the part that the FMA peak would take filled darker. */
void bench_chart(const struct bench_result *result, FILE *file);

#endif
