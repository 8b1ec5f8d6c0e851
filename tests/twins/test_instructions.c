/* SPDX-License-Identifier: MIT
 *
 * vnni.h against what the instructions are defined to do, in plain C, and where this CPU has them against themselves:
 * every pair of bytes in every place, sums that wrap, random bytes; every index of random tables.
 */
#include "dispatch.h"
#include "operations.h"
#include "test.h"

/* ---- The definitions --------------------------------------------------------------------------------------------- */

static void define_dots(const uint32_t *sum, const uint8_t *x, const int8_t *w, uint32_t *y) {
  for (size_t i = 0; i < DWORDS; i++) {
    y[i] = sum[i];
    for (size_t j = 4 * i; j < 4 * i + 4; j++) y[i] += (uint32_t)(x[j] * w[j]);
  }
}

static void define_look_up(const uint8_t *otherwise, uint64_t mask, const uint8_t *at, const uint8_t *table,
                           uint8_t *y) {
  for (size_t i = 0; i < BYTES; i++) y[i] = mask >> i & 1 ? table[at[i] % BYTES] : otherwise[i];
}

/* ---- Operands ---------------------------------------------------------------------------------------------------- */

struct operands {
  uint32_t sum[DWORDS];
  uint8_t x[BYTES];
  int8_t w[BYTES];
};

static void random_bytes(uint64_t *state, void *to) {
  for (size_t i = 0; i < BYTES; i += sizeof(uint64_t)) {
    const uint64_t eight = test_random(state);
    memcpy((char *)to + i, &eight, sizeof eight);
  }
}

/* Sums that a saturating instruction would cut off, too. */
static void random_operands(uint64_t *state, struct operands *o) {
  random_bytes(state, o->sum);
  random_bytes(state, o->x);
  random_bytes(state, o->w);
  for (size_t i = 0; i < DWORDS; i += 4) o->sum[i] = i % 8 ? UINT32_C(0x7fffffff) : UINT32_C(0x80000000);
}

/* Pair `pair` of 65536 in byte `place` of each dword, beside ends of the ranges. */
static void operands_of_pair(size_t pair, size_t place, struct operands *o) {
  for (size_t i = 0; i < BYTES; i++) {
    const bool here = i % 4 == place;
    o->x[i] = here ? (uint8_t)(pair >> 8) : 255;
    o->w[i] = here ? (int8_t)(uint8_t)pair : i / 4 % 2 ? 127 : -128;
    o->sum[i / 4] = (uint32_t)i << 24;
  }
}

/* ---- Held against each other ------------------------------------------------------------------------------------- */

static void check_dots(struct test *t, const char *name, dots_fn *dots, size_t bytes) {
  uint64_t state = t->seed;
  struct operands o;
  size_t wrong = 0;
  const size_t pairs = 4 * 65536, each = t->small ? 7 : 1, random = t->small ? 2000 : 100000;
  test_at(t, "%s", name);
  for (size_t i = 0; i < pairs + random; i += i < pairs ? each : 1) {
    uint32_t want[DWORDS], got[DWORDS];
    if (i < pairs)
      operands_of_pair(i / 4, i % 4, &o);
    else
      random_operands(&state, &o);
    define_dots(o.sum, o.x, o.w, want);
    dots(o.sum, o.x, o.w, got);
    wrong += memcmp(got, want, bytes) != 0;
  }
  test_check(t, wrong == 0, "%zu vectors are wrong", wrong);
}

static void check_look_ups(struct test *t, const char *name, look_up_fn *look_up, look_up_all_fn *all) {
  uint64_t state = t->seed;
  size_t wrong = 0;
  test_at(t, "%s", name);
  for (size_t i = 0; i < (t->small ? 1000 : 20000); i++) {
    uint8_t otherwise[BYTES], at[BYTES], table[BYTES], want[BYTES], got[BYTES];
    random_bytes(&state, otherwise);
    random_bytes(&state, table);
    random_bytes(&state, at);
    const uint64_t mask = test_random(&state);
    define_look_up(otherwise, mask, at, table, want);
    look_up(otherwise, mask, at, table, got);
    wrong += memcmp(got, want, sizeof got) != 0;
    define_look_up(otherwise, UINT64_MAX, at, table, want);
    all(at, table, got);
    wrong += memcmp(got, want, sizeof got) != 0;
  }
  test_check(t, wrong == 0, "%zu vectors are wrong", wrong);
}

/* Whether this CPU has a feature; what is held against what is printed. */
static bool here(const struct test *t, const char *name, uint32_t feature) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  const bool has = (cpu.features & feature) == feature;
  test_progress(t, "%s: vnni.h is held against its definition%s", name,
                has ? " and the instruction itself" : " alone: this CPU does not have it");
  return has;
}

/* The definitions themselves, by hand. */
static void check_definitions(struct test *t) {
  struct operands o = {.sum = {5, UINT32_C(0x80000000)}, .x = {255, 1, 0, 2, 255}, .w = {-128, 127, 9, -1, -1}};
  uint8_t at[BYTES] = {63, 64}, table[BYTES] = {7, [63] = 9}, bytes[BYTES];
  uint32_t y[DWORDS];
  test_at(t, "the definitions");
  define_dots(o.sum, o.x, o.w, y);
  test_check(t, y[0] == (uint32_t)(5 - 32640 + 127 - 2) && y[1] == UINT32_C(0x7fffff01), "%#x %#x", y[0], y[1]);
  define_look_up(o.x, 3, at, table, bytes);
  test_check(t, bytes[0] == 9 && bytes[1] == 7 && bytes[4] == 255, "%d %d %d", bytes[0], bytes[1], bytes[4]);
}

void test_instructions(struct test *t) {
  check_definitions(t);
#ifdef MBCONV_I8_AVX2_VNNI /* compilers that know AVX-VNNI */
  if (t->isa == MBCONV_ISA_AVX2) {
    check_dots(t, "vpdpbusd on 256 bits, written out", twin_dots_avx2_256, 32);
    if (here(t, "vpdpbusd of AVX-VNNI", MBCONV_CPU_AVX_VNNI))
      check_dots(t, "vpdpbusd on 256 bits", real_dots_avx2_256, 32);
  }
#endif
  if (t->isa == MBCONV_ISA_AVX512) {
    check_dots(t, "vpdpbusd on 128 bits, written out", twin_dots_avx512_128, 16);
    check_dots(t, "vpdpbusd on 512 bits, written out", twin_dots_avx512_512, 64);
    check_look_ups(t, "vpermb, written out", twin_look_up_avx512, twin_look_up_all_avx512);
    if (here(t, "vpdpbusd of AVX-512", MBCONV_CPU_AVX512_VNNI)) {
      check_dots(t, "vpdpbusd on 128 bits", real_dots_avx512_128, 16);
      check_dots(t, "vpdpbusd on 512 bits", real_dots_avx512_512, 64);
    }
    if (here(t, "vpermb", MBCONV_CPU_AVX512_VBMI))
      check_look_ups(t, "vpermb", real_look_up_avx512, real_look_up_all_avx512);
  }
}
