/* SPDX-License-Identifier: MIT
 *
 * SiLU as a pipeline, for the x86 sets. On Zen 4 the chain of one vector takes about 80 cycles, while its instructions
 * take 6.5 for each 8 floats if none waits for another: more vectors would have to be under way than the FPU's
 * schedulers hold. So the chain is cut into three stages. Each works on another vector in the same loop, and none is
 * longer than 35 cycles. The stages pass their results on in a ring on the stack.
 *
 * To be included after vec_<isa>.h.
 */
#ifndef MBCONV_SILU_PIPELINE_H
#define MBCONV_SILU_PIPELINE_H

/* APART floats lie between two stages. The ring holds more than twice as many. */
enum { APART = 96, RING = 256 };

struct silu_stages {
  void (*start)(const float *x, float *s, int *exponent);
  void (*raise)(float *s); /* s becomes e^-s */
  void (*finish)(const float *x, const float *power, const int *exponent, float *y);
};

/* y = SiLU(x); n floats, whole vectors. */
ALWAYS_INLINE void pipeline(const struct silu_stages run, size_t n, const float *x, float *y) {
  float s[RING] __attribute__((aligned(64)));
  int exponent[RING] __attribute__((aligned(64)));
  size_t i;
  for (i = 0; i < n && i < 2 * APART; i += LANES) run.start(x + i, s + i, exponent + i);
  for (i = 0; i < n && i < APART; i += LANES) run.raise(s + i);
  NO_UNROLL
  for (i = 0; i + 2 * APART < n; i += LANES) {
    const size_t third = i % RING, second = (i + APART) % RING, first = (i + 2 * APART) % RING;
    run.finish(x + i, s + third, exponent + third, y + i);
    run.raise(s + second);
    run.start(x + i + 2 * APART, s + first, exponent + first);
  }
  for (size_t rest = i + APART; rest < n; rest += LANES) run.raise(s + rest % RING);
  for (; i < n; i += LANES) run.finish(x + i, s + i % RING, exponent + i % RING, y + i);
}

#endif
