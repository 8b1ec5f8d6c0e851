/* SPDX-License-Identifier: MIT
 *
 * Pointwise on AVX-512: a tile of 28 pixels x 16 channels.
 *
 * An FMA can broadcast a float from memory itself. A step is one load of weights and 28 FMAs, each with a pixel as its
 * operand. 28 chains are more than the 8 that hide the latency (4 cycles, 1 or 2 a cycle). Masks make partial
 * channels as fast as full ones. For a rest of 8 channels the set has AVX2's 12x8.
 *
 *     vector registers       general registers
 *     sums     28            x          4   (one per group of 7 pixels)
 *     weights   1            distances  3   (1, 3 and 5 pixels; an address scales them by 1, 2 or 4)
 *     clamp     2 (after)    weights, k 2
 *
 * Pixels come in 4 groups of 7, because 7 divides the widths 7, 14, 28, 56 and 112. For a count above 7 that 7 does not
 * divide, the last group moves back over the one before and computes the same floats again. Therefore all of the
 * residual is loaded before anything is stored.
 *
 * Percent of the FMA peak on Zen 4 (gcc 12; 196 pixels, 192 output channels, clamped):
 *     k          16    24    64    96   384
 *     28x16      90    94    98    99   100
 * 14x32 lost: it has 93 against 96 in llvm-mca's model of Skylake, whose two load ports bound both tiles, and it rounds
 * channels up to 32. On Zen 4 it was 3 ahead at k = 16 until sums were finished one by one.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "set_avx512.h"
#include "vec_avx512.h"

enum { GROUP = 7 };

/* The first and the last tile of a call prefetch the weights of this many steps of k ahead, and so go on into the next
 * panel. In a network weights come from L3 or from memory, and the CPU's own prefetchers start again with each panel
 * and each page. Without this, MobileNetV2 takes 4% longer on Zen 4. AVX2 prefetches a share of the next panel in each
 * tile: here that is not faster, and it costs Skylake's load ports 3% in every tile. */
enum { PREFETCHED_STEPS = 64 };

/* The sums of a group. They are named: gcc 12 keeps an array of them in memory. `rows`, the number of pixels in use, is
 * a constant at every call, so that the comparisons with it vanish. */
struct sums {
  __m512 p0, p1, p2, p3, p4, p5, p6;
};

/* 1, 3 and 5 times the distance between pixels, in bytes. */
struct distances {
  size_t one, three, five;
};

ALWAYS_INLINE void add_residual(const size_t rows, const float *residual, size_t stride, __mmask16 lanes,
                                struct sums *sum) {
  if (rows > 0) sum->p0 = _mm512_add_ps(sum->p0, _mm512_maskz_loadu_ps(lanes, residual));
  if (rows > 1) sum->p1 = _mm512_add_ps(sum->p1, _mm512_maskz_loadu_ps(lanes, residual + stride));
  if (rows > 2) sum->p2 = _mm512_add_ps(sum->p2, _mm512_maskz_loadu_ps(lanes, residual + 2 * stride));
  if (rows > 3) sum->p3 = _mm512_add_ps(sum->p3, _mm512_maskz_loadu_ps(lanes, residual + 3 * stride));
  if (rows > 4) sum->p4 = _mm512_add_ps(sum->p4, _mm512_maskz_loadu_ps(lanes, residual + 4 * stride));
  if (rows > 5) sum->p5 = _mm512_add_ps(sum->p5, _mm512_maskz_loadu_ps(lanes, residual + 5 * stride));
  if (rows > 6) sum->p6 = _mm512_add_ps(sum->p6, _mm512_maskz_loadu_ps(lanes, residual + 6 * stride));
}

/* Where channel `offset` of output pixel p is stored. */
ALWAYS_INLINE float *output(void *const *y, size_t p, size_t offset) { return (float *)y[p] + offset; }

/* Finishes one sum after the other: gcc 12 would clamp all of them before it stores one, and Zen 4 would take 15 cycles
 * more for a tile. Where a panel is whole there is no mask: with it Zen 4 takes 30 cycles more in clang's code. The
 * FMAs of a tile take 28 k cycles. */
ALWAYS_INLINE void finish1(const bool whole, __mmask16 lanes, __m512 lo, __m512 hi, float *y, __m512 sum) {
  in_order(&sum);
  if (whole)
    _mm512_storeu_ps(y, clamp(sum, lo, hi));
  else
    _mm512_mask_storeu_ps(y, lanes, clamp(sum, lo, hi));
}

ALWAYS_INLINE void finish(const size_t rows, const bool whole, __mmask16 lanes,
                          const struct mbconv_pointwise_panel *panel, void *const *y, size_t offset, struct sums sum) {
  const __m512 lo = _mm512_set1_ps(panel->ending.lo), hi = _mm512_set1_ps(panel->ending.hi);
  if (rows > 0) finish1(whole, lanes, lo, hi, output(y, 0, offset), sum.p0);
  if (rows > 1) finish1(whole, lanes, lo, hi, output(y, 1, offset), sum.p1);
  if (rows > 2) finish1(whole, lanes, lo, hi, output(y, 2, offset), sum.p2);
  if (rows > 3) finish1(whole, lanes, lo, hi, output(y, 3, offset), sum.p3);
  if (rows > 4) finish1(whole, lanes, lo, hi, output(y, 4, offset), sum.p4);
  if (rows > 5) finish1(whole, lanes, lo, hi, output(y, 5, offset), sum.p5);
  if (rows > 6) finish1(whole, lanes, lo, hi, output(y, 6, offset), sum.p6);
}

/* Both compilers make the broadcast an operand of the FMA. */
ALWAYS_INLINE __m512 step1(const char *x, __m512 w, __m512 sum) {
  return _mm512_fmadd_ps(_mm512_set1_ps(*(const float *)(const void *)x), w, sum);
}

ALWAYS_INLINE void step(const size_t rows, const char *x, struct distances d, __m512 w, struct sums *sum) {
  if (rows > 0) sum->p0 = step1(x, w, sum->p0);
  if (rows > 1) sum->p1 = step1(x + d.one, w, sum->p1);
  if (rows > 2) sum->p2 = step1(x + 2 * d.one, w, sum->p2);
  if (rows > 3) sum->p3 = step1(x + d.three, w, sum->p3);
  if (rows > 4) sum->p4 = step1(x + 4 * d.one, w, sum->p4);
  if (rows > 5) sum->p5 = step1(x + d.five, w, sum->p5);
  if (rows > 6) sum->p6 = step1(x + 2 * d.three, w, sum->p6);
}

/* `groups` of `rows` pixels each: 1 of 1 to 7, or 2 to 4 of 7, of which the last may overlap the one before. `ahead`:
 * prefetches weights. */
ALWAYS_INLINE void tile(const size_t groups, const size_t rows, const bool ahead,
                        const struct mbconv_pointwise_panel *panel, size_t pixels, const float *x, void *const *y,
                        size_t offset, const float *residual) {
  const size_t last = pixels - rows;
  const size_t row1 = groups > 2 ? GROUP : last, row2 = groups > 3 ? 2 * GROUP : last, row3 = last;
  const __mmask16 lanes = first_lanes(panel->channels);
  const __m512 bias = _mm512_load_ps(panel->bias);
  struct sums a = {bias, bias, bias, bias, bias, bias, bias}, b = a, c = a, d = a;

  const size_t bytes = panel->x_stride * sizeof(float);
  struct distances distances = {bytes, 3 * bytes, 5 * bytes};
  const char *xa = (const char *)x, *xb = xa + row1 * bytes, *xc = xa + row2 * bytes, *xd = xa + row3 * bytes;
  /* Both asm statements hide how addresses are related. gcc 12 would compute some of them again at each step, clang 14
   * each from the one before. */
  __asm__("" : "+r"(distances.one), "+r"(distances.three), "+r"(distances.five));
  const float *weights = panel->weights;
  const size_t jump = panel->jump * sizeof(float);
  size_t left = panel->k;
  do {
    size_t i = panel->segment;
    do {
      __asm__("" : "+r"(xa), "+r"(xb), "+r"(xc), "+r"(xd));
      const __m512 w = _mm512_load_ps(weights);
      if (ahead) _mm_prefetch((const char *)(weights + PREFETCHED_STEPS * LANES), _MM_HINT_T0);
      step(rows, xa, distances, w, &a), xa += sizeof(float);
      if (groups > 1) step(rows, xb, distances, w, &b), xb += sizeof(float);
      if (groups > 2) step(rows, xc, distances, w, &c), xc += sizeof(float);
      if (groups > 3) step(rows, xd, distances, w, &d), xd += sizeof(float);
      weights += LANES;
    } while (--i > 0);
    xa += jump, xb += jump, xc += jump, xd += jump;
  } while ((left -= panel->segment) > 0);
  if (residual) {
    const size_t stride = panel->r_stride;
    add_residual(rows, residual, stride, lanes, &a);
    if (groups > 1) add_residual(rows, residual + row1 * stride, stride, lanes, &b);
    if (groups > 2) add_residual(rows, residual + row2 * stride, stride, lanes, &c);
    if (groups > 3) add_residual(rows, residual + row3 * stride, stride, lanes, &d);
  }
  if (groups == 4 && panel->channels == LANES) {
    finish(rows, true, lanes, panel, y, offset, a);
    finish(rows, true, lanes, panel, y + row1, offset, b);
    finish(rows, true, lanes, panel, y + row2, offset, c);
    finish(rows, true, lanes, panel, y + row3, offset, d);
  } else {
    finish(rows, false, lanes, panel, y, offset, a);
    if (groups > 1) finish(rows, false, lanes, panel, y + row1, offset, b);
    if (groups > 2) finish(rows, false, lanes, panel, y + row2, offset, c);
    if (groups > 3) finish(rows, false, lanes, panel, y + row3, offset, d);
  }
}

ALWAYS_INLINE void any_tile(const struct mbconv_pointwise_panel *panel, size_t pixels, const float *x, void *const *y,
                            size_t y_offset, const float *residual) {
  assert(pixels >= 1 && pixels <= 4 * GROUP && panel->channels >= 1 && panel->channels <= LANES);
  switch (pixels > GROUP ? GROUP + (pixels - 1) / GROUP : pixels) {
    case 1: tile(1, 1, false, panel, pixels, x, y, y_offset, residual); break;
    case 2: tile(1, 2, false, panel, pixels, x, y, y_offset, residual); break;
    case 3: tile(1, 3, false, panel, pixels, x, y, y_offset, residual); break;
    case 4: tile(1, 4, false, panel, pixels, x, y, y_offset, residual); break;
    case 5: tile(1, 5, false, panel, pixels, x, y, y_offset, residual); break;
    case 6: tile(1, 6, false, panel, pixels, x, y, y_offset, residual); break;
    case 7: tile(1, 7, false, panel, pixels, x, y, y_offset, residual); break;
    case 8: tile(2, 7, false, panel, pixels, x, y, y_offset, residual); break;
    case 9: tile(3, 7, true, panel, pixels, x, y, y_offset, residual); break;
    default: tile(4, 7, true, panel, pixels, x, y, y_offset, residual); break;
  }
}

void mbconv_pointwise_avx512_28x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x_, void *const *y, size_t y_offset, const void *residual_) {
  const float *x = x_, *residual = residual_;
  for (bool first = true; tiles > 0; tiles--, first = false) {
    if (pixels > 3 * GROUP && !first && tiles > 1)
      tile(4, GROUP, false, panel, pixels, x, y, y_offset, residual);
    else
      any_tile(panel, pixels, x, y, y_offset, residual);
    x += pixels * panel->x_stride;
    y += pixels;
    if (residual) residual += pixels * panel->r_stride;
  }
}
