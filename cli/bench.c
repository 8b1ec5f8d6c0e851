/* SPDX-License-Identifier: MIT
 *
 * mbconv bench: where a network's time goes.
 */
#include "bench.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

static const double default_seconds = 3;

static const char usage[] =
    "usage: mbconv bench MODEL [OPTION...]\n"
    "  --size HxW, --threads N, --isa NAME, --exp NAME, --layout nchw|nhwc, --seed N\n"
    "  --type NAME    f32, i8 or u8, of random weights (f32); a file has its own\n"
    "  --seconds S    how long to measure, such as 0.5 (%g)\n"
    "  --csv, --json  instead of a table\n"
    "  --svg FILE     writes a chart, too\n"
    "Times are the least of many, of the thread's CPU time; of the wall clock with more than one thread.\n";

struct arguments {
  struct cli_model model;
  double seconds;
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
  struct arguments a = {.seconds = default_seconds};
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (cli_model_option(&a.model, option, optarg)) continue;
    if (option == 'n') a.seconds = cli_decimal(optarg, "--seconds", 86400);
    if (option == 'c') a.format = CSV;
    if (option == 'j') a.format = JSON;
    if (option == 'g') a.svg = optarg;
    if (option == 'h' || option == '?') {
      fprintf(option == 'h' ? stdout : stderr, usage, default_seconds);
      exit(option == 'h' ? CLI_OK : CLI_USAGE);
    }
  }
  if (optind + 1 != count) {
    fprintf(stderr, usage, default_seconds);
    exit(CLI_USAGE);
  }
  a.model.name = words[optind];
  /* A block that begins with a 1x1 takes no other layout than NHWC. */
  const bool block = strcmp(a.model.name, "mbconv") == 0 || strcmp(a.model.name, "mbconv_relu") == 0;
  const bool i8 = a.model.options.type != MBCONV_F32;
  if (!a.model.layout_given) a.model.options.layout = block || i8 ? MBCONV_NHWC : MBCONV_NCHW;
  return a;
}

static const char *type_of(const mbconv_network_info *info) {
  return info->type == MBCONV_F32 ? "f32" : info->type == MBCONV_S8 ? "i8" : "u8";
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
  printf("%s, %zux%zu, %s, %s, threads: %zu; ", info->name, info->height, info->width, type_of(info),
         mbconv_isa_name(info->isa), info->threads);
  if (info->type == MBCONV_F32) printf("FMA peak %.1f GFLOP/s; ", r->peak * 1e-9);
  printf("least of %zu runs\n", r->repetitions);
  printf("%-30s %14s %10s %10s %9s%s\n", "layer", "output", "Mmadd", "us",
         info->type == MBCONV_F32 ? "GFLOP/s" : "GOP/s", r->peak > 0 ? "   % peak" : "");
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

static json_t *json_layer(const mbconv_layer_info *layer, double seconds) {
  return json_pack("{s:s, s:[I, I, I], s:I, s:I, s:o}", "name", layer->name, "output", (json_int_t)layer->height,
                   (json_int_t)layer->width, (json_int_t)layer->channels, "parameters",
                   (json_int_t)layer->counts.parameters, "multiply_adds", (json_int_t)layer->counts.multiply_adds, "us",
                   cli_json_number(seconds * 1e6));
}

static void print_json(const struct bench_result *r, double seconds) {
  enum { DIGITS = 7 }; /* no time is known better */
  const mbconv_network_info *info = &r->info;
  json_t *layers = json_array();
  for (size_t i = 0; i < info->layers; i++)
    if (json_array_append_new(layers, json_layer(&r->layer[i].info, r->layer[i].seconds)) != 0)
      cli_fail("no memory for the JSON");
  json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:I}", "network", info->name, "type", type_of(info), "height",
                          (json_int_t)info->height, "width", (json_int_t)info->width, "isa", mbconv_isa_name(info->isa),
                          "exp", mbconv_exp_name(info->exp), "threads", (json_int_t)info->threads);
  json_t *more = json_pack("{s:I, s:I, s:I, s:I, s:o, s:f, s:I, s:o, s:o}", "parameters",
                           (json_int_t)info->counts.parameters, "multiply_adds", (json_int_t)info->counts.multiply_adds,
                           "weight_bytes", (json_int_t)info->weight_bytes, "arena_bytes", (json_int_t)r->arena_bytes,
                           "peak_gflops", cli_json_number(r->peak * 1e-9), "seconds", seconds, "repetitions",
                           (json_int_t)r->repetitions, "us", cli_json_number(r->seconds * 1e6), "layers", layers);
  if (json_object_update(all, more) != 0) cli_fail("no memory for the JSON");
  json_decref(more);
  cli_json_print(all, DIGITS);
}

int cli_bench(int count, char **words) {
  const struct arguments a = parse(count, words);
  mbconv_network *network = cli_network(&a.model);
  const mbconv_threads threads = cli_threads_new(mbconv_network_info_of(network)->threads);
  struct bench_result *result = cli_allocate(1, sizeof *result);
  bench_measure(network, &threads, a.seconds, result);
  if (a.format == TABLE) print_table(result);
  if (a.format == CSV) print_csv(result);
  if (a.format == JSON) print_json(result, a.seconds);
  if (a.svg) {
    FILE *file = cli_output_open(a.svg);
    bench_chart(result, file);
    cli_output_close(file, a.svg);
  }
  free(result);
  cli_threads_free(&threads);
  mbconv_network_destroy(network);
  return CLI_OK;
}
