/* SPDX-License-Identifier: MIT
 *
 * Functions of one float, compared on all floats, on a sample of them, or around some; and their worst error.
 */
#ifndef MBCONV_TEST_SWEEP_H
#define MBCONV_TEST_SWEEP_H

#include "test.h"

/* What is compared. */
struct sweep {
  struct test *test;
  const char *name;
  mbconv_activation_fn *got, *want;
  uint64_t step; /* 1: every float */
};

/* Every step-th float, by two processes; each 2^24 neighbours are one case. */
void sweep_all(const struct sweep *sweep);

/* 2048 floats around each of some, where the sample of sweep_all() is thin: one case. */
void sweep_edges(const struct sweep *sweep, const float *edges, size_t count);

/* The worst error in ULP, against oracle_activation(), over every step-th x and -x from `least` on and below `most`;
 * *worst_x is where. INFINITY for a NaN. */
double sweep_worst_ulp(mbconv_activation_kind kind, mbconv_activation_fn *run, float least, float most, uint32_t step,
                       float *worst_x);

#endif
