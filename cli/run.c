/* SPDX-License-Identifier: MIT
 *
 * mbconv run: raw tensors.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char usage[] =
    "usage: mbconv run MODEL --raw-input FILE --raw-output FILE [OPTION...]\n"
    "  --raw-input FILE    floats [batch][channels][height][width], little endian; - for standard input\n"
    "  --raw-output FILE   receives the floats [batch][outputs]; - for standard output\n"
    "  --batch N           images in the file (1)\n";

struct arguments {
  struct cli_model model;
  const char *raw_input, *raw_output;
  size_t batch;
};

static struct arguments parse(int count, char **words) {
  static const struct option options[] = {CLI_MODEL_OPTIONS,
                                          {"raw-input", required_argument, NULL, 'I'},
                                          {"raw-output", required_argument, NULL, 'O'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
  struct arguments a = {.batch = 1};
  a.model.options.layout = MBCONV_NCHW;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (cli_model_option(&a.model, option, optarg)) continue;
    if (option == 'I') a.raw_input = optarg;
    if (option == 'O') a.raw_output = optarg;
    if (option == 'b') a.batch = cli_number(optarg, "--batch", 1 << 20);
    if (option == 'h' || option == '?') {
      fputs(usage, option == 'h' ? stdout : stderr);
      exit(option == 'h' ? CLI_OK : CLI_USAGE);
    }
  }
  if (optind + 1 != count || !a.raw_input || !a.raw_output) {
    fputs(usage, stderr);
    exit(CLI_USAGE);
  }
  a.model.name = words[optind];
  return a;
}

/* Exactly n floats, no more and no less. */
static float *read_raw(const char *path, size_t n) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *file = standard ? stdin : fopen(path, "rb");
  if (!file) cli_fail("%s: %s", path, strerror(errno));
  float *x = cli_allocate(n, sizeof *x);
  const size_t got = fread(x, sizeof *x, n, file);
  if (got < n) cli_fail("%s has %zu floats, but %zu are needed", path, got, n);
  if (getc(file) != EOF) cli_fail("%s has more than %zu floats", path, n);
  if (!standard) fclose(file);
  return x;
}

static void write_raw(const char *path, const float *y, size_t n) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *file = standard ? stdout : fopen(path, "wb");
  if (!file) cli_fail("%s: %s", path, strerror(errno));
  const bool written = fwrite(y, sizeof *y, n, file) == n;
  if ((standard ? fflush(file) : fclose(file)) != 0 || !written) cli_fail("%s: %s", path, strerror(errno));
}

static float *infer(const mbconv_network *network, size_t batch, const float *x) {
  const mbconv_network_info info = mbconv_network_info_of(network);
  const size_t bytes = mbconv_network_arena_size(network, batch);
  float *y = cli_allocate(batch, info.outputs * sizeof *y);
  void *arena = cli_allocate(bytes, 1);
  const mbconv_threads threads = cli_threads_new(info.threads);
  mbconv_error error;
  if (mbconv_network_run(network, batch, x, y, arena, bytes, &threads, &error) != MBCONV_OK)
    cli_fail("%s", error.message);
  cli_threads_free(&threads);
  free(arena);
  return y;
}

int cli_run(int count, char **words) {
  const struct arguments a = parse(count, words);
  mbconv_network *network = cli_network(&a.model);
  const mbconv_network_info info = mbconv_network_info_of(network);
  float *x = read_raw(a.raw_input, a.batch * info.height * info.width * info.channels);
  float *y = infer(network, a.batch, x);
  write_raw(a.raw_output, y, a.batch * info.outputs);
  free(x);
  free(y);
  mbconv_network_destroy(network);
  return CLI_OK;
}
