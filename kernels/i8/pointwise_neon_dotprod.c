/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON with SDOT: pointwise_neon.h says what the tiles are.
 *
 * SDOT adds the products of 4 signed bytes to each of 4 sums: 4 k of 4 channels times the same 4 k of a pixel. Pixels
 * are turned: what is read is signed.
 *
 * In 6 x 16 the pixels stay in registers while the weights pass, in 8 x 8 the weights of a chunk, 8 vectors, while the
 * pixels pass.
 *
 *     operations of 16 k    6 x 16    5 x 16     8 x 8
 *     SDOT                      96        80        64
 *     loads                     22        21        16
 *     the loop                   2         2         3
 *     vectors in registers      32        27        25
 */
#include <stdint.h>

enum { CHUNK = 16, K_STEP = 4, MOST16 = 6, MOST8 = 8, PIXEL_STEP = 1 };
typedef int8_t weight;

#include "pointwise_neon.h"
#include "set_neon_dotprod.h"

void mbconv_i8_pack_panel_neon_dotprod(void *data, size_t width, size_t lane, size_t k,
                                       const struct mbconv_i8_channel *channel) {
  pack_panel(data, width, lane, k, channel);
}

ALWAYS_INLINE struct tile start_tile(const size_t vectors, const size_t rows, const int32_t *bias) {
  (void)rows;
  return tile_of_biases(vectors, bias);
}

ALWAYS_INLINE struct tile in_order(const size_t vectors, const size_t rows, const struct tile *t) {
  (void)vectors;
  (void)rows;
  return *t;
}

/* Adds the `lane`-th 4 k of a pixel. */
ALWAYS_INLINE void dot(const size_t lane, int32x4_t *sum, int8x16_t w, int8x16_t x) {
  if (lane == 0) *sum = vdotq_laneq_s32(*sum, w, x, 0);
  if (lane == 1) *sum = vdotq_laneq_s32(*sum, w, x, 1);
  if (lane == 2) *sum = vdotq_laneq_s32(*sum, w, x, 2);
  if (lane == 3) *sum = vdotq_laneq_s32(*sum, w, x, 3);
  hold(sum);
}

ALWAYS_INLINE int8x16_t load_weights(const char *weights) { return vld1q_s8((const int8_t *)weights); }

/* ---- 6 x 16 ------------------------------------------------------------------------------------------------------ */

/* Sums a, b, c and d of pixel x, and 4 k: the `lane`-th ones of what was loaded. */
#define DOT(sum, x, w, lane) LINE("sdot v" #sum ".4s, v" #w ".16b, v" #x ".4b[" #lane "]")
#define DOT_A(a, b, c, d, x, at, w, lane) DOT(a, x, w, lane)
#define DOT_B(a, b, c, d, x, at, w, lane) DOT(b, x, w, lane)
#define DOT_C(a, b, c, d, x, at, w, lane) DOT(c, x, w, lane)
#define DOT_D(a, b, c, d, x, at, w, lane) DOT(d, x, w, lane)
#define DOTS_AB(pixels, lane) pixels(DOT_A, 30, lane) pixels(DOT_B, 31, lane)
#define DOTS_CD(pixels, lane) pixels(DOT_C, 30, lane) pixels(DOT_D, 31, lane)

/* The last k % 8: 4 at a time; of the last ones those that are there are moved down to where the weights are not 0. */
#define MOVE_DOWN(a, b, c, d, x, ...) LINE("ushl v" #x ".4s, v" #x ".4s, v31.4s")
#define LAST_WEIGHTS LINE("ldr q30, [%[w]], #16")
/* A line of assembly each. */
/* clang-format off */
#define LAST_STEPS(pixels, load)                                                                                   \
  LINE("ands %[n], %[k], #7")                                                                                      \
  LINE("b.eq 5f")                                                                                                  \
  LINE("4:")                                                                                                       \
  LINE("subs %[n], %[n], #4")                                                                                      \
  LINE("csel %[t], %[n], xzr, lt")                                                                                 \
  LINE("add %[x], %[x], %[t]")                                                                                     \
  LINE("lsl %[t], %[t], #3")                                                                                       \
  LINE("dup v31.4s, %w[t]")                                                                                        \
  load(s, 4) pixels(MOVE_DOWN, 0) LAST_WEIGHTS pixels(DOT_A, 30, 0) LAST_WEIGHTS pixels(DOT_B, 30, 0) LAST_WEIGHTS \
  pixels(DOT_C, 30, 0) LAST_WEIGHTS                                                                                \
  pixels(DOT_D, 30, 0) LINE("cmp %[n], #0") LINE("b.gt 4b") LINE("5:")

#define COPY_BIASES(a, b, c, d, ...) \
  LINE("mov v" #a ".16b, v0.16b")    \
  LINE("mov v" #b ".16b, v1.16b")    \
  LINE("mov v" #c ".16b, v2.16b")    \
  LINE("mov v" #d ".16b, v3.16b")
#define STORE_PIXEL(a, b, c, d, x, list, ...) STORE(a, list)
#define SCALE_PIXEL(a, b, c, d, ...) SCALE_BY(24, 25, 26, 27, a, b, c, d)

/* A tile: biases; 16 k at a time; 8 if there are; 4 and fewer; the end. */
#define TILE(pixels, others, load)                                                                                     \
  LINE("ldp q0, q1, [%[bias]]")                                                                                        \
  LINE("ldp q2, q3, [%[bias], #32]")                                                                                   \
  others(COPY_BIASES, 0) LINE("cbz %[n], 2f") LINE("1:") FIRST_WEIGHTS(256) load(q, 16) DOTS_AB(pixels, 0)             \
      WEIGHTS(-224) DOTS_CD(pixels, 0) WEIGHTS(-192) DOTS_AB(pixels, 1) WEIGHTS(-160) DOTS_CD(pixels, 1) WEIGHTS(-128) \
          DOTS_AB(pixels, 2) WEIGHTS(-96) DOTS_CD(pixels, 2) WEIGHTS(-64) DOTS_AB(pixels, 3) WEIGHTS(-32)              \
              DOTS_CD(pixels, 3) LINE("subs %[n], %[n], #1") LINE("b.ne 1b") LINE("2: tbz %[k], #3, 3f")               \
                  FIRST_WEIGHTS(128) load(d, 8) DOTS_AB(pixels, 0) WEIGHTS(-96) DOTS_CD(pixels, 0) WEIGHTS(-64)        \
                      DOTS_AB(pixels, 1) WEIGHTS(-32) DOTS_CD(pixels, 1) LINE("3:") LAST_STEPS(pixels, load)           \
                          LINE("cbnz %[sums], 6f") LINE("ldp q24, q25, [%[bias], #64]")                                \
                              LINE("ldp q26, q27, [%[bias], #96]") pixels(CONVERT, 0) pixels(SCALE_PIXEL, 0)           \
                                  NARROW(pixels) pixels(STORE_PIXEL, 0) LINE("b 7f") LINE("6:") pixels(STORE_SUMS, 0)  \
                                      LINE("7:")
/* clang-format on */

/* All pixels but the first. */
#define OTHERS4(f, ...) \
  f(4, 5, 6, 7, 25, 8, __VA_ARGS__) f(8, 9, 10, 11, 26, 16, __VA_ARGS__) f(12, 13, 14, 15, 27, 24, __VA_ARGS__)
#define OTHERS5(f, ...) OTHERS4(f, __VA_ARGS__) f(16, 17, 18, 19, 28, 32, __VA_ARGS__)
#define OTHERS6(f, ...) OTHERS5(f, __VA_ARGS__) f(20, 21, 22, 23, 29, 40, __VA_ARGS__)

#define TILE4 TILE(PIXELS4, OTHERS4, LOAD4)
#define TILE5 TILE(PIXELS5, OTHERS5, LOAD5)
#define TILE6 TILE(PIXELS6, OTHERS6, LOAD6)

/* Tiles store sums as they should be. */
static void put_in_order(int32_t *sums) { (void)sums; }

#include "pointwise_neon_assembly.h"

/* ---- 8 x 8 ------------------------------------------------------------------------------------------------------- */

struct weights8 {
  int8x16_t w0, w1, w2, w3, w4, w5, w6, w7;
};

/* Adds 16 k of a pixel. */
ALWAYS_INLINE void pixel8(const struct weights8 *w, int8x16_t x, int32x4_t *sum0, int32x4_t *sum1) {
  dot(0, sum0, w->w0, x);
  dot(0, sum1, w->w1, x);
  dot(1, sum0, w->w2, x);
  dot(1, sum1, w->w3, x);
  dot(2, sum0, w->w4, x);
  dot(2, sum1, w->w5, x);
  dot(3, sum0, w->w6, x);
  dot(3, sum1, w->w7, x);
}

/* Adds 4. */
ALWAYS_INLINE void four8(int8x16_t w0, int8x16_t w1, int8x16_t x, int32x4_t *sum0, int32x4_t *sum1) {
  dot(0, sum0, w0, x);
  dot(0, sum1, w1, x);
}

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

ALWAYS_INLINE int8x16_t pixel_at(const uint8_t *x) { return vreinterpretq_s8_u8(vld1q_u8(x)); }

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
#define PIXEL(i) pixel_at(x + apart[(i) < rows ? (i) : 0])
  const struct weights8 held = {load_weights(w),      load_weights(w + 16), load_weights(w + 32),
                                load_weights(w + 48), load_weights(w + 64), load_weights(w + 80),
                                load_weights(w + 96), load_weights(w + 112)};
  pixel8(&held, PIXEL(0), &t->s0, &t->s1);
  pixel8(&held, PIXEL(1), &t->s2, &t->s3);
  pixel8(&held, PIXEL(2), &t->s4, &t->s5);
  pixel8(&held, PIXEL(3), &t->s6, &t->s7);
  if (rows > 4) pixel8(&held, PIXEL(4), &t->s8, &t->s9);
  if (rows > 5) pixel8(&held, PIXEL(5), &t->s10, &t->s11);
  if (rows > 6) pixel8(&held, PIXEL(6), &t->s12, &t->s13);
  if (rows > 7) pixel8(&held, PIXEL(7), &t->s14, &t->s15);
#undef PIXEL
  in->x = x + CHUNK;
  in->weights = w + CHUNK * vectors * LANES;
}

/* 4 bytes of a pixel, moved down by `down` bits: those that come in have weights of 0. */
ALWAYS_INLINE int8x16_t four_at(const uint8_t *x, size_t at, const bool moved, int32x4_t down) {
  uint32x4_t v;
  __asm__("ldr %s0, [%1, %2]" : "=w"(v) : "r"(x), "r"(at), "m"(*(const uint8_t(*)[4])(x + at)));
  return vreinterpretq_s8_u32(moved ? vshlq_u32(v, down) : v);
}

ALWAYS_INLINE void add_four(const size_t rows, const size_t *apart, const uint8_t *x, const char *w, const bool moved,
                            int32x4_t down, struct tile *t) {
#define FOUR(i) four_at(x, apart[(i) < rows ? (i) : 0], moved, down)
  const int8x16_t w0 = load_weights(w), w1 = load_weights(w + 16);
  four8(w0, w1, FOUR(0), &t->s0, &t->s1);
  four8(w0, w1, FOUR(1), &t->s2, &t->s3);
  four8(w0, w1, FOUR(2), &t->s4, &t->s5);
  four8(w0, w1, FOUR(3), &t->s6, &t->s7);
  if (rows > 4) four8(w0, w1, FOUR(4), &t->s8, &t->s9);
  if (rows > 5) four8(w0, w1, FOUR(5), &t->s10, &t->s11);
  if (rows > 6) four8(w0, w1, FOUR(6), &t->s12, &t->s13);
  if (rows > 7) four8(w0, w1, FOUR(7), &t->s14, &t->s15);
#undef FOUR
}

/* 4 k at a time; of the last ones those that are there are the upper bytes of the 4 that end with them. */
ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
  const int32x4_t none = vdupq_n_s32(0);
  NO_UNROLL
  for (; k >= 4; k -= 4, x += 4, w += 4 * vectors * LANES) add_four(rows, apart, x, w, false, none, t);
  if (k > 0) add_four(rows, apart, x + k - 4, w, true, vdupq_n_s32(8 * (int32_t)k - 32), t);
}

void mbconv_i8_pointwise_neon_dotprod_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(16, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_dotprod_8x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                          const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(8, panel, pixels, tiles, x, y, offset);
}
