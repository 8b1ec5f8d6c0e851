/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../networks/decimal.h"

/* ---- Problems ---------------------------------------------------------------------------------------------------- */

static void complain(const char *format, va_list arguments) {
  fflush(stdout);
  fputs("mbconv: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs("\n", stderr);
}

void cli_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain(format, arguments);
  va_end(arguments);
  exit(CLI_FAILED);
}

void cli_misused(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain(format, arguments);
  va_end(arguments);
  exit(CLI_USAGE);
}

void *cli_allocate(size_t count, size_t size) {
  const size_t huge_page = 2 << 20;
  size_t bytes;
  if (__builtin_mul_overflow(count > 0 ? count : 1, size, &bytes) || bytes > PTRDIFF_MAX - huge_page)
    cli_fail("no memory for %zu x %zu bytes", count, size);
  const size_t unit = bytes < huge_page / 4 ? 64 : huge_page;
  bytes = (bytes + unit - 1) / unit * unit;
  void *memory = aligned_alloc(unit, bytes);
  if (!memory) cli_fail("no memory for %zu bytes", bytes);
#ifdef MADV_HUGEPAGE
  if (unit == huge_page) madvise(memory, bytes, MADV_HUGEPAGE); /* a wish */
#endif
  return memset(memory, 0, bytes);
}

void cli_progress(const char *format, ...) {
  if (!isatty(STDERR_FILENO)) return;
  va_list arguments;
  va_start(arguments, format);
  fputs("\r\033[K", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

size_t cli_number(const char *text, const char *what, size_t least, size_t most) {
  char *end;
  errno = 0;
  const unsigned long long number = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least || number > most)
    cli_misused("%s is \"%s\", not a number of %zu to %zu", what, text, least, most);
  return (size_t)number;
}

double cli_decimal(const char *text, const char *what, double most) {
  double number = 0;
  const char *end = mbconv_decimal_read(text, &number);
  if (!end || *end != '\0' || !(number > 0 && number <= most))
    cli_misused("%s is \"%s\", not a number above 0, up to %g", what, text, most);
  return number;
}

/* 224 or 97x131, height first. */
static void take_size(const char *text, mbconv_network_options *options) {
  enum { MOST = 1 << 16 };
  char height[24];
  const char *cross = strchr(text, 'x');
  const size_t length = cross ? (size_t)(cross - text) : strlen(text);
  if (length >= sizeof height) cli_misused("--size is \"%s\", not a size such as 224 or 224x160", text);
  memcpy(height, text, length);
  height[length] = '\0';
  options->height = cli_number(height, "--size", 1, MOST);
  options->width = cross ? cli_number(cross + 1, "--size", 1, MOST) : options->height;
}

const char *cli_list_isas(char *text, size_t size) {
  size_t length = 0;
  for (int isa = 0; isa < MBCONV_ISA_COUNT && length < size; isa++) {
    const char *before = isa == 0 ? "" : isa + 1 < MBCONV_ISA_COUNT ? ", " : " or ";
    length += (size_t)snprintf(text + length, size - length, "%s%s", before, mbconv_isa_name((mbconv_isa)isa));
  }
  return text;
}

static mbconv_isa isa_of(const char *name) {
  for (int isa = 0; isa < MBCONV_ISA_COUNT; isa++)
    if (strcmp(name, mbconv_isa_name((mbconv_isa)isa)) == 0) return (mbconv_isa)isa;
  char isas[128];
  cli_misused("--isa is \"%s\", not %s", name, cli_list_isas(isas, sizeof isas));
}

static mbconv_exp exp_of(const char *name) {
  for (mbconv_exp variant = MBCONV_EXP_AUTO; variant <= MBCONV_EXP_INLINE; variant++)
    if (strcmp(name, mbconv_exp_name(variant)) == 0) return variant;
  cli_misused("--exp is \"%s\", not auto, sleef or inline", name);
}

static mbconv_layout layout_of(const char *name) {
  if (strcmp(name, "nchw") == 0) return MBCONV_NCHW;
  if (strcmp(name, "nhwc") == 0) return MBCONV_NHWC;
  cli_misused("--layout is \"%s\", not nchw or nhwc", name);
}

static float epsilon_of(const char *text) {
  double epsilon = 0;
  const char *end = mbconv_decimal_read(text, &epsilon);
  if (!end || *end != '\0' || !((float)epsilon > 0 && (float)epsilon < 1))
    cli_misused("--epsilon is \"%s\", not a number above 0 and below 1", text);
  return (float)epsilon;
}

static mbconv_padding padding_of(const char *name) {
  if (strcmp(name, "symmetric") == 0) return MBCONV_PADDING_SYMMETRIC;
  if (strcmp(name, "same") == 0) return MBCONV_PADDING_SAME;
  cli_misused("--padding is \"%s\", not symmetric or same", name);
}

static mbconv_type type_of(const char *name) {
  if (strcmp(name, "f32") == 0) return MBCONV_F32;
  if (strcmp(name, "i8") == 0) return MBCONV_S8;
  if (strcmp(name, "u8") == 0) return MBCONV_U8;
  cli_misused("--type is \"%s\", not f32, i8 or u8", name);
}

bool cli_model_option(struct cli_model *model, int option, const char *value) {
  enum { MOST_THREADS = 1024 };
  switch (option) {
    case 'i': model->kernels.isa = isa_of(value); return true;
    case 'u': model->kernels.exp = exp_of(value); return true;
    case 't': model->options.threads = cli_number(value, "--threads", 1, MOST_THREADS); return true;
    case 's': take_size(value, &model->options); return true;
    case 'e': model->options.epsilon = epsilon_of(value); return true;
    case 'p': model->options.padding = padding_of(value); return true;
    case 'T': model->options.type = type_of(value); return true;
    case 'l': model->options.layout = layout_of(value); return model->layout_given = true;
    case 'S': model->options.seed = cli_number(value, "--seed", 0, SIZE_MAX); return true;
    default: return false;
  }
}

const char **cli_names(size_t *count) {
  *count = mbconv_network_names(NULL, 0);
  const char **names = cli_allocate(*count, sizeof *names);
  mbconv_network_names(names, *count);
  return names;
}

/* Whether a model's name is that of a file. */
static bool is_file(const char *name) {
  static const char suffix[] = ".safetensors";
  const size_t length = strlen(name);
  return strchr(name, '/') || (length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0);
}

mbconv_network *cli_network(const struct cli_model *model) {
  mbconv_network_options options = model->options;
  options.struct_size = sizeof options;
  options.kernels = &model->kernels;
  mbconv_network *network;
  mbconv_error error;
  bool file = is_file(model->name);
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  if (!file) {
    status = mbconv_network_random(model->name, &options, &network, &error);
    file = status == MBCONV_INVALID_ARGUMENT && access(model->name, F_OK) == 0;
  }
  if (file) status = mbconv_network_load(model->name, &options, &network, &error);
  if (status != MBCONV_OK) cli_fail("%s", error.message);
  return network;
}
