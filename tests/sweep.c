/* SPDX-License-Identifier: MIT
 *
 * Functions of one float, compared on all floats: see sweep.h.
 */
#include "sweep.h"

#include <math.h>

#include "oracle.h"
#include "system.h"

enum { CHUNKS = 256, BLOCK = 2048, WORKERS = 2 };

/* Written by the workers, in shared memory. */
struct chunk {
  bool done;
  uint64_t compared, different;
  uint32_t first; /* bits of the first input that differs */
  float got, want;
};

static void compare_block(const struct sweep *s, const uint32_t *bits, size_t n, struct chunk *chunk) {
  float x[BLOCK], got[BLOCK], want[BLOCK];
  memcpy(x, bits, n * sizeof *x);
  s->got(n, x, got);
  s->want(n, x, want);
  chunk->compared += n;
  size_t where = 0;
  if (test_equal(got, want, n, &where)) return;
  if (chunk->different++ > 0) return;
  chunk->first = bits[where];
  chunk->got = got[where];
  chunk->want = want[where];
}

static void compare_chunk(const struct sweep *s, uint64_t index, struct chunk *chunk) {
  const uint64_t begin = index << 24, end = (index + 1) << 24;
  uint32_t bits[BLOCK];
  size_t n = 0;
  for (uint64_t i = (begin + s->step - 1) / s->step * s->step; i < end; i += s->step) {
    bits[n++] = (uint32_t)i;
    if (n == BLOCK) compare_block(s, bits, n, chunk);
    if (n == BLOCK) n = 0;
  }
  compare_block(s, bits, n, chunk);
  chunk->done = true;
}

/* What the workers are given. */
struct job {
  const struct sweep *sweep;
  struct chunk *chunks;
};

/* Every WORKERS-th chunk; the first worker reports each tenth of the way. */
static void work(const void *argument, size_t worker, size_t workers) {
  const struct job *job = argument;
  const struct sweep *s = job->sweep;
  size_t reported = 0;
  for (size_t i = worker; i < CHUNKS; i += workers) {
    compare_chunk(s, i, &job->chunks[i]);
    const size_t tenths = (i + workers) * 10 / CHUNKS;
    if (worker == 0 && tenths > reported && s->step == 1) {
      test_progress(s->test, "%s %zu%%", s->name, tenths * 10);
      reported = tenths;
    }
  }
}

/* One process per worker: a crash or a wrong result in any of them leaves chunks that are not done, or different. */
void sweep_all(const struct sweep *s) {
  const struct job job = {s, system_shared(CHUNKS * sizeof *job.chunks)};
  test_at(s->test, "%s, every %llu", s->name, (unsigned long long)s->step);
  if (!test_check(s->test, job.chunks != NULL, "no memory")) return;
  test_check(s->test, system_processes(s->test->small ? 1 : WORKERS, work, &job), "a worker failed");
  for (size_t i = 0; i < CHUNKS; i++) {
    const struct chunk *c = &job.chunks[i];
    test_check(s->test, c->done && c->compared > 0 && c->different == 0,
               "chunk %02zx: %llu compared, blocks that differ: %llu, first at %08x: %.9g, not %.9g", i,
               (unsigned long long)c->compared, (unsigned long long)c->different, c->first, (double)c->got,
               (double)c->want);
  }
  system_shared_release(job.chunks, CHUNKS * sizeof *job.chunks);
}

void sweep_edges(const struct sweep *s, const float *edges, size_t count) {
  struct chunk chunk = {0};
  uint32_t bits[BLOCK];
  for (size_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < BLOCK; j++) bits[j] = test_bits(edges[i]) - BLOCK / 2 + j;
    compare_block(s, bits, BLOCK, &chunk);
  }
  test_at(s->test, "%s, edges", s->name);
  test_check(s->test, chunk.different == 0, "first at %08x: %.9g, not %.9g", chunk.first, (double)chunk.got,
             (double)chunk.want);
}

double sweep_worst_ulp(mbconv_activation_kind kind, mbconv_activation_fn *run, float least, float most, uint32_t step,
                       float *worst_x) {
  double worst = 0;
  for (uint32_t sign = 0; sign < 2; sign++) {
    for (uint32_t bits = test_bits(least); bits < test_bits(most); bits += step) {
      const float x = test_float(bits | sign << 31);
      float y;
      run(1, &x, &y);
      const double error = oracle_ulp(y, oracle_activation(kind, x));
      if (error <= worst) continue;
      /* Not `error > worst`: a NaN is the worst of all. */
      *worst_x = x;
      if (isnan(error)) return INFINITY;
      worst = error;
    }
  }
  return worst;
}
