/* SPDX-License-Identifier: MIT
 *
 * What the commands of `mbconv` share.
 */
#ifndef MBCONV_CLI_H
#define MBCONV_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "../kernels/arithmetic.h"
#include "mbconv_networks.h"

/* The exit status of every command. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* ---- Problems ---------------------------------------------------------------------------------------------------- */

/* One line on standard error, "mbconv: ..."; the first ends the process with CLI_FAILED, the second with CLI_USAGE. */
_Noreturn void cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void cli_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory, for free(); or cli_fail(). Large pieces are on huge pages where the system has them: stem and first
 * block of a network are 5% faster for it. */
void *cli_allocate(size_t count, size_t size);

/* A line on standard error about what takes long, if that is a terminal. */
void cli_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

/* What `run`, `bench` and `table` have in common. */
struct cli_model {
  const char *name; /* a file or a network */
  mbconv_options kernels;
  mbconv_network_options options;
  bool layout_given;
};

/* The options of struct cli_model, by their values in getopt_long's table. The first are those of `table`, too. */
#define CLI_KERNEL_OPTIONS                                                                 \
  {"isa", required_argument, NULL, 'i'}, {"exp", required_argument, NULL, 'u'},            \
      {"threads", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 'S'}, { \
    "help", no_argument, NULL, 'h'                                                         \
  }
#define CLI_MODEL_OPTIONS                                                                                \
  CLI_KERNEL_OPTIONS, {"size", required_argument, NULL, 's'}, {"epsilon", required_argument, NULL, 'e'}, \
      {"padding", required_argument, NULL, 'p'}, {"type", required_argument, NULL, 'T'}, {               \
    "layout", required_argument, NULL, 'l'                                                               \
  }

/* Takes option `option` with `value`; false if it is none of those. cli_misused() for a bad value. */
bool cli_model_option(struct cli_model *model, int option, const char *value);

/* A whole number of `least` to `most`; cli_misused() if it is none, as below. */
size_t cli_number(const char *text, const char *what, size_t least, size_t most);

/* A decimal number above 0, up to `most`. */
double cli_decimal(const char *text, const char *what, double most);

/* The names of the networks, `*count` of them, in memory for free(). */
const char **cli_names(size_t *count);

/* Makes the network: from a file if the name ends in .safetensors or contains a slash, or is that of a file and of no
 * network; else with random weights. */
mbconv_network *cli_network(const struct cli_model *model);

/* Writes the names that --isa takes, as in "auto, scalar, avx2, avx512 or neon"; returns `text`. */
const char *cli_list_isas(char *text, size_t size);

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

/* `count` threads, the calling one included; cli_fail() if there is no library for more than one. */
mbconv_threads cli_threads_new(size_t count);
void cli_threads_free(const mbconv_threads *threads);

/* ---- Commands, each with the words from its name on -------------------------------------------------------------- */

int cli_run(int count, char **words);
int cli_bench(int count, char **words);
int cli_write(int count, char **words);
int cli_table(int count, char **words);
int cli_info(int count, char **words);

#endif
