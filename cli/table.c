/* SPDX-License-Identifier: MIT
 *
 * mbconv table: the notebook's comparison of blocks, with time, and the counts of the networks.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli.h"

static const char usage[] =
    "usage: mbconv table [OPTION...]\n"
    "  --threads N, --isa NAME, --silu NAME, --seed N\n"
    "  --csv   instead of a table\n";

struct row {
  mbconv_network_info info;
  double seconds; /* 0: not timed */
};

static struct row row_of(struct cli_model model, const char *name, double seconds) {
  model.name = name;
  mbconv_network *network = cli_network(&model);
  struct row row = {.info = *mbconv_network_info_of(network)};
  if (seconds > 0) {
    const mbconv_threads threads = cli_threads_new(row.info.threads);
    struct bench_result *result = cli_allocate(1, sizeof *result);
    bench_measure(network, &threads, seconds, result);
    row.seconds = result->seconds;
    free(result);
    cli_threads_free(&threads);
  }
  row.info.name = name; /* static, unlike the network's own */
  mbconv_network_destroy(network);
  return row;
}

static void print(const struct row *row, bool csv) {
  const mbconv_network_info *info = &row->info;
  const mbconv_counts *counts = &info->counts;
  char shape[64], time[32] = "";
  snprintf(shape, sizeof shape, "%zux%zux%zu", info->height, info->width, info->channels);
  if (row->seconds > 0) snprintf(time, sizeof time, "%.1f", row->seconds * 1e6);
  printf(csv ? "%s,%s,%llu,%llu,%s\n" : "%-20s %13s %12llu %15llu %10s\n", info->name, shape,
         (unsigned long long)counts->parameters, (unsigned long long)counts->multiply_adds, time);
}

int cli_table(int count, char **words) {
  static const struct option options[] = {CLI_MODEL_OPTIONS, {"csv", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
  struct cli_model model = {0};
  bool csv = false;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (option == 'h' || option == '?') {
      fputs(usage, option == 'h' ? stdout : stderr);
      return option == 'h' ? CLI_OK : CLI_USAGE;
    }
    if (option == 'c') csv = true;
    cli_model_option(&model, option, optarg);
  }
  if (optind != count) {
    fputs(usage, stderr);
    return CLI_USAGE;
  }
  const char *names[32];
  const size_t networks = mbconv_network_names(names, 32);
  if (csv)
    printf("network,input,parameters,multiply_adds,us\n");
  else
    printf("%-20s %13s %12s %15s %10s\n", "", "input", "parameters", "multiply-adds", "us");
  /* The single blocks, which are the last in the list, first. Counting the largest networks takes a second. */
  for (int blocks = 1; blocks >= 0; blocks--) {
    for (size_t i = 0; i < networks; i++) {
      const bool block = strchr(names[i], '_') == NULL;
      if (block != blocks) continue;
      cli_progress("%s ...", names[i]);
      const struct row row = row_of(model, names[i], block ? 0.5 : 0);
      cli_progress("%s", "");
      print(&row, csv);
    }
  }
  return CLI_OK;
}
