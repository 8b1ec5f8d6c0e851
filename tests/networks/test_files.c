/* SPDX-License-Identifier: MIT
 *
 * Files as they come: of other formats, misaligned, without a classifier, of networks that are not known here; and what
 * loads leave behind.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file_case.h"
#include "networks_suites.h"
#include "tensors.h"
#include "weights.h"

/* ---- Other formats ----------------------------------------------------------------------------------------------- */

static void check_formats(struct test *t) {
  static const struct {
    const char *bytes;
    size_t length;
    const char *message;
  } formats[] = {
      {"PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0", 16,
       "but a zip archive, as PyTorch's checkpoints (.pth, .pt) are; networks/export.py"},
      {"\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2", 16, "a pickle, as PyTorch's old checkpoints"},
      {"\x1c\0\0\0TFL3\x14\0 \0\x1c\0\x18\0", 16, "TensorFlow Lite, which cannot be read here; networks/export.py"},
      {"\x08\x08\x12\x07pytorch\x1a\x05"
       "1.13",
       18, "what seems a model of ONNX"},
      {"\x89HDF\r\n\x1a\n\0\0\0\0", 12, "HDF5, as Keras'"},
      {"GGUF\3\0\0\0\0\0\0\0", 12, "but GGUF"},
      {"\x93NUMPY\1\0v\0{'", 12, "an array of NumPy"},
      {"\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "compressed by gzip"},
      {"\x89PNG\r\n\x1a\n\0\0\0\r", 12, "an image (PNG)"},
      {"\xff\xd8\xff\xe0\0\x10JFIF", 10, "an image (JPEG)"},
      {"{\"a\":{\"dtype\":\"F32\"}}", 21, "JSON without the eight bytes"},
      {"version https://git-lfs.github.com/spec/v1\n", 43, "a pointer of git-lfs"},
      {"<html><head>", 12, "no safetensors file, or cut off"},
  };
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    test_at(t, "other format %zu", i);
    struct file_case file = {.data = malloc(formats[i].length), .size = formats[i].length};
    if (!file.data) abort();
    memcpy(file.data, formats[i].bytes, file.size);
    file_case_refused(t, &file, formats[i].message);
    file_case_free(&file);
  }
  /* Lengths of headers that begin like those. */
  static const size_t lengths[] = {'{', 0x280, 0x8b1f, 0x708, 0x4b50};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    test_at(t, "header of %zu bytes", lengths[i]);
    char *header = malloc(lengths[i] + 1);
    if (!header) abort();
    memset(header, ' ', lengths[i]);
    memcpy(header, "{}", 2);
    header[lengths[i]] = '\0';
    struct file_case file;
    file_case_of_header(&file, header, 0);
    file_case_refused(t, &file, "of no network known here");
    file_case_free(&file);
    free(header);
  }
}

/* ---- Misaligned -------------------------------------------------------------------------------------------------- */

/* The file at each residue of an address, its data at each residue of the file. */
static void check_residues(struct test *t) {
  const struct mbconv_description d = file_case_describe("plain", MBCONV_TORCHVISION, 1);
  enum { OUTPUTS = 8 * 8 * 16, RESIDUES = 8 };
  static float y[2][OUTPUTS];
  for (size_t spaces = 0; spaces < RESIDUES; spaces++) {
    struct file_case file;
    file_case_of_network(&file, &d, 3, &(struct file_changes){.spaces = spaces});
    unsigned char *room = malloc(file.size + RESIDUES);
    if (!room) abort();
    for (size_t offset = 0; offset < RESIDUES; offset++) {
      test_at(t, "file at residue %zu, data at %zu", offset, (offset + spaces) % RESIDUES);
      memcpy(room + offset, file.data, file.size);
      const struct file_case moved = {room + offset, file.size};
      const bool first = spaces + offset == 0;
      mbconv_network *network = file_case_load(t, &moved, &(mbconv_network_options){.height = 8, .width = 8});
      if (network) file_case_run(t, network, 1, y[!first]);
      if (network && !first) test_check_equal(t, y[1], y[0], OUTPUTS, "outputs");
      mbconv_network_destroy(network);
    }
    free(room);
    file_case_free(&file);
  }
}

/* ---- No classifier ----------------------------------------------------------------------------------------------- */

/* Without the last layers the outputs are what these would be given. */
static void check_features(struct test *t, const char *name, enum mbconv_naming naming, const char *without,
                           size_t outputs, size_t layers) {
  enum { CLASSES = 4 };
  test_at(t, "%s without %s", name, without);
  const struct mbconv_description d = file_case_describe(name, naming, CLASSES);
  const mbconv_network_options options = {.height = 32, .width = 32, .epsilon = 1e-3f};
  struct file_case whole, part;
  struct mbconv_tensors tensors;
  file_case_of_network(&whole, &d, 3, &(struct file_changes){0});
  file_case_of_network(&part, &d, 3, &(struct file_changes){.without_all = without});
  if (mbconv_random_tensors(&d, 3, &tensors, NULL) != MBCONV_OK) abort();
  mbconv_network *network = file_case_load(t, &whole, &options), *cut = file_case_load(t, &part, &options);
  float y[CLASSES], features[1280];
  if (network && cut) {
    const mbconv_network_info info = *mbconv_network_info_of(cut);
    test_check(t, mbconv_network_info_of(network)->classes == CLASSES, "classes of the whole");
    if (test_check(t, info.outputs == outputs && info.classes == 0 && info.layers == layers,
                   "%zu outputs, %zu classes, %zu layers", info.outputs, info.classes, info.layers)) {
      file_case_run(t, network, 1, y);
      file_case_run(t, cut, 1, features);
      struct mbconv_part parts[MBCONV_ROLES];
      mbconv_parts_of(&d, d.layers - 1, parts);
      mbconv_batch_norm unused;
      const mbconv_conv classifier = mbconv_conv_of(&tensors, &parts[0], 0, &unused);
      for (size_t c = 0; d.layers == layers + 1 && c < CLASSES; c++) {
        float sum = classifier.bias[c];
        for (size_t k = 0; k < outputs; k++) sum = fmaf(classifier.weight[c * outputs + k], features[k], sum);
        test_check(t, sum == y[c], "class %zu of these features: %g, not %g", c, (double)sum, (double)y[c]);
      }
    }
  }
  mbconv_network_destroy(network);
  mbconv_network_destroy(cut);
  mbconv_tensors_free(&tensors);
  file_case_free(&whole);
  file_case_free(&part);
}

/* A classifier of which half is there is a damaged file. */
static void check_half_classifier(struct test *t) {
  static const char *const halves[] = {"classifier.1.weight", "classifier.1.bias"};
  const struct mbconv_description d = file_case_describe("mobilenet_v2_0.1", MBCONV_TORCHVISION, 1000);
  for (size_t i = 0; i < 2; i++) {
    struct file_case file;
    char message[128];
    test_at(t, "no %s", halves[i]);
    snprintf(message, sizeof message, "tensor \"%s\" of mobilenet_v2_0.1 is missing", halves[i]);
    file_case_of_network(&file, &d, 1, &(struct file_changes){.without = halves[i]});
    file_case_refused(t, &file, message);
    file_case_free(&file);
  }
}

/* ---- Other networks ---------------------------------------------------------------------------------------------- */

/* More than a few tensors wrong: another network, and not a misshapen one. */
static void check_nearest(struct test *t) {
  const struct mbconv_description d = file_case_describe("mobilenet_v2_0.1", MBCONV_TORCHVISION, 3);
  struct file_case file;
  test_at(t, "another network");
  file_case_of_network(&file, &d, 1, &(struct file_changes){.without_all = "features.1"});
  file_case_refused(t, &file, "no network known here");
  file_case_free(&file);
  file_case_of_network(&file, &d, 1, &(struct file_changes){.without_all = "features.3."});
  file_case_refused(t, &file, "tensor \"features.3.conv.0.0.weight\" of mobilenet_v2_0.1 is missing"); /* 15 of 262 */
  file_case_free(&file);
  file_case_of_network(&file, &d, 1, &(struct file_changes){.without_all = "features.1."});
  file_case_refused(t, &file, "of no network known here; the first is \"classifier.1.bias\""); /* the mark is gone */
  file_case_free(&file);
  file_case_of_network(&file, &d, 1, &(struct file_changes){.without_all = "features.1.conv.2"});
  file_case_refused(t, &file, "tensor \"features.1.conv.2.weight\" of mobilenet_v2_0.1 is missing");
  file_case_free(&file);
  const struct mbconv_description timm = file_case_describe("efficientnet_b0", MBCONV_TIMM, 3);
  file_case_of_network(&file, &timm, 1, &(struct file_changes){.without_all = "blocks.5."});
  file_case_refused(t, &file,
                    "no network known here; the nearest is efficientnet_b0, with 235 of its 311 tensors: tensor "
                    "\"blocks.5.0.conv_pw.weight\" of efficientnet_b0 is missing");
  file_case_free(&file);
}

/* Files of one family's names in which a stage, or what tells the family, is missing: the nearest is of that family. */
static void check_nearest_of_families(struct test *t) {
  static const struct {
    const char *name;
    enum mbconv_naming naming;
    const char *without_all, *message;
  } files[] = {
      {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.3.",
       "the nearest is mobilenet_v4_conv_small, with 132 of its 232"},
      {"mobilenet_v4_conv_small", MBCONV_TIMM, "norm_head",
       "\"norm_head.weight\" of mobilenet_v4_conv_small is missing"},
      {"mobilenet_v4_conv_small", MBCONV_TIMM, "conv_head",
       "\"conv_head.weight\" of mobilenet_v4_conv_small is missing"},
      {"mobilenet_v4_conv_medium", MBCONV_TIMM, "norm_head", "\"norm_head.weight\" of mobilenet_v4_conv_medium is"},
      {"efficientnet_v2_b0", MBCONV_TIMM, "blocks.5.", "the nearest is efficientnet_v2_b0, with 209 of its 361"},
      {"efficientnet_v2_b1", MBCONV_TIMM, "conv_head", "\"conv_head.weight\" of efficientnet_v2_b1 is missing"},
      {"efficientnet_lite0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.1", "the nearest is efficientnet_lite0, with "},
      {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.7.",
       "\"_blocks.7._expand_conv.weight\" of efficientnet_b0"},
      {"mnasnet0_5", MBCONV_TORCHVISION, "layers.12.", "the nearest is mnasnet0_5, with "},
      {"mnasnet0_5", MBCONV_TIMM, "blocks.5.", "the nearest is mnasnet0_5, with "},
      {"mobilenet_v1", MBCONV_TIMM, "blocks.3.", "the nearest is mobilenet_v1, with "},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const struct mbconv_description d = file_case_describe(files[i].name, files[i].naming, 3);
    struct file_case file;
    test_at(t, "%s without %s", files[i].name, files[i].without_all);
    file_case_of_network(&file, &d, 1, &(struct file_changes){.without_all = files[i].without_all});
    file_case_refused(t, &file, files[i].message);
    file_case_free(&file);
  }
}

/* ---- What loads leave behind ------------------------------------------------------------------------------------- */

/* The entries of /proc/self/fd. */
static size_t open_files(void) {
  size_t count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return 0;
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

/* Mappings of the file. */
static size_t mappings_of(const char *path) {
  char line[512];
  size_t count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps)) count += strstr(line, path) != NULL;
  if (maps) fclose(maps);
  return count;
}

static void check_left_behind(struct test *t) {
  const struct mbconv_description d = file_case_describe("plain", MBCONV_TORCHVISION, 1);
  static const struct file_changes bad = {.without = "conv.0.weight"};
  for (int kind = 0; kind < 3; kind++) {
    test_at(t, "a hundred loads of %s file", kind == 0 ? "a good" : kind == 1 ? "a bad" : "an empty");
    struct file_case file;
    file_case_of_network(&file, &d, 1, kind == 1 ? &bad : &(struct file_changes){0});
    char path[] = "/tmp/mbconv-XXXXXX";
    const int descriptor = mkstemp(path);
    const size_t size = kind == 2 ? 0 : file.size;
    if (descriptor < 0 || write(descriptor, file.data, size) != (ssize_t)size) abort();
    close(descriptor);
    const size_t before = open_files();
    size_t made = 0;
    for (size_t i = 0; i < 100; i++) {
      mbconv_network *network = NULL;
      made += mbconv_network_load(path, NULL, &network, NULL) == MBCONV_OK;
      if (i == 50 && network) test_check(t, mappings_of(path) == 0, "the file is still mapped beside the network");
      mbconv_network_destroy(network);
    }
    test_check(t, made == (kind == 0 ? 100 : 0), "%zu of 100 were made", made);
    test_check(t, open_files() == before, "%zu open files, %zu before", open_files(), before);
    test_check(t, mappings_of(path) == 0, "%zu mappings are left", mappings_of(path));
    remove(path);
    file_case_free(&file);
  }
}

void test_files(struct test *t) {
  check_formats(t);
  check_residues(t);
  check_features(t, "mobilenet_v2_0.1", MBCONV_TORCHVISION, "classifier", 1280, 20);
  check_features(t, "mobilenet_v2_0.1", MBCONV_TIMM, "classifier", 1280, 20);
  check_features(t, "mobilenet_v3_small", MBCONV_TORCHVISION, "classifier.3", 1024, 15);
  check_features(t, "mobilenet_v3_small", MBCONV_TORCHVISION, "classifier", 576, 14);
  check_features(t, "mobilenet_v3_small", MBCONV_TIMM, "classifier", 1024, 15);
  check_half_classifier(t);
  check_nearest(t);
  check_nearest_of_families(t);
  check_left_behind(t);
}
