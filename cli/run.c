/* SPDX-License-Identifier: MIT
 *
 * mbconv run: an image to its classes, or raw tensors to raw tensors.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "image.h"
#include "output.h"
#include "preprocess.h"

static const char usage[] =
    "usage: mbconv run MODEL IMAGE [OPTION...]\n"
    "       mbconv run MODEL --raw-input FILE --raw-output FILE [OPTION...]\n"
    "IMAGE is a PNG or JPEG file, - for standard input. It is resized, cut and normalised as torchvision does.\n"
    "  --top N             how many classes to print (%d)\n"
    "  --labels FILE       names of the classes, a line each\n"
    "  --json              prints JSON; a number that is NaN or infinite is null\n"
    "  --resize N          the shorter side before the centre is cut out (the network's own, in proportion to --size)\n"
    "  --raw-input FILE    floats [batch][channels][height][width], little endian; - for standard input\n"
    "  --raw-output FILE   receives the floats [batch][outputs]; - for standard output\n"
    "  --batch N           images in the raw file (%d)\n"
    "  --size HxW          of the network's input (its own)\n"
    "  --isa NAME          %s\n"
    "  --exp NAME          auto, sleef, inline\n"
    "  --threads N         (1)\n"
    "  --layout NAME       nchw or nhwc, of the raw tensors (nchw); in int8 nhwc alone\n"
    "  --type NAME         f32, i8 or u8, of random weights (f32); a file has its own\n"
    "  --epsilon E         of the batch norms (the file's, or the network's own)\n"
    "  --padding NAME      symmetric or same, which timm's tf_* networks have (the file's, or symmetric)\n"
    "  --mean R,G,B        of the colours, from 0 to 1 (the file's, or ImageNet's)\n"
    "  --std R,G,B         their deviation (the file's, or ImageNet's)\n"
    "  --interpolation NAME   bilinear or bicubic, for resizing (the file's, or the network's own)\n"
    "  --seed N            of random weights (0)\n";

enum { DEFAULT_TOP = 5, DEFAULT_BATCH = 1 };

struct arguments {
  struct cli_model model;
  const char *image, *labels, *raw_input, *raw_output;
  size_t batch, top;
  bool json;
  struct preprocess_options preprocess;
};

_Noreturn static void stop(int status) {
  char isas[128];
  fprintf(status == CLI_OK ? stdout : stderr, usage, DEFAULT_TOP, DEFAULT_BATCH, cli_list_isas(isas, sizeof isas));
  exit(status);
}

static struct arguments parse(int count, char **words) {
  static const struct option options[] = {CLI_MODEL_OPTIONS,
                                          {"raw-input", required_argument, NULL, 'I'},
                                          {"raw-output", required_argument, NULL, 'O'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"top", required_argument, NULL, 'k'},
                                          {"labels", required_argument, NULL, 'L'},
                                          {"resize", required_argument, NULL, 'r'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"mean", required_argument, NULL, 'm'},
                                          {"std", required_argument, NULL, 'd'},
                                          {"interpolation", required_argument, NULL, 'P'},
                                          {NULL, 0, NULL, 0}};
  struct arguments a = {.top = DEFAULT_TOP};
  const char *of_image = NULL;
  a.model.options.x_door = a.model.options.y_door = MBCONV_I8_DOOR_XNNPACK; /* in int8 */
  for (int option, at; (option = getopt_long(count, words, "", options, &at)) != -1;) {
    if (strchr("kLrjmdP", option)) of_image = options[at].name;
    if (cli_model_option(&a.model, option, optarg)) continue;
    if (option == 'h' || option == '?') stop(option == 'h' ? CLI_OK : CLI_USAGE);
    if (option == 'I') a.raw_input = optarg;
    if (option == 'O') a.raw_output = optarg;
    if (option == 'b') a.batch = cli_number(optarg, "--batch", 1, 1 << 20);
    if (option == 'k') a.top = cli_number(optarg, "--top", 1, 1 << 20);
    if (option == 'L') a.labels = optarg;
    if (option == 'r') a.preprocess.resize = cli_number(optarg, "--resize", 1, IMAGE_MOST_SIDE);
    if (option == 'j') a.json = true;
    if (option == 'm') a.preprocess.mean = optarg;
    if (option == 'd') a.preprocess.deviation = optarg;
    if (option == 'P') a.preprocess.interpolation = optarg;
  }
  const bool raw = a.raw_input || a.raw_output;
  if (!a.model.layout_given) a.model.options.layout = raw ? MBCONV_NCHW : MBCONV_NHWC;
  if (raw && of_image) cli_misused("--%s is for images, not for raw tensors", of_image);
  if (!raw && a.batch > 0) cli_misused("--batch is for raw tensors, not for an image");
  if (a.batch == 0) a.batch = DEFAULT_BATCH;
  if (optind + (raw ? 1 : 2) != count || (raw && !(a.raw_input && a.raw_output))) stop(CLI_USAGE);
  a.model.name = words[optind];
  a.image = raw ? NULL : words[optind + 1];
  return a;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static FILE *open_input(const char *path) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!file) cli_fail("%s: %s", path, strerror(errno));
  return file;
}

static void close_input(FILE *file, const char *path) {
  if (ferror(file)) cli_fail("%s: %s", path, strerror(errno));
  if (file != stdin) fclose(file);
}

/* All of the file, up to 512 MB, and a zero behind it. */
static char *read_file(const char *path, size_t *size) {
  const size_t most = (size_t)512 << 20;
  FILE *file = open_input(path);
  size_t capacity = 1 << 16, used = 0;
  char *data = NULL;
  do {
    capacity *= 2;
    data = capacity > most ? NULL : realloc(data, capacity + 1);
    if (!data) cli_fail("%s: it is too large", path);
    used += fread(data + used, 1, capacity - used, file);
  } while (used == capacity);
  close_input(file, path);
  data[used] = '\0';
  *size = used;
  return data;
}

/* Exactly n floats, no more and no less. */
static float *read_raw(const char *path, size_t n) {
  FILE *file = open_input(path);
  float *x = cli_allocate(n, sizeof *x);
  const size_t got = fread(x, sizeof *x, n, file);
  if (ferror(file)) cli_fail("%s: %s", path, strerror(errno));
  if (got < n) cli_fail("%s has %zu floats, but %zu are needed", path, got, n);
  if (getc(file) != EOF) cli_fail("%s has more than %zu floats", path, n);
  close_input(file, path);
  return x;
}

static void write_raw(const char *path, const float *y, size_t n) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *file = standard ? stdout : cli_output_open(path);
  fwrite(y, sizeof *y, n, file); /* what could not be written is found where the file ends */
  if (!standard) cli_output_close(file, path);
}

/* A line for each class; the strings point into *text. */
static char **read_labels(const char *path, size_t classes, char **text) {
  size_t size, count = 0;
  *text = read_file(path, &size);
  char **labels = cli_allocate(classes, sizeof *labels);
  for (char *line = *text; *line; count++) {
    char *end = line + strcspn(line, "\n");
    char *next = *end ? end + 1 : end;
    if (end > line && end[-1] == '\r') end--;
    *end = '\0';
    if (count < classes) labels[count] = line;
    line = next;
  }
  if (count != classes) cli_fail("%s has %zu labels, but the network has %zu classes", path, count, classes);
  return labels;
}

static float *read_image(const struct arguments *a, const mbconv_network_info *info) {
  if (info->channels != 3) cli_fail("%s takes no images, but %zu channels", info->name, info->channels);
  if (info->classes == 0)
    cli_fail("%s has no classifier: its outputs are %zu features, which --raw-output writes", a->model.name,
             info->outputs);
  const struct image_preprocessing how = preprocess_how(&a->preprocess, info);
  size_t size;
  char *data = read_file(a->image, &size);
  struct image image;
  mbconv_error error;
  if (image_decode(data, size, &image, &error) != MBCONV_OK) cli_fail("%s: %s", a->image, error.message);
  free(data);
  float *x = cli_allocate(info->height * info->width * info->channels, sizeof *x);
  if (image_preprocess(&image, &how, x, &error) != MBCONV_OK) cli_fail("%s: %s", a->image, error.message);
  image_free(&image);
  return x;
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

static float *infer(const mbconv_network *network, size_t batch, const float *x) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
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

struct answer {
  const mbconv_network_info *info;
  char *const *labels; /* or NULL */
  const float *logits, *probabilities;
  const size_t *best; /* [count] */
  size_t count;
};

static void print_text(const struct answer *a) {
  for (size_t i = 0; i < a->count; i++) {
    const size_t class = a->best[i];
    printf("%6.2f%%  %4zu  %s%s(%.4f)\n", 100 * (double)a->probabilities[class], class,
           a->labels ? a->labels[class] : "", a->labels ? "  " : "", (double)a->logits[class]);
  }
}

/* A label need not be UTF-8, JSON must. */
static json_t *json_label(const char *label) {
  json_t *text = json_string(label);
  return text ? text : json_null();
}

static void print_json(const struct answer *a) {
  enum { DIGITS = 17 }; /* give every float back */
  json_t *top = json_array();
  for (size_t i = 0; i < a->count; i++) {
    const size_t class = a->best[i];
    json_t *entry =
        json_pack("{s:I, s:o, s:o}", "class", (json_int_t) class, "probability",
                  cli_json_number((double)a->probabilities[class]), "logit", cli_json_number((double)a->logits[class]));
    const bool labelled = !a->labels || json_object_set_new(entry, "label", json_label(a->labels[class])) == 0;
    if (!labelled || json_array_append_new(top, entry) != 0) cli_fail("no memory for the JSON");
  }
  json_t *all = json_pack("{s:s, s:s, s:[I, I], s:I, s:o}", "network", a->info->name, "isa",
                          mbconv_isa_name(a->info->isa), "size", (json_int_t)a->info->height,
                          (json_int_t)a->info->width, "classes", (json_int_t)a->info->outputs, "top", top);
  cli_json_print(all, DIGITS);
}

/* NaN and the infinities tell of weights or an image that are damaged, or too large for f32. */
static void warn_of_not_finite(const mbconv_network_info *info, const float *logits) {
  size_t nans = 0, infinities = 0;
  for (size_t i = 0; i < info->outputs; i++) {
    if (isnan(logits[i])) nans++;
    if (isinf(logits[i])) infinities++;
  }
  if (nans + infinities > 0)
    fprintf(stderr, "mbconv: warning: of %zu logits %zu are NaN and %zu infinite\n", info->outputs, nans, infinities);
}

static void classify(const struct arguments *a, const mbconv_network *network) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  float *x = read_image(a, &info), *logits = infer(network, 1, x);
  preprocess_tell(a->model.name, a->image ? &a->preprocess : NULL, &info);
  float *probabilities = cli_allocate(info.outputs, sizeof *probabilities);
  size_t *best = cli_allocate(a->top, sizeof *best);
  char *text = NULL;
  char **labels = a->labels ? read_labels(a->labels, info.outputs, &text) : NULL;
  mbconv_softmax(info.outputs, logits, probabilities);
  const struct answer answer = {&info,         labels, logits,
                                probabilities, best,   mbconv_top_k(info.outputs, logits, a->top, best)};
  warn_of_not_finite(&info, logits);
  if (a->json)
    print_json(&answer);
  else
    print_text(&answer);
  free(labels);
  free(text);
  free(best);
  free(probabilities);
  free(logits);
  free(x);
}

static void convert_raw(const struct arguments *a, const mbconv_network *network) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  float *x = read_raw(a->raw_input, a->batch * info.height * info.width * info.channels);
  float *y = infer(network, a->batch, x);
  preprocess_tell(a->model.name, a->image ? &a->preprocess : NULL, &info);
  write_raw(a->raw_output, y, a->batch * info.outputs);
  free(x);
  free(y);
}

int cli_run(int count, char **words) {
  const struct arguments a = parse(count, words);
  mbconv_network *network = cli_network(&a.model);
  if (a.image)
    classify(&a, network);
  else
    convert_raw(&a, network);
  mbconv_network_destroy(network);
  return CLI_OK;
}
