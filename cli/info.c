/* SPDX-License-Identifier: MIT
 *
 * mbconv info: what the library finds and chooses here.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "mbconv_i8.h"
#include "measure.h"

/* The value of a line such as "model name : AMD EPYC" in Linux' list, or NULL. */
static char *cpu_line(const char *key, char *line, size_t size) {
  FILE *file = fopen("/proc/cpuinfo", "r");
  char *value = NULL;
  while (file && !value && fgets(line, (int)size, file))
    if (strncmp(line, key, strlen(key)) == 0) value = strchr(line, ':');
  if (file) fclose(file);
  if (!value) return NULL;
  value[strcspn(value, "\n")] = '\0';
  return value + 1 + strspn(value + 1, " ");
}

static void print_cache(const char *name, int key) {
  const long bytes = sysconf(key);
  if (bytes > 0)
    printf("%s %ld KB\n", name, bytes / 1024);
  else
    printf("%s unknown\n", name);
}

static void print_isa(mbconv_isa isa, mbconv_isa chosen) {
  printf("  %-7s exp:", mbconv_isa_name(isa));
  for (mbconv_exp variant = MBCONV_EXP_SLEEF; variant <= MBCONV_EXP_INLINE; variant++)
    if (mbconv_exp_usable(isa, variant)) printf(" %s", mbconv_exp_name(variant));
  double peak = 0;
  for (int i = 0; i < 20; i++) {
    const double one = cli_peak(isa);
    if (one > peak) peak = one;
  }
  if (peak > 0) printf("; FMA peak %.1f GFLOP/s", peak * 1e-9);
  printf("%s\n", isa == chosen ? "; chosen" : "");
}

#ifdef MBCONV_CLI_I8
/* The rows of int8, and the one that is chosen: asked of a block. */
static void print_i8(void) {
  static const int8_t weight = 1;
  static const float scale = 1.0f;
  const mbconv_i8_stage_desc stage = {.struct_size = sizeof stage,
                                      .kind = MBCONV_STAGE_POINTWISE,
                                      .out_channels = 1,
                                      .weight = &weight,
                                      .weight_scale = &scale,
                                      .weight_scales = 1,
                                      .output = {1.0f, 0}};
  const mbconv_i8_desc desc = {.struct_size = sizeof desc,
                               .type = MBCONV_S8,
                               .in_channels = 1,
                               .input = {1.0f, 0},
                               .count = 1,
                               .stages = &stage};
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t usable = mbconv_usable_isas_i8(isas, MBCONV_ISA_COUNT);
  mbconv_block *probe;
  mbconv_error error;
  mbconv_info chosen = {.struct_size = sizeof chosen};
  printf("int8:");
  for (size_t i = 0; i < usable; i++) printf(" %s", mbconv_isa_name(isas[i]));
  if (mbconv_block_create_i8(&desc, NULL, &probe, &error) == MBCONV_OK) {
    if (mbconv_block_info(probe, &chosen, &error) == MBCONV_OK) printf("; chosen: %s", mbconv_isa_name(chosen.isa));
    mbconv_block_destroy(probe);
  } else {
    printf("; %s", error.message);
  }
  printf("\n");
}
#else
static void print_i8(void) { printf("int8: not in this build\n"); }
#endif

int cli_info(int count, char **words) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  const int option = getopt_long(count, words, "", options, NULL);
  if (option != -1 || optind != count) {
    fputs("usage: mbconv info\n", option == 'h' ? stdout : stderr);
    return option == 'h' ? CLI_OK : CLI_USAGE;
  }
  char line[256];
  const char *cpu = cpu_line("model name", line, sizeof line);
  printf("mbconv %s\nCPU: %s, %ld online\n", mbconv_version(), cpu ? cpu : "without a name",
         sysconf(_SC_NPROCESSORS_ONLN));
  print_cache("L1d", _SC_LEVEL1_DCACHE_SIZE);
  print_cache("L2", _SC_LEVEL2_CACHE_SIZE);
  print_cache("L3", _SC_LEVEL3_CACHE_SIZE);
  mbconv_activation *probe;
  mbconv_error error;
  mbconv_info chosen = {.struct_size = sizeof chosen};
  const mbconv_activation_desc silu = {.struct_size = sizeof silu, .kind = MBCONV_ACTIVATION_SILU};
  if (mbconv_activation_create(&silu, NULL, &probe, &error) != MBCONV_OK ||
      mbconv_activation_info(probe, &chosen, &error) != MBCONV_OK)
    cli_fail("%s", error.message);
  mbconv_activation_destroy(probe);
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t usable = mbconv_usable_isas(isas, MBCONV_ISA_COUNT);
  printf("usable sets, best first:\n");
  for (size_t i = 0; i < usable; i++) print_isa(isas[i], chosen.isa);
  printf("chosen: %s, exp %s\n", mbconv_isa_name(chosen.isa), mbconv_exp_name(chosen.exp));
  print_i8();
  return CLI_OK;
}
