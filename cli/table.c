/* SPDX-License-Identifier: MIT
 *
 * mbconv table: the notebook's comparison of blocks, with time, and the counts of the networks.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"

static const double default_seconds = 0.5;

static const char usage[] =
    "usage: mbconv table [OPTION...]\n"
    "  --isa NAME, --exp NAME, --threads N, --seed N\n"
    "  --seconds S   how long to measure each block (%g)\n"
    "  --csv         instead of a table\n";

struct arguments {
  struct cli_model model;
  double seconds;
  bool csv;
};

/* The notebook gives MBConv SiLU and the others ReLU, which takes less time. Each is shown with both. */
static const struct block {
  const char *name, *activation;
} blocks[] = {{"mbconv", "silu"},      {"plain_silu", "silu"}, {"bottleneck_silu", "silu"},
              {"mbconv_relu", "relu"}, {"plain", "relu"},      {"bottleneck", "relu"}};

static struct arguments parse(int count, char **words) {
  static const struct option options[] = {CLI_KERNEL_OPTIONS,
                                          {"seconds", required_argument, NULL, 'n'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
  struct arguments a = {.seconds = default_seconds};
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (cli_model_option(&a.model, option, optarg)) continue;
    if (option == 'n') a.seconds = cli_decimal(optarg, "--seconds", 86400);
    if (option == 'c') a.csv = true;
    if (option == 'h' || option == '?') {
      fprintf(option == 'h' ? stdout : stderr, usage, default_seconds);
      exit(option == 'h' ? CLI_OK : CLI_USAGE);
    }
  }
  if (optind != count) {
    fprintf(stderr, usage, default_seconds);
    exit(CLI_USAGE);
  }
  return a;
}

static double time_of(const mbconv_network *network, double seconds) {
  const mbconv_threads threads = cli_threads_new(mbconv_network_info_of(network)->threads);
  struct bench_result *result = cli_allocate(1, sizeof *result);
  bench_measure(network, &threads, seconds, result);
  const double least = result->seconds;
  free(result);
  cli_threads_free(&threads);
  return least;
}

/* A block, which is timed, or a network, which is only counted and has no activation of its own. */
static void print_row(const struct arguments *a, const char *name, const char *activation) {
  struct cli_model model = a->model;
  model.name = name;
  cli_progress("%s ...", name);
  mbconv_network *network = cli_network(&model);
  const mbconv_network_info *info = mbconv_network_info_of(network);
  char shape[64], time[32] = "";
  snprintf(shape, sizeof shape, "%zux%zux%zu", info->height, info->width, info->channels);
  if (activation) snprintf(time, sizeof time, "%.1f", time_of(network, a->seconds) * 1e6);
  cli_progress("%s", "");
  printf(a->csv ? "%s,%s,%llu,%llu,%s,%s\n" : "%-20s %13s %12llu %15llu %10s %12s\n", name, shape,
         (unsigned long long)info->counts.parameters, (unsigned long long)info->counts.multiply_adds, time,
         activation ? activation : "");
  mbconv_network_destroy(network);
}

int cli_table(int count, char **words) {
  const struct arguments a = parse(count, words);
  if (a.csv)
    printf("network,input,parameters,multiply_adds,us,activation\n");
  else
    printf("%-20s %13s %12s %15s %10s %12s\n", "", "input", "parameters", "multiply-adds", "us", "activation");
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) print_row(&a, blocks[i].name, blocks[i].activation);
  size_t networks;
  const char **names = cli_names(&networks);
  /* Those that have no underscore are the blocks. Counting the largest networks takes a second. */
  for (size_t i = 0; i < networks; i++)
    if (strchr(names[i], '_')) print_row(&a, names[i], NULL);
  free(names);
  return CLI_OK;
}
