/* SPDX-License-Identifier: MIT
 *
 * mbconv write: the file of a network with random weights, in int8.
 */
#include <getopt.h>
#include <stdlib.h>

#include "cli.h"

static const char usage[] =
    "usage: mbconv write NETWORK FILE [OPTION...]\n"
    "Writes a safetensors file of the network in int8, with random weights: what --type of `mbconv bench` measures.\n"
    "  --type NAME      i8 or u8 (i8)\n"
    "  --padding NAME   symmetric or same (the network's own)\n"
    "  --seed N         of the weights (0)\n";

int cli_write(int count, char **words) {
  static const struct option options[] = {{"type", required_argument, NULL, 'T'},
                                          {"padding", required_argument, NULL, 'p'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  struct cli_model model = {.options = {.type = MBCONV_S8}};
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    if (cli_model_option(&model, option, optarg)) continue;
    fputs(usage, option == 'h' ? stdout : stderr);
    exit(option == 'h' ? CLI_OK : CLI_USAGE);
  }
  if (optind + 2 != count) {
    fputs(usage, stderr);
    exit(CLI_USAGE);
  }
  mbconv_error error;
  if (mbconv_network_write_random(words[optind], &model.options, words[optind + 1], &error) != MBCONV_OK)
    cli_fail("%s", error.message);
  return CLI_OK;
}
