/* SPDX-License-Identifier: MIT
 *
 * The API's promises apart from numbers: every bad argument has its status and a message and touches neither outputs
 * nor memory, an allocation that fails anywhere leaks nothing, the counts and the size of packed weights are right, and
 * the small functions say what the header says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

/* ---- Create ----------------------------------------------------------------------------------------------------- */

static void null_arguments(struct test *t, const struct api_fixture *f) {
  test_at(t, "NULL arguments of create");
  mbconv_error errors[2 * KINDS];
  for (size_t i = 0; i < 2 * KINDS; i++) errors[i] = api_stale_error();
  mbconv_pointwise *pointwise = (void *)errors;
  mbconv_depthwise *depthwise = (void *)errors;
  mbconv_block *block = (void *)errors, *stages = (void *)errors;
  mbconv_activation *activation = (void *)errors;
  mbconv_convolution *convolution = (void *)errors;
  mbconv_global_pool *pool = (void *)errors;
  const mbconv_options *options = &f->options;
  const mbconv_status statuses[] = {
      mbconv_pointwise_create(NULL, options, &pointwise, &errors[0]),
      mbconv_depthwise_create(NULL, options, &depthwise, &errors[1]),
      mbconv_block_create(NULL, options, &block, &errors[2]),
      mbconv_convolution_create(NULL, options, &convolution, &errors[3]),
      mbconv_global_pool_create(NULL, options, &pool, &errors[4]),
      mbconv_activation_create(NULL, options, &activation, &errors[5]),
      mbconv_block_create_stages(NULL, options, &stages, &errors[6]),
      mbconv_pointwise_create(&f->pointwise, options, NULL, &errors[7]),
      mbconv_depthwise_create(&f->depthwise, options, NULL, &errors[8]),
      mbconv_block_create(&f->c.desc, options, NULL, &errors[9]),
      mbconv_activation_create(&f->activation, options, NULL, &errors[10]),
      mbconv_convolution_create(&f->convolution, options, NULL, &errors[11]),
      mbconv_global_pool_create(&f->global_pool, options, NULL, &errors[12]),
      mbconv_block_create_stages(&f->stages, options, NULL, &errors[13]),
  };
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    api_check_error(t, i < KINDS ? "desc NULL" : "out NULL", statuses[i], MBCONV_INVALID_ARGUMENT, &errors[i]);
  test_check(t, !pointwise && !depthwise && !block && !stages && !convolution && !pool && !activation,
             "*out is not NULL without a description");
  test_check(t, f->ledger.live == 0, "memory was left");
  test_check(t, mbconv_block_create(NULL, NULL, NULL, NULL) == MBCONV_INVALID_ARGUMENT, "all NULL");
  for (enum api_kind kind = 0; kind < KINDS; kind++) api_destroy(kind, NULL);
}

static void options(struct test *t, struct api_fixture *f) {
  mbconv_isa usable[MBCONV_ISA_COUNT];
  const size_t count = mbconv_usable_isas(usable, MBCONV_ISA_COUNT);
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    test_at(t, "options of %s", api_kind_names[kind]);
    /* Those with VNNI stand for the plain ones, where the CPU has it: the suite dispatch tries them. */
    for (int isa = MBCONV_ISA_SCALAR; isa <= MBCONV_ISA_NEON; isa++) {
      bool found = false;
      for (size_t i = 0; i < count; i++) found = found || usable[i] == (mbconv_isa)isa;
      const mbconv_options other = {.isa = (mbconv_isa)isa, .allocator = &f->allocator};
      if (!found) api_expect_no_object(t, f, kind, &other, MBCONV_UNSUPPORTED_ISA, mbconv_isa_name((mbconv_isa)isa));
    }
    mbconv_options bad = f->options;
    bad.isa = (mbconv_isa)MBCONV_ISA_COUNT;
    api_expect_no_object(t, f, kind, &bad, MBCONV_INVALID_ARGUMENT, "unknown ISA");
    bad = f->options;
    bad.exp = (mbconv_exp)(MBCONV_EXP_INLINE + 1);
    api_expect_no_object(t, f, kind, &bad, MBCONV_INVALID_ARGUMENT, "unknown variant of the exponential");
    const mbconv_allocator halves[] = {{f->allocator.allocate, NULL, &f->ledger},
                                       {NULL, f->allocator.release, &f->ledger}};
    bad = f->options;
    for (size_t i = 0; i < 2; i++) {
      bad.allocator = &halves[i];
      api_expect_no_object(t, f, kind, &bad, MBCONV_INVALID_ARGUMENT, "half an allocator");
    }
    for (int variant = MBCONV_EXP_AUTO; variant <= MBCONV_EXP_INLINE; variant++) {
      mbconv_options chosen = f->options;
      chosen.exp = (mbconv_exp)variant;
      if (!mbconv_exp_usable(t->isa, chosen.exp)) {
        api_expect_no_object(t, f, kind, &chosen, MBCONV_UNSUPPORTED_ISA,
                             "variant of the exponential that cannot be had");
        continue;
      }
      void *object = NULL;
      mbconv_error error = api_stale_error();
      api_check_error(t, "variant of the exponential", api_create(f, kind, &chosen, &object, &error), MBCONV_OK,
                      &error);
      if (!object) continue;
      const mbconv_info got = api_info(kind, object);
      test_check(t, got.isa == t->isa && got.exp != MBCONV_EXP_AUTO && (variant == 0 || got.exp == chosen.exp),
                 "info says %s, %s", mbconv_isa_name(got.isa), mbconv_exp_name(got.exp));
      test_check(t, (got.weight_bytes == 0) == (kind == ACTIVATION || kind == GLOBAL_POOL), "%zu bytes of weights",
                 got.weight_bytes);
      api_destroy(kind, object);
      test_check(t, f->ledger.live == 0 && !f->ledger.bad_request, "%zu allocations left", f->ledger.live);
    }
  }
}

/* Every allocation of every create fails once; create succeeds when the failing call lies beyond its last. */
static void allocation_failures(struct test *t, struct api_fixture *f) {
  enum { MOST_ALLOCATIONS = 1000 };
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    void *object = NULL;
    size_t failing = 0;
    while (!object && failing < MOST_ALLOCATIONS) {
      failing++;
      test_at(t, "%s, allocation %zu fails", api_kind_names[kind], failing);
      f->ledger.calls = 0;
      f->ledger.fail_at = failing;
      mbconv_error error = api_stale_error();
      const mbconv_status status = api_create(f, kind, &f->options, &object, &error);
      if (object) break;
      api_check_error(t, "create", status, MBCONV_OUT_OF_MEMORY, &error);
      test_check(t, f->ledger.live == 0 && !f->ledger.bad_request, "%zu allocations left", f->ledger.live);
    }
    test_check(t, object && failing > 1 && f->ledger.calls < failing, "%zu allocations failed", failing - 1);
    f->ledger.fail_at = 0;
    const size_t calls = f->ledger.calls;
    api_destroy(kind, object);
    test_check(t, f->ledger.live == 0 && f->ledger.calls == calls, "destroy left memory, or allocated");
  }
}

/* ---- Small functions --------------------------------------------------------------------------------------------- */

static void names(struct test *t) {
  test_at(t, "names");
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", MBCONV_VERSION_MAJOR, MBCONV_VERSION_MINOR, MBCONV_VERSION_PATCH);
  test_check(t, strcmp(version, MBCONV_VERSION_STRING) == 0 && strcmp(mbconv_version(), version) == 0, "version %s",
             mbconv_version());
  static const char *const isas[] = {"auto",      "scalar",      "avx2",         "avx512",    "neon",
                                     "avx2_vnni", "avx512_vnni", "neon_dotprod", "neon_i8mm", "unknown"};
  test_check(t, sizeof isas / sizeof isas[0] == MBCONV_ISA_COUNT + 1, "%d instruction sets", MBCONV_ISA_COUNT);
  for (int i = 0; i <= MBCONV_ISA_COUNT; i++)
    test_check(t, strcmp(mbconv_isa_name((mbconv_isa)i), isas[i]) == 0, "%s", mbconv_isa_name((mbconv_isa)i));
  static const char *const variants[] = {"auto", "sleef", "inline", "unknown"};
  for (int i = 0; i < 4; i++)
    test_check(t, strcmp(mbconv_exp_name((mbconv_exp)i), variants[i]) == 0, "%s", mbconv_exp_name((mbconv_exp)i));
  for (int i = MBCONV_OK; i <= MBCONV_BAD_FILE; i++) {
    const char *name = mbconv_status_string((mbconv_status)i);
    bool ok = name[0] != '\0' && strcmp(name, "unknown status") != 0;
    for (int j = MBCONV_OK; j < i; j++) ok = ok && strcmp(name, mbconv_status_string((mbconv_status)j)) != 0;
    test_check(t, ok, "status %d is \"%s\"", i, name);
  }
  test_check(t, strcmp(mbconv_status_string(MBCONV_INVALID_ARGUMENT), "invalid argument") == 0, "the header's example");
  test_check(t, strcmp(mbconv_status_string((mbconv_status)99), "unknown status") == 0, "status 99");
}

static void usable_isas(struct test *t) {
  test_at(t, "usable ISAs");
  enum { MOST = MBCONV_ISA_COUNT };
  mbconv_isa all[MOST];
  const size_t count = mbconv_usable_isas(all, MOST);
  test_check(t, count >= 1 && count <= MOST && mbconv_usable_isas(NULL, 0) == count, "%zu sets", count);
  test_check(t, all[count - 1] == MBCONV_ISA_SCALAR, "scalar is not the last");
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    found = found || all[i] == t->isa;
    for (size_t j = 0; j < i; j++) test_check(t, all[i] != all[j], "a set is listed twice");
    test_check(t, mbconv_exp_usable(all[i], MBCONV_EXP_INLINE) == 1 && mbconv_exp_usable(all[i], MBCONV_EXP_AUTO) == 1,
               "%s: no SiLU", mbconv_isa_name(all[i]));
  }
  test_check(t, found, "the set under test is not listed");
  for (size_t capacity = 0; capacity <= count; capacity++) {
    mbconv_isa some[MOST];
    memset(some, 0x7f, sizeof some);
    const mbconv_isa canary = some[0];
    bool ok = mbconv_usable_isas(some, capacity) == count;
    for (size_t i = 0; i < MOST; i++) ok = ok && some[i] == (i < capacity ? all[i] : canary);
    test_check(t, ok, "with capacity %zu", capacity);
  }
  test_check(t, mbconv_exp_usable((mbconv_isa)99, MBCONV_EXP_AUTO) == 0, "SiLU on an unknown set");
  test_check(t, mbconv_exp_usable(t->isa, (mbconv_exp)99) == 0, "unknown variant of the exponential");
}

/* Objects made by the default options, and queries of an object. */
static void defaults(struct test *t, const struct api_fixture *f) {
  test_at(t, "default options");
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    void *object = NULL;
    mbconv_error e = api_stale_error();
    api_check_error(t, api_kind_names[kind], api_create(f, kind, NULL, &object, &e), MBCONV_OK, &e);
    if (!object) continue;
    const mbconv_info got = api_info(kind, object);
    test_check(t, got.isa != MBCONV_ISA_AUTO && mbconv_exp_usable(got.isa, got.exp) == 1 && got.exp != MBCONV_EXP_AUTO,
               "%s: %s, %s", api_kind_names[kind], mbconv_isa_name(got.isa), mbconv_exp_name(got.exp));
    api_destroy(kind, object);
  }
  mbconv_depthwise *depthwise = NULL;
  mbconv_depthwise_desc desc = f->depthwise;
  desc.stride = 2;
  desc.pad = (mbconv_pad){0, 1, 2, 2};
  if (!test_check(t, mbconv_depthwise_create(&desc, &f->options, &depthwise, NULL) == MBCONV_OK, "create")) return;
  size_t height = 0, width = 0;
  mbconv_depthwise_output_size(depthwise, &height, &width);
  test_check(t, height == 2 && width == 3, "output size %zu x %zu", height, width);
  mbconv_depthwise_destroy(depthwise);
}

void test_api(struct test *t) {
  struct api_fixture *f = malloc(sizeof *f);
  if (!f) abort();
  api_fixture_new(t, f);
  names(t);
  usable_isas(t);
  defaults(t, f);
  null_arguments(t, f);
  api_bad_descriptions(t, f);
  api_messages(t, f);
  api_dilation(t, f);
  options(t, f);
  allocation_failures(t, f);
  api_bad_runs(t, f);
  api_null(t, f);
  api_overlaps(t, f);
  api_limits(t, f);
  api_counts(t, f);
  api_weight_bytes(t, f);
  api_struct_sizes(t, f);
  api_stages(t, f);
  api_fixture_free(f);
  free(f);
}
