/* SPDX-License-Identifier: MIT
 *
 * Runs the suites (suites.c, or networks/suites.c) on every instruction set of this machine:
 *   mbconv_tests [--isa NAME]... [--require NAME]... [--budget full|small] [--seed N] [--stop] [--list] [SUITE...]
 */
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"
#include "system.h"
#include "test.h"

enum { MOST_SUITES = 32, ISAS = MBCONV_ISA_COUNT };

static const uint64_t default_seed = 20180113; /* fixed, so that a failure without --seed can be repeated */

struct options {
  bool run_suite[MOST_SUITES], any_suite;
  bool run_isa[ISAS], any_isa;
  bool require[ISAS];
  bool small, stop, list;
  uint64_t seed;
};

static const char usage[] =
    "usage: mbconv_tests [--isa NAME]... [--require NAME]... [--budget full|small] [--seed N] [--stop] [--list]\n"
    "                    [SUITE...]\n"
    "  --isa      run this set only; a set that is not usable here is a failure\n"
    "  --require  run what is usable, and fail if this set is not among it\n"
    "  --budget   small: fewer and smaller cases, for emulators\n"
    "  --seed     of the random shapes and values\n"
    "  --stop     end at the first failure\n"
    "  --list     print the suites and the usable sets\n";

_Noreturn static void stop(const char *problem, const char *word) {
  fprintf(stderr, "%s: %s\n%s  sets:     ", problem, word, usage);
  for (int isa = MBCONV_ISA_SCALAR; isa < ISAS; isa++) fprintf(stderr, " %s", mbconv_isa_name((mbconv_isa)isa));
  fprintf(stderr, "\n");
  exit(EXIT_FAILURE);
}

static mbconv_isa isa_of(const char *name) {
  for (int isa = MBCONV_ISA_SCALAR; isa < ISAS; isa++) {
    if (strcmp(mbconv_isa_name((mbconv_isa)isa), name) == 0) return (mbconv_isa)isa;
  }
  stop("unknown set", name);
}

static size_t suite_of(const char *name) {
  for (size_t i = 0; i < test_suite_count; i++) {
    if (strcmp(test_suites[i].name, name) == 0) return i;
  }
  stop("unknown suite", name);
}

static uint64_t number_of(const char *text) {
  char *end;
  const uint64_t number = strtoull(text, &end, 0);
  if (*text == '\0' || *end != '\0') stop("not a number", text);
  return number;
}

static bool small_of(const char *name) {
  if (strcmp(name, "small") != 0 && strcmp(name, "full") != 0) stop("unknown budget", name);
  return strcmp(name, "small") == 0;
}

static struct options parse(int count, char **words) {
  struct options o = {.seed = default_seed};
  for (int i = 1; i < count; i++) {
    const char *word = words[i];
    if (strcmp(word, "--list") == 0) {
      o.list = true;
    } else if (strcmp(word, "--stop") == 0) {
      o.stop = true;
    } else if (word[0] != '-') {
      o.run_suite[suite_of(word)] = o.any_suite = true;
    } else if (i + 1 == count) {
      stop("unknown option, or its value is missing", word);
    } else if (strcmp(word, "--isa") == 0) {
      o.run_isa[isa_of(words[++i])] = o.any_isa = true;
    } else if (strcmp(word, "--require") == 0) {
      o.require[isa_of(words[++i])] = true;
    } else if (strcmp(word, "--budget") == 0) {
      o.small = small_of(words[++i]);
    } else if (strcmp(word, "--seed") == 0) {
      o.seed = number_of(words[++i]);
    } else {
      stop("unknown option", word);
    }
  }
  return o;
}

static void list(const mbconv_isa *isas, size_t count) {
  printf("suites:");
  for (size_t i = 0; i < test_suite_count; i++) printf(" %s", test_suites[i].name);
  printf("\nsets:");
  for (size_t i = 0; i < count; i++) printf(" %s", mbconv_isa_name(isas[i]));
  printf("\n");
}

/* A set that was asked for but cannot run is a failure, never a skip; so is scalar if it is missing. */
static bool all_there(const struct options *o, const mbconv_isa *isas, size_t count) {
  bool usable[ISAS] = {false}, ok = count > 0 && isas[count - 1] == MBCONV_ISA_SCALAR;
  if (!ok) printf("FAIL the set scalar is not usable\n");
  for (size_t i = 0; i < count; i++) usable[isas[i]] = true;
  for (int isa = MBCONV_ISA_SCALAR; isa < ISAS; isa++) {
    if (usable[isa] || !(o->run_isa[isa] || o->require[isa])) continue;
    printf("FAIL the set %s is required but not usable here\n", mbconv_isa_name((mbconv_isa)isa));
    ok = false;
  }
  return ok;
}

static void run_set(const struct options *o, struct test *t) {
  for (size_t i = 0; i < test_suite_count; i++) {
    if (o->any_suite && !o->run_suite[i]) continue;
    const size_t cases = t->cases, failed = t->failed;
    const double start = test_seconds();
    printf("%s/%s ...\n", test_suites[i].name, mbconv_isa_name(t->isa));
    fflush(stdout);
    test_begin(t, test_suites[i].name);
    test_suites[i].run(t);
    /* A suite that checks nothing must not look like one that passes. */
    if (t->cases == cases) test_check(t, false, "the suite checked nothing");
    printf("%s/%s: %zu cases, %zu failed, %.2f s\n", test_suites[i].name, mbconv_isa_name(t->isa), t->cases - cases,
           t->failed - failed, test_seconds() - start);
    fflush(stdout);
  }
}

int main(int count, char **words) {
  const struct options o = parse(count, words);
  /* What the caller's environment chooses must not change what is tested. */
  system_set_variable("MBCONV_ISA", NULL);
  system_set_variable("MBCONV_EXP", NULL);
  mbconv_isa isas[ISAS];
  const size_t usable = mbconv_usable_isas(isas, ISAS);
  if (o.list) {
    list(isas, usable);
    return EXIT_SUCCESS;
  }
  printf("seed %llu, budget %s\n", (unsigned long long)o.seed, o.small ? "small" : "full");
  bool ok = all_there(&o, isas, usable);
  test_catch_crashes();
  struct test tests[ISAS] = {0};
  for (size_t i = 0; i < usable; i++) {
    if (o.any_isa && !o.run_isa[isas[i]]) continue;
    tests[i] = (struct test){
        .isa = isas[i], .kernels = mbconv_kernels_of(&mbconv_f32_sets, isas[i]), .small = o.small, .stop = o.stop};
    tests[i].seed = o.seed;
    run_set(&o, &tests[i]);
  }
  for (size_t i = 0; i < usable; i++) {
    if (tests[i].kernels == NULL) continue;
    printf("set %s: %zu cases, %zu failed, %zu skipped\n", mbconv_isa_name(isas[i]), tests[i].cases, tests[i].failed,
           tests[i].skipped);
    ok = ok && tests[i].failed == 0;
  }
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
