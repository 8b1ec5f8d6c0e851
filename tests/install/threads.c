/* SPDX-License-Identifier: MIT
 *
 * The installed adapters for OpenMP and pthreadpool: a block on their threads writes what it writes on one. C and C++.
 */
#include <mbconv_openmp.h>
#include <mbconv_pthreadpool.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 13, CHANNELS = 24, EXPANDED = 72, FLOATS = SIDE * SIDE * CHANNELS, SCRATCH = 1 << 22 };

static float weights[EXPANDED * CHANNELS], x[FLOATS], y[FLOATS], expected[FLOATS];
static float scratch[SCRATCH / sizeof(float)];

static int run(const mbconv_block *block, const mbconv_threads *threads, const char *name) {
  mbconv_error error;
  memset(y, 0, sizeof y);
  const size_t count = threads ? threads->count : 1;
  if (mbconv_block_scratch_size(block, count) > SCRATCH) return printf("%s: scratch\n", name), 1;
  if (mbconv_block_run(block, 1, x, y, scratch, SCRATCH, threads, &error) != MBCONV_OK)
    return printf("%s: %s\n", name, error.message), 1;
  if (!threads) memcpy(expected, y, sizeof y);
  const int same = !memcmp(expected, y, sizeof y);
  printf("%s: %s\n", name, same ? "the same floats" : "OTHER FLOATS");
  return !same;
}

/* From -1 to 1, without a period that the block's sizes have. */
static float next(float number) { return number > 0.63f ? number - 1.63f : number + 0.37f; }

int main(void) {
  weights[0] = 0.1f, x[0] = 0.2f;
  for (size_t i = 1; i < EXPANDED * CHANNELS; i++) weights[i] = next(weights[i - 1]);
  for (size_t i = 1; i < FLOATS; i++) x[i] = next(x[i - 1]);
  mbconv_conv conv;
  memset(&conv, 0, sizeof conv);
  conv.weight = weights;
  mbconv_block_desc desc;
  memset(&desc, 0, sizeof desc);
  desc.struct_size = sizeof desc;
  desc.height = desc.width = SIDE;
  desc.in_channels = desc.out_channels = CHANNELS;
  desc.expanded_channels = EXPANDED;
  desc.expand = desc.depthwise = desc.project = &conv;
  desc.kernel = 3;
  desc.stride = 1;
  desc.pad.top = desc.pad.bottom = desc.pad.left = desc.pad.right = 1;
  desc.activation = MBCONV_ACTIVATION_SILU;
  mbconv_error error;
  mbconv_block *block;
  if (mbconv_block_create(&desc, NULL, &block, &error) != MBCONV_OK) return puts(error.message), 1;

  int failed = run(block, NULL, "one thread");
  pthreadpool_t pool = pthreadpool_create(3);
  const mbconv_threads openmp = mbconv_openmp_threads(3), pthreadpool = mbconv_pthreadpool_threads(pool);
  failed += openmp.count != 3 || pthreadpool.count != 3;
  failed += run(block, &openmp, "OpenMP");
  failed += run(block, &pthreadpool, "pthreadpool");
  pthreadpool_destroy(pool);
  mbconv_block_destroy(block);
  return failed;
}
