/* SPDX-License-Identifier: MIT
 *
 * Global average pooling against sums in the promised order, and against the exact mean.
 */
#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "oracle.h"
#include "test.h"

struct shape {
  size_t batch, height, width, channels, threads;
  enum test_guard guard;
};

static void check_output(struct test *t, const struct shape *s, const struct test_buffer *x,
                         const struct test_buffer *y) {
  const size_t pixels = s->height * s->width;
  float *want = malloc(y->n * sizeof *want);
  if (!want) abort();
  bool near = true;
  for (size_t i = 0; i < y->n; i++) {
    const float *channel = x->data + i / s->channels * pixels * s->channels + i % s->channels;
    float sum = 0;
    double exact = 0, magnitude = 0;
    for (size_t r = 0; r < s->height; r++) {
      float row = 0;
      for (size_t q = 0; q < s->width; q++) {
        const float value = channel[(r * s->width + q) * s->channels];
        row += value;
        exact += value;
        magnitude += fabs(value);
      }
      sum += row;
    }
    want[i] = sum * (float)(1.0 / (double)pixels);
    near = near &&
           fabs(y->data[i] - exact / (double)pixels) <= ((double)pixels + 4) * 0x1p-24 * magnitude / (double)pixels;
  }
  test_check_equal(t, y->data, want, y->n, "against sums in order");
  test_check(t, near, "farther from the exact mean than the bound");
  test_check(t, test_buffer_intact(y), "wrote outside its outputs");
  free(want);
}

static void check_shape(struct test *t, uint64_t *state, const struct shape *s) {
  test_at(t, "batch %zu, %zux%zux%zu, guard %d, %zu threads", s->batch, s->height, s->width, s->channels, s->guard,
          s->threads);
  struct test_buffer x, y;
  test_buffer_new(&x, s->batch * s->height * s->width * s->channels, s->guard);
  test_buffer_new(&y, s->batch * s->channels, s->guard);
  test_fill(state, x.data, x.n);
  test_buffer_protect(&x);
  const mbconv_global_pool_desc desc = {.height = s->height, .width = s->width, .channels = s->channels};
  const mbconv_options options = {.isa = t->isa};
  const mbconv_threads threads = {.parallel_for = s->guard ? parallel_reversed : parallel_forward, .count = s->threads};
  mbconv_global_pool *pool = NULL;
  mbconv_error error = {.message = ""};
  if (test_check(t, mbconv_global_pool_create(&desc, &options, &pool, &error) == MBCONV_OK, "%s", error.message)) {
    mbconv_info info = {0};
    test_check(t, mbconv_global_pool_info(pool, &info, NULL) == MBCONV_OK && info.isa == t->isa,
               "made for another set");
    const mbconv_status status = mbconv_global_pool_run(pool, s->batch, x.data, y.data, &threads, &error);
    test_check(t, status == MBCONV_OK, "run: %s", error.message);
    check_output(t, s, &x, &y);
  }
  mbconv_global_pool_destroy(pool);
  test_buffer_free(&x);
  test_buffer_free(&y);
}

void test_global_pool(struct test *t) {
  uint64_t state = t->seed;
  for (size_t i = 0; i < (t->small ? 60 : 600); i++) {
    const struct shape s = {.batch = test_random_size(&state, 1, 3),
                            .height = test_random_size(&state, 1, 9),
                            .width = test_random_size(&state, 1, 9),
                            .channels = test_random_size(&state, 1, i % 8 == 0 ? 700 : 40),
                            .threads = i % 9 == 0 ? 66 : test_random_size(&state, 1, 7),
                            .guard = (enum test_guard)(i % 2)};
    check_shape(t, &state, &s);
  }
}
