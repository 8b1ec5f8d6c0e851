/* SPDX-License-Identifier: MIT
 *
 * The adapters for other libraries' threads: each calls every index once, on threads that run at the same time and keep
 * denormals; and blocks, pointwise and depthwise run on them give what they give on the calling thread alone.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter.h"
#include "block_case.h"
#include "mbconv.h"
#include "test.h"

/* Those in this build; NULL ends the list. */
static const struct adapter *const adapters[] = {
#ifdef MBCONV_ADAPTER_PTHREADPOOL
    &adapter_pthreadpool,
#endif
#ifdef MBCONV_ADAPTER_OPENMP
    &adapter_openmp,
#endif
    NULL,
};

enum { COUNTS = 4, MOST_INDICES = 23 };
static const size_t thread_counts[COUNTS] = {2, 1, 3, 7};

/* Emulators have one CPU, on which pools that wait by spinning are slow. */
static size_t counts_of(const struct test *t) { return t->small ? 2 : COUNTS; }

/* ---- The parallel-for -------------------------------------------------------------------------------------------- */

static void count_call(void *argument, size_t index) {
  atomic_uint *calls = argument;
  atomic_fetch_add(&calls[index < MOST_INDICES ? index : MOST_INDICES], 1);
}

/* For fewer indices than threads, as many, and more. */
static void every_index_once(struct test *t, const mbconv_threads *threads) {
  for (size_t count = 0; count <= MOST_INDICES; count += t->small ? 7 : 1) {
    atomic_uint calls[MOST_INDICES + 1]; /* the last for indices that should not be */
    for (size_t i = 0; i <= MOST_INDICES; i++) atomic_init(&calls[i], 0);
    threads->parallel_for(threads->context, count_call, calls, count);
    size_t wrong = 0;
    for (size_t i = 0; i <= MOST_INDICES; i++) wrong += atomic_load(&calls[i]) != (i < count);
    test_check(t, wrong == 0, "of %zu indices %zu were not called exactly once", count, wrong);
  }
}

struct meeting {
  size_t count;
  atomic_size_t arrived, met, with_denormals;
  atomic_bool given_up;
};

/* Waits for the others: a parallel-for that runs one index after the other never gets past the first. Nobody waits once
 * somebody has given up, so that patience may be long: a busy machine may leave a thread aside for seconds. */
static void meet(void *argument, size_t index) {
  (void)index;
  struct meeting *m = argument;
  const double patience = 600, start = test_seconds();
  volatile float tiny = 0x1p-140f;
  tiny *= 0.5f;
  /* By their bits: where denormals count as zeros, they also equal zero. */
  if (test_bits(tiny) == test_bits(0x1p-141f)) atomic_fetch_add(&m->with_denormals, 1);
  atomic_fetch_add(&m->arrived, 1);
  while (atomic_load(&m->arrived) < m->count && !atomic_load(&m->given_up)) {
    if (test_seconds() - start > patience) atomic_store(&m->given_up, true);
    sched_yield();
  }
  if (atomic_load(&m->arrived) == m->count) atomic_fetch_add(&m->met, 1);
}

static void all_at_once(struct test *t, const mbconv_threads *threads) {
  struct meeting m = {.count = threads->count};
  threads->parallel_for(threads->context, meet, &m, threads->count);
  const size_t met = atomic_load(&m.met), with_denormals = atomic_load(&m.with_denormals);
  test_check(t, met == m.count, "%zu of %zu tasks ran at the same time", met, m.count);
  test_check(t, with_denormals == m.count, "%zu of %zu tasks kept denormals", with_denormals, m.count);
}

/* ---- Operators --------------------------------------------------------------------------------------------------- */

enum kind { BLOCK, POINTWISE, DEPTHWISE, KINDS };
static const char *const kind_names[KINDS] = {"block", "pointwise", "depthwise"};

/* A block, and its expand and depthwise convolutions as operators. The depthwise reads as many channels as x has. */
struct operators {
  struct block_case c;
  mbconv_block *block;
  mbconv_pointwise *pointwise;
  mbconv_depthwise *depthwise;
  const float *x;
  size_t y_sizes[KINDS];
};

static bool create(struct operators *o, mbconv_isa isa) {
  const mbconv_block_desc *desc = &o->c.desc;
  const mbconv_options options = {.isa = isa};
  const mbconv_pointwise_desc pointwise = {.in_channels = desc->in_channels,
                                           .out_channels = desc->expanded_channels,
                                           .conv = &o->c.expand,
                                           .activation = desc->activation};
  const mbconv_depthwise_desc depthwise = {.height = desc->height,
                                           .width = desc->width,
                                           .channels = desc->in_channels,
                                           .kernel = desc->kernel,
                                           .stride = desc->stride,
                                           .pad = desc->pad,
                                           .conv = &o->c.depthwise,
                                           .activation = desc->activation};
  return mbconv_block_create(desc, &options, &o->block, NULL) == MBCONV_OK &&
         mbconv_pointwise_create(&pointwise, &options, &o->pointwise, NULL) == MBCONV_OK &&
         mbconv_depthwise_create(&depthwise, &options, &o->depthwise, NULL) == MBCONV_OK;
}

/* threads NULL: the calling thread alone. */
static mbconv_status run(const struct operators *o, enum kind kind, const mbconv_threads *threads, float *y) {
  const size_t count = threads ? threads->count : 1, pixels = o->c.desc.height * o->c.desc.width;
  size_t size = 0;
  if (kind == BLOCK) size = mbconv_block_scratch_size(o->block, count);
  if (kind == DEPTHWISE) size = mbconv_depthwise_scratch_size(o->depthwise, count);
  struct test_buffer scratch; /* NaN, and in front of a guard page */
  test_buffer_new(&scratch, size / sizeof(float) + 1, TEST_GUARD_AFTER);
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  switch (kind) {
    case BLOCK: status = mbconv_block_run(o->block, 1, o->x, y, scratch.data, size, threads, NULL); break;
    case POINTWISE: status = mbconv_pointwise_run(o->pointwise, pixels, o->x, 0, y, 0, NULL, 0, threads, NULL); break;
    case DEPTHWISE: status = mbconv_depthwise_run(o->depthwise, 1, o->x, y, scratch.data, size, threads, NULL); break;
    case KINDS: break;
  }
  test_buffer_free(&scratch);
  return status;
}

static void compare(struct test *t, const struct operators *o, enum kind kind, const mbconv_threads *threads,
                    const float *expected) {
  struct test_buffer y;
  test_buffer_new(&y, o->y_sizes[kind], TEST_GUARD_AFTER);
  const mbconv_status status = run(o, kind, threads, y.data);
  test_check(t, status == MBCONV_OK, "%s: %s", kind_names[kind], mbconv_status_string(status));
  test_check_equal(t, y.data, expected, y.n, kind_names[kind]);
  test_check(t, test_buffer_intact(&y), "%s wrote outside y", kind_names[kind]);
  test_buffer_free(&y);
}

/* ---- The suite --------------------------------------------------------------------------------------------------- */

/* A large image of few channels, by strips, and with squeeze-excite a small one of many, which threads divide
 * otherwise. */
enum { SHAPES = 2 };

static void operators_new(const struct test *t, struct operators *o, size_t shape, uint64_t *state) {
  const mbconv_block_desc descs[SHAPES] = {{.height = t->small ? 8 : 29,
                                            .width = t->small ? 7 : 26,
                                            .in_channels = 12,
                                            .expanded_channels = 40,
                                            .out_channels = 12,
                                            .kernel = 3,
                                            .stride = 1,
                                            .pad = {1, 1, 1, 1},
                                            .activation = MBCONV_ACTIVATION_RELU6},
                                           {.height = t->small ? 4 : 8,
                                            .width = t->small ? 5 : 8,
                                            .in_channels = 24,
                                            .expanded_channels = t->small ? 50 : 150,
                                            .out_channels = 37,
                                            .kernel = 5,
                                            .stride = 2,
                                            .pad = {2, 2, 2, 2},
                                            .activation = MBCONV_ACTIVATION_SILU,
                                            .layout = MBCONV_NCHW}};
  const struct block_parts parts = {.expand = true,
                                    .bias = true,
                                    .batch_norm = true,
                                    .squeeze_excite = shape == 1 ? 6 : 0,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  const mbconv_block_desc *desc = &descs[shape];
  *o = (struct operators){.block = NULL};
  block_case_new(&o->c, desc, &parts, state);
  o->x = test_new_floats(state, block_case_x_size(desc));
  o->y_sizes[BLOCK] = block_case_y_size(desc);
  o->y_sizes[POINTWISE] = desc->height * desc->width * desc->expanded_channels;
  o->y_sizes[DEPTHWISE] = block_case_out_height(desc) * block_case_out_width(desc) * desc->in_channels;
}

static void operators_free(struct operators *o) {
  mbconv_block_destroy(o->block);
  mbconv_pointwise_destroy(o->pointwise);
  mbconv_depthwise_destroy(o->depthwise);
  block_case_free(&o->c);
  free((void *)o->x);
}

static void same_as_alone(struct test *t, size_t shape) {
  uint64_t state = t->seed;
  struct operators *o = malloc(sizeof *o);
  if (!o) abort();
  operators_new(t, o, shape, &state);
  test_at(t, "shape %zu alone", shape);
  const bool created = test_check(t, create(o, t->isa), "create failed");
  for (enum kind kind = 0; kind < KINDS && created; kind++) {
    float *expected = test_new_floats(&state, o->y_sizes[kind]);
    test_at(t, "shape %zu alone", shape);
    if (test_check(t, run(o, kind, NULL, expected) == MBCONV_OK, "%s fails", kind_names[kind])) {
      for (const struct adapter *const *adapter = adapters; *adapter; adapter++) {
        for (size_t i = 0; i < counts_of(t); i++) {
          const mbconv_threads threads = (*adapter)->open(thread_counts[i]);
          test_at(t, "shape %zu, %zu threads of %s", shape, thread_counts[i], (*adapter)->name);
          compare(t, o, kind, &threads, expected);
          (*adapter)->close(&threads);
        }
      }
    }
    free(expected);
  }
  operators_free(o);
  free(o);
}

void test_adapters(struct test *t) {
  const char *const missing = MBCONV_ADAPTERS_MISSING, *const left_out = MBCONV_ADAPTERS_LEFT_OUT;
  test_check(t, *missing == '\0', "required, but not found when configured: %s", missing);
  if (*left_out) printf("  not in this build: %s\n", left_out);
  for (const struct adapter *const *adapter = adapters; *adapter; adapter++) {
    printf("  tested: %s\n", (*adapter)->name);
    for (size_t i = 0; i < counts_of(t); i++) {
      const mbconv_threads threads = (*adapter)->open(thread_counts[i]);
      test_at(t, "%zu threads of %s", thread_counts[i], (*adapter)->name);
      test_check(t, threads.count == thread_counts[i], "count is %zu", threads.count);
      every_index_once(t, &threads);
      all_at_once(t, &threads);
      (*adapter)->close(&threads);
    }
  }
  for (size_t shape = 0; shape < SHAPES; shape++) same_as_alone(t, shape);
}
