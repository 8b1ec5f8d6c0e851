/* SPDX-License-Identifier: MIT
 *
 * mbconv_drift FILE|--print [--isa NAME] [--largest SIDE]: a hash of the output of every block of the networks, with
 * and without squeeze-excite, whole and cut to a small image, of the lists of stages of lists.c, and of the blocks of
 * int8 of i8.c, for fixed parameters and inputs. Compares them with the file's on every usable set with each variant of
 * the exponential, and on every usable row of int8, or prints the file.
 *   --isa      only this set and rows of int8 that need it and more
 *   --largest  only images of up to so many rows, for emulators
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "i8.h"
#include "lists.h"
#include "test.h"

enum { SMALL_SIDE = 4, LIST_SIDE = 14, LINE = 80 };

static const uint64_t seed = 20180113;

_Noreturn static void stop(const char *problem, const char *word) {
  fprintf(stderr, "mbconv_drift: %s: %s\n", problem, word);
  exit(EXIT_FAILURE);
}

/* ---- A hash ------------------------------------------------------------------------------------------------------ */

/* What equality leaves open is made one: zeros are +0, NaNs 7fc00000. */
static uint32_t canonical(float y) {
  if (y == 0.0f) return 0;
  return y == y ? test_bits(y) : 0x7fc00000u;
}

/* FNV-1a over the bytes, the lowest of a float first. */
static uint64_t hash_of(const float *y, size_t n) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = canonical(y[i]);
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >> shift & 0xff)) * 0x100000001b3u;
  }
  return hash;
}

/* ---- The blocks -------------------------------------------------------------------------------------------------- */

struct subject {
  const struct block_layer *layer; /* NULL: a list of stages */
  size_t side, squeeze_excite;     /* of the image; width, or 0 */
  size_t list;
};

static uint64_t run_list(const struct subject *s, mbconv_isa isa, mbconv_exp variant) {
  mbconv_error error;
  size_t size;
  float *y = drift_list_run(s->list, s->side, isa, variant, seed, &size, &error);
  if (!y) stop(drift_list_name(s->list), error.message);
  const uint64_t hash = hash_of(y, size);
  free(y);
  return hash;
}

static uint64_t run(const struct subject *s, mbconv_isa isa, mbconv_exp variant) {
  if (!s->layer) return run_list(s, isa, variant);
  mbconv_block_desc shape = block_layer_shape(s->layer);
  shape.height = shape.width = s->side;
  const struct block_parts parts = {.expand = shape.in_channels != shape.expanded_channels,
                                    .bias = true,
                                    .batch_norm = true,
                                    .squeeze_excite = s->squeeze_excite,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  uint64_t state = seed;
  struct block_case c;
  block_case_new(&c, &shape, &parts, &state);
  const size_t x_size = block_case_x_size(&shape), y_size = block_case_y_size(&shape);
  float *x = test_new_floats(&state, x_size), *y = test_new_floats(&state, y_size);
  const mbconv_options options = {.isa = isa, .exp = variant};
  mbconv_error error;
  mbconv_block *block;
  if (mbconv_block_create(&c.desc, &options, &block, &error) != MBCONV_OK) stop(s->layer->name, error.message);
  const size_t size = mbconv_block_scratch_size(block, 1);
  void *scratch = malloc(size);
  if (!scratch) stop(s->layer->name, "no memory");
  if (mbconv_block_run(block, 1, x, y, scratch, size, NULL, &error) != MBCONV_OK) stop(s->layer->name, error.message);
  const uint64_t hash = hash_of(y, y_size);
  mbconv_block_destroy(block);
  block_case_free(&c);
  free(scratch);
  free(x);
  free(y);
  return hash;
}

enum { SUBJECTS = 4 * BLOCK_LAYERS + 2 * DRIFT_LISTS };

static size_t list_subjects(struct subject subjects[SUBJECTS]) {
  size_t count = 0;
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    const struct block_layer *layer = &block_layers[i];
    const size_t sides[] = {layer->side, SMALL_SIDE};
    for (size_t j = 0; j < 2; j++) {
      subjects[count++] = (struct subject){layer, sides[j], 0, 0};
      if (layer->name[0] == 'e') subjects[count++] = (struct subject){layer, sides[j], layer->in_channels / 4, 0};
    }
  }
  for (size_t i = 0; i < DRIFT_LISTS; i++) {
    subjects[count++] = (struct subject){NULL, LIST_SIDE, 0, i};
    subjects[count++] = (struct subject){NULL, SMALL_SIDE, 0, i};
  }
  return count;
}

/* ---- Int8 -------------------------------------------------------------------------------------------------------- */

static const size_t i8_sides[] = {LIST_SIDE, SMALL_SIDE};

enum { I8_SUBJECTS = 2 * DRIFT_I8_BLOCKS, MOST_SUBJECTS = SUBJECTS + I8_SUBJECTS };

/* Subject i's line of the file, by this row, or another that its name means. Returns the one that has run. */
static mbconv_isa write_i8_line(size_t i, mbconv_isa row, char line[LINE]) {
  mbconv_error error = {.message = ""};
  mbconv_isa ran;
  uint64_t hash;
  if (!drift_i8_run(i / 2, i8_sides[i % 2], row, &ran, &hash, &error)) stop(drift_i8_name(i / 2), error.message);
  snprintf(line, LINE, "%-22s side %-3zu  %016llx\n", drift_i8_name(i / 2), i8_sides[i % 2], (unsigned long long)hash);
  return ran;
}

static bool compare_i8(char (*lines)[LINE], mbconv_isa row, size_t largest) {
  size_t cases = 0, failed = 0;
  printf("%s, int8\n", mbconv_isa_name(row));
  for (size_t i = 0; i < I8_SUBJECTS; i++) {
    if (i8_sides[i % 2] > largest) continue;
    char line[LINE];
    if (write_i8_line(i, row, line) != row) {
      printf("by the one that %s means here\n", mbconv_isa_name(row));
      return true;
    }
    cases++;
    if (strcmp(line, lines[i]) == 0) continue;
    failed++;
    printf("FAIL is   %s     was  %s", line, lines[i]);
  }
  printf("set i8-%s: %zu cases, %zu failed, 0 skipped\n", mbconv_isa_name(row), cases, failed);
  return failed == 0 && cases > 0;
}

/* Whether the row's name is `only`, or begins with it, as that of avx2_vnni does with avx2. */
static bool meant(mbconv_isa row, const char *only) {
  if (!only) return true;
  const char *name = mbconv_isa_name(row);
  const size_t length = strlen(only);
  return strncmp(name, only, length) == 0 && (name[length] == '\0' || name[length] == '_');
}

/* On every row. */
static bool compare_i8_rows(char (*lines)[LINE], const char *only, size_t largest) {
  mbconv_isa rows[MBCONV_ISA_COUNT];
  const size_t usable = drift_i8_rows(rows, MBCONV_ISA_COUNT);
  bool ok = true;
  for (size_t i = 0; i < usable; i++)
    if (meant(rows[i], only)) ok = compare_i8(lines, rows[i], largest) && ok;
  return ok;
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static void write_line(const struct subject *s, uint64_t hash, char line[LINE]) {
  if (!s->layer) {
    snprintf(line, LINE, "%-22s side %-3zu  %016llx\n", drift_list_name(s->list), s->side, (unsigned long long)hash);
    return;
  }
  snprintf(line, LINE, "%-3s side %-3zu squeeze-excite %-2zu  %016llx\n", s->layer->name, s->side, s->squeeze_excite,
           (unsigned long long)hash);
}

static void print_all(const struct subject *subjects, size_t count) {
  printf("# The outputs of the blocks, hashed by mbconv_drift. Made by renew.sh; README.md tells when.\n");
  for (size_t i = 0; i < count; i++) {
    char line[LINE];
    write_line(&subjects[i], run(&subjects[i], MBCONV_ISA_SCALAR, MBCONV_EXP_INLINE), line);
    fputs(line, stdout);
  }
  for (size_t i = 0; i < I8_SUBJECTS; i++) {
    char line[LINE];
    write_i8_line(i, MBCONV_ISA_SCALAR, line);
    fputs(line, stdout);
  }
  if (fflush(stdout) != 0 || ferror(stdout)) stop("cannot be written", "standard output");
}

/* One line of the file per subject, in order. */
static void read_all(const char *name, size_t count, char (*lines)[LINE]) {
  FILE *file = fopen(name, "r");
  if (!file) stop("cannot be read", name);
  char line[2 * LINE];
  size_t read = 0;
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#') continue;
    if (read == count || strlen(line) >= LINE) stop("not the list of these blocks", name);
    strcpy(lines[read++], line);
  }
  fclose(file);
  if (read != count) stop("not the list of these blocks", name);
}

static bool compare(const struct subject *subjects, size_t count, char (*lines)[LINE], mbconv_isa isa, size_t largest) {
  size_t cases = 0, failed = 0;
  for (int variant = MBCONV_EXP_SLEEF; variant <= MBCONV_EXP_INLINE; variant++) {
    if (!mbconv_exp_usable(isa, (mbconv_exp)variant)) continue;
    printf("%s, exponential %s\n", mbconv_isa_name(isa), mbconv_exp_name((mbconv_exp)variant));
    for (size_t i = 0; i < count; i++) {
      if (subjects[i].side > largest) continue;
      char line[LINE];
      write_line(&subjects[i], run(&subjects[i], isa, (mbconv_exp)variant), line);
      cases++;
      if (strcmp(line, lines[i]) == 0) continue;
      failed++;
      printf("FAIL is   %s     was  %s", line, lines[i]);
    }
  }
  printf("set %s: %zu cases, %zu failed, 0 skipped\n", mbconv_isa_name(isa), cases, failed);
  return failed == 0 && cases > 0;
}

int main(int count, char **words) {
  const char *file = NULL, *only = NULL;
  size_t largest = SIZE_MAX;
  bool print = false;
  for (int i = 1; i < count; i++) {
    if (strcmp(words[i], "--print") == 0) {
      print = true;
    } else if (strcmp(words[i], "--isa") == 0 && i + 1 < count) {
      only = words[++i];
    } else if (strcmp(words[i], "--largest") == 0 && i + 1 < count) {
      largest = (size_t)strtoul(words[++i], NULL, 10);
    } else if (words[i][0] != '-') {
      file = words[i];
    } else {
      stop("unknown option, or its value is missing", words[i]);
    }
  }
  if (print == (file != NULL)) stop("usage", "mbconv_drift FILE|--print [--isa NAME] [--largest SIDE]");
  struct subject subjects[SUBJECTS];
  const size_t subject_count = list_subjects(subjects);
  mbconv_isa unused[MBCONV_ISA_COUNT];
  if (print && drift_i8_rows(unused, MBCONV_ISA_COUNT) == 0) stop("only a library with int8 can", "--print");
  if (print) return print_all(subjects, subject_count), EXIT_SUCCESS;
  char lines[MOST_SUBJECTS][LINE];
  read_all(file, subject_count + I8_SUBJECTS, lines);
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t usable = mbconv_usable_isas(isas, sizeof isas / sizeof *isas);
  bool ok = true, any = false;
  for (size_t i = 0; i < usable; i++) {
    if (only && strcmp(mbconv_isa_name(isas[i]), only) != 0) continue;
    any = true;
    ok = compare(subjects, subject_count, lines, isas[i], largest) && ok;
  }
  if (!any) stop("not usable here", only);
  ok = compare_i8_rows(lines + subject_count, only, largest) && ok;
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
