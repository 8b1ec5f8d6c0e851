/* SPDX-License-Identifier: MIT
 *
 * A program on a wheel's two libraries, as another language would load them: an operator on one thread, and on the
 * package's pool of threads, gives the same floats; the pool does each index once, also when it slept before.
 */
#include <mbconv.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../litert/pool.h"

enum { PIXELS = 500, IN = 24, OUT = 40, THREADS = 3, INDICES = 1000, JOBS = 200 };

static float weight[OUT * IN], x[PIXELS * IN], alone[PIXELS * OUT], together[PIXELS * OUT];
static atomic_int done[INDICES];

static void fill(float *numbers, size_t n, unsigned state) {
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = (float)(state >> 8) / (float)(1u << 24) - 0.5f;
  }
}

static void count(void *argument, size_t index) {
  (void)argument;
  atomic_fetch_add(&done[index], 1);
}

static bool each_once(struct mbconv_pool *pool) {
  for (int job = 0; job < JOBS; job++) mbconv_pool_parallel_for(pool, count, NULL, INDICES);
  for (size_t i = 0; i < INDICES; i++) {
    if (atomic_load(&done[i]) == JOBS) continue;
    fprintf(stderr, "index %zu was done %d times in %d jobs\n", i, atomic_load(&done[i]), JOBS);
    return false;
  }
  return true;
}

static bool same_floats(struct mbconv_pool *pool) {
  const mbconv_conv conv = {.weight = weight};
  const mbconv_pointwise_desc desc = {.in_channels = IN, .out_channels = OUT, .conv = &conv};
  const mbconv_threads threads = {.parallel_for = mbconv_pool_parallel_for, .context = pool, .count = THREADS};
  mbconv_error error;
  mbconv_pointwise *pointwise;
  if (mbconv_pointwise_create(&desc, NULL, &pointwise, &error) != MBCONV_OK ||
      mbconv_pointwise_run(pointwise, PIXELS, x, IN, alone, OUT, NULL, 0, NULL, &error) != MBCONV_OK ||
      mbconv_pointwise_run(pointwise, PIXELS, x, IN, together, OUT, NULL, 0, &threads, &error) != MBCONV_OK) {
    fprintf(stderr, "%s\n", error.message);
    return false;
  }
  mbconv_pointwise_destroy(pointwise);
  if (memcmp(alone, together, sizeof alone) == 0) return true;
  fprintf(stderr, "threads change the floats\n");
  return false;
}

int main(void) {
  fill(weight, OUT * IN, 1);
  fill(x, PIXELS * IN, 2);
  struct mbconv_pool *pool = mbconv_pool_create(THREADS);
  if (!pool) {
    fprintf(stderr, "no pool of threads\n");
    return EXIT_FAILURE;
  }
  const bool right = same_floats(pool) && each_once(pool);
  mbconv_pool_destroy(pool);
  if (!right) return EXIT_FAILURE;
  printf("mbconv %s: %d threads, the same floats\n", mbconv_version(), THREADS);
  return EXIT_SUCCESS;
}
