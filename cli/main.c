/* SPDX-License-Identifier: MIT
 *
 * mbconv: whole networks from the command line.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

static const char usage[] =
    "usage: mbconv run MODEL IMAGE        classifies a PNG or JPEG image\n"
    "       mbconv run MODEL --raw-input FILE --raw-output FILE   tensors in and out\n"
    "       mbconv bench MODEL            time of each layer\n"
    "       mbconv table                  MBConv, plain and classic bottleneck block: parameters, multiply-adds, time\n"
    "       mbconv write NETWORK FILE     the file of a network in int8, with random weights\n"
    "       mbconv info                   this CPU and what is chosen for it\n"
    "       mbconv COMMAND --help         the options of a command\n"
    "MODEL is a safetensors file with torchvision's or timm's names, or the name of a network, which then has random\n"
    "weights:";

static void print_usage(FILE *to) {
  fputs(usage, to);
  size_t count;
  const char **names = cli_names(&count);
  for (size_t i = 0; i < count; i++) fprintf(to, "%s %s", i % 7 == 0 ? "\n " : "", names[i]);
  fputs("\n", to);
  free(names);
}

int main(int count, char **words) {
  setlocale(LC_ALL, "C"); /* which a preloaded library may have changed: numbers are written with a point */
  static char program[] = "mbconv";
  static const struct {
    const char *name;
    int (*run)(int count, char **words);
  } commands[] = {
      {"run", cli_run}, {"bench", cli_bench}, {"table", cli_table}, {"write", cli_write}, {"info", cli_info}};
  cli_output_begin();
  if (count < 2 || strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) {
    print_usage(count < 2 ? stderr : stdout);
    return count < 2 ? CLI_USAGE : CLI_OK;
  }
  if (strcmp(words[1], "--version") == 0) {
    printf("mbconv %s\n", mbconv_version());
    return CLI_OK;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(words[1], commands[i].name) != 0) continue;
    words[1] = program; /* which getopt_long's messages begin with */
    return commands[i].run(count - 1, words + 1);
  }
  fprintf(stderr, "mbconv: there is no command \"%s\"\n", words[1]);
  print_usage(stderr);
  return CLI_USAGE;
}
