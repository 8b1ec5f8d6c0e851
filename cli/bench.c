/* SPDX-License-Identifier: MIT
 *
 * mbconv bench: where a network's time goes.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char usage[] =
    "usage: mbconv bench MODEL [OPTION...]\n"
    "  --size HxW, --threads N, --isa NAME, --silu NAME, --layout nchw|nhwc, --seed N\n"
    "  --seconds S    how long to measure (3)\n"
    "  --csv, --json  instead of a table\n"
    "  --svg FILE     writes a chart, too\n"
    "Times are the least of many, of the thread's CPU time; of the wall clock with more than one thread.\n";

struct arguments {
  struct cli_model model;
  size_t seconds;
  enum { TABLE, CSV, JSON } format;
  const char *svg;
};

static struct arguments parse(int count, char **words) {
  static const struct option options[] = {CLI_MODEL_OPTIONS,
                                          {"seconds", required_argument, NULL, 'n'},
                                          {"csv", no_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"svg", required_argument, NULL, 'g'},
                                          {NULL, 0, NULL, 0}};
  struct arguments a = {.seconds = 3};
  a.model.options.layout = MBCONV_NCHW;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (cli_model_option(&a.model, option, optarg)) continue;
    if (option == 'n') a.seconds = cli_number(optarg, "--seconds", 86400);
    if (option == 'c') a.format = CSV;
    if (option == 'j') a.format = JSON;
    if (option == 'g') a.svg = optarg;
    if (option == 'h' || option == '?') {
      fputs(usage, option == 'h' ? stdout : stderr);
      exit(option == 'h' ? CLI_OK : CLI_USAGE);
    }
  }
  if (optind + 1 != count) {
    fputs(usage, stderr);
    exit(CLI_USAGE);
  }
  a.model.name = words[optind];
  return a;
}

/* A row of the table; layers and their sum alike. */
static void print_row(const struct bench_result *r, const char *name, const char *shape, const mbconv_counts *counts,
                      double seconds) {
  printf("%-30s %14s %10.2f %10.1f %9.1f", name, shape, (double)counts->multiply_adds * 1e-6, seconds * 1e6,
         bench_rate(counts, seconds) * 1e-9);
  if (r->peak > 0) printf(" %8.1f", bench_percent(r, counts, seconds));
  printf("\n");
}

static void print_table(const struct bench_result *r) {
  const mbconv_network_info *info = &r->info;
  printf("%s, %zux%zu, %s, threads: %zu; FMA peak %.1f GFLOP/s; least of %zu runs\n", info->name, info->height,
         info->width, mbconv_isa_name(info->isa), info->threads, r->peak * 1e-9, r->repetitions);
  printf("%-30s %14s %10s %10s %9s%s\n", "layer", "output", "Mmadd", "us", "GFLOP/s", r->peak > 0 ? "   % peak" : "");
  double sum = 0;
  for (size_t i = 0; i < info->layers; i++) {
    const mbconv_layer_info *layer = &r->layer[i].info;
    char shape[64];
    snprintf(shape, sizeof shape, "%zux%zux%zu", layer->height, layer->width, layer->channels);
    print_row(r, layer->name, shape, &layer->counts, r->layer[i].seconds);
    sum += r->layer[i].seconds;
  }
  print_row(r, "sum of the layers", "", &info->counts, sum);
  print_row(r, "whole network", "", &info->counts, r->seconds);
  printf("%llu parameters; weights %.2f MB, arena %.2f MB\n", (unsigned long long)info->counts.parameters,
         (double)info->weight_bytes * 1e-6, (double)r->arena_bytes * 1e-6);
}

static void print_csv(const struct bench_result *r) {
  printf("layer,height,width,channels,parameters,multiply_adds,us,gflops,peak_percent\n");
  for (size_t i = 0; i <= r->info.layers; i++) {
    const bool all = i == r->info.layers;
    const mbconv_layer_info *layer = &r->layer[i].info;
    const mbconv_counts *counts = all ? &r->info.counts : &layer->counts;
    const double seconds = all ? r->seconds : r->layer[i].seconds;
    printf("%s,%zu,%zu,%zu,%llu,%llu,%.3f,%.3f,%.2f\n", all ? r->info.name : layer->name,
           all ? r->info.height : layer->height, all ? r->info.width : layer->width,
           all ? r->info.channels : layer->channels, (unsigned long long)counts->parameters,
           (unsigned long long)counts->multiply_adds, seconds * 1e6, bench_rate(counts, seconds) * 1e-9,
           bench_percent(r, counts, seconds));
  }
}

static void print_json(const struct bench_result *r) {
  const mbconv_network_info *info = &r->info;
  printf(
      "{\"network\": \"%s\", \"height\": %zu, \"width\": %zu, \"isa\": \"%s\", \"silu\": \"%s\", \"threads\": %zu,\n"
      " \"parameters\": %llu, \"multiply_adds\": %llu, \"weight_bytes\": %zu, \"arena_bytes\": %zu,\n"
      " \"peak_gflops\": %.3f, \"repetitions\": %zu, \"us\": %.3f, \"layers\": [\n",
      info->name, info->height, info->width, mbconv_isa_name(info->isa), mbconv_silu_name(info->silu), info->threads,
      (unsigned long long)info->counts.parameters, (unsigned long long)info->counts.multiply_adds, info->weight_bytes,
      r->arena_bytes, r->peak * 1e-9, r->repetitions, r->seconds * 1e6);
  for (size_t i = 0; i < info->layers; i++) {
    const mbconv_layer_info *layer = &r->layer[i].info;
    printf(
        "  {\"name\": \"%s\", \"output\": [%zu, %zu, %zu], \"parameters\": %llu, \"multiply_adds\": %llu, \"us\": "
        "%.3f}%s\n",
        layer->name, layer->height, layer->width, layer->channels, (unsigned long long)layer->counts.parameters,
        (unsigned long long)layer->counts.multiply_adds, r->layer[i].seconds * 1e6, i + 1 < info->layers ? "," : "");
  }
  printf("]}\n");
}

int cli_bench(int count, char **words) {
  const struct arguments a = parse(count, words);
  struct cli_model model = a.model;
  if (strcmp(model.name, "mbconv") == 0) model.options.layout = MBCONV_NHWC; /* a single block takes no other */
  mbconv_network *network = cli_network(&model);
  const mbconv_threads threads = cli_threads_new(mbconv_network_info_of(network)->threads);
  struct bench_result *result = cli_allocate(1, sizeof *result);
  bench_measure(network, &threads, (double)a.seconds, result);
  if (a.format == TABLE) print_table(result);
  if (a.format == CSV) print_csv(result);
  if (a.format == JSON) print_json(result);
  if (a.svg) {
    FILE *file = fopen(a.svg, "w");
    if (!file) cli_fail("%s: %s", a.svg, strerror(errno));
    bench_chart(result, file);
    if (fclose(file) != 0) cli_fail("%s: %s", a.svg, strerror(errno));
  }
  free(result);
  cli_threads_free(&threads);
  mbconv_network_destroy(network);
  return CLI_OK;
}
