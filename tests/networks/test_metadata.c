/* SPDX-License-Identifier: MIT
 *
 * What a file says beside its tensors: padding, strides, activations, preprocessing; what is assumed if it does not.
 */
#include <stdlib.h>

#include "file_case.h"
#include "networks_suites.h"

enum { CLASSES = 5 };

/* Loads the file of a network with this metadata, or none if NULL. */
static mbconv_network *load(struct test *t, const char *name, enum mbconv_naming naming, const char *metadata,
                            mbconv_network_options options) {
  const struct mbconv_description d = file_case_describe(name, naming, CLASSES);
  struct file_case file;
  file_case_of_network(&file, &d, 2, &(struct file_changes){.metadata = metadata});
  if (options.height == 0) options.height = options.width = 32;
  mbconv_network *network = file_case_load(t, &file, &options);
  file_case_free(&file);
  return network;
}

/* The logits of such a network. */
static void run(struct test *t, const char *name, const char *metadata, mbconv_network_options options, float *y) {
  mbconv_network *network = load(t, name, MBCONV_TIMM, metadata, options);
  if (network) file_case_run(t, network, 4, y);
  mbconv_network_destroy(network);
}

/* ---- Padding ----------------------------------------------------------------------------------------------------- */

/* As TensorFlow's documentation has it. */
static void same_by_definition(size_t size, size_t kernel, size_t stride, size_t *first, size_t *last) {
  const size_t outputs = (size + stride - 1) / stride, reach = (outputs - 1) * stride + kernel;
  const size_t both = reach > size ? reach - size : 0;
  *first = both / 2;
  *last = both - *first;
}

/* A convolution of one kernel and stride, for images of any size, or of one size with these pads. */
static mbconv_convolution *convolution(struct test *t, size_t kernel, size_t stride, const mbconv_conv *conv,
                                       size_t height, size_t width, const mbconv_pad *pad) {
  const mbconv_options options = {.isa = t->isa};
  const mbconv_convolution_desc desc = {.height = height,
                                        .width = width,
                                        .in_channels = 1,
                                        .out_channels = 1,
                                        .kernel = kernel,
                                        .stride = stride,
                                        .pad = pad ? *pad : (mbconv_pad){0},
                                        .pad_kind = pad ? MBCONV_PAD_GIVEN : MBCONV_PAD_SAME,
                                        .conv = conv};
  mbconv_convolution *made = NULL;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_convolution_create(&desc, &options, &made, &error) == MBCONV_OK, "%s", error.message);
  return made;
}

/* SAME as the operators know it, which the networks leave it to: as with the pads of the definition. */
static void check_same(struct test *t, const mbconv_convolution *same, size_t kernel, size_t stride,
                       const mbconv_conv *conv, size_t height, size_t width) {
  enum { MOST = 40 * 9, SCRATCH = 1 << 16 };
  static float x[MOST], y[MOST], want[MOST];
  static char scratch[SCRATCH];
  uint64_t state = t->seed;
  mbconv_pad pad;
  size_t rows = 0, columns = 0;
  test_at(t, "SAME, kernel %zu, stride %zu, %zux%zu", kernel, stride, height, width);
  test_fill(&state, x, height * width);
  same_by_definition(height, kernel, stride, &pad.top, &pad.bottom);
  same_by_definition(width, kernel, stride, &pad.left, &pad.right);
  mbconv_convolution *given = convolution(t, kernel, stride, conv, height, width, &pad);
  mbconv_status status = mbconv_convolution_output_size_at(same, height, width, &rows, &columns, NULL);
  test_check(t,
             status == MBCONV_OK && rows == (height + stride - 1) / stride && columns == (width + stride - 1) / stride,
             "an output of %zux%zu", rows, columns);
  status = mbconv_convolution_run_at(same, 1, height, width, x, y, NULL, scratch, SCRATCH, NULL, NULL);
  if (given && status == MBCONV_OK)
    status = mbconv_convolution_run(given, 1, x, want, NULL, scratch, SCRATCH, NULL, NULL);
  test_check(t, status == MBCONV_OK, "%s", mbconv_status_string(status));
  test_check_equal(t, y, want, rows * columns, "outputs");
  mbconv_convolution_destroy(given);
}

static void check_pads(struct test *t) {
  float weights[7 * 7];
  const mbconv_conv conv = {.weight = weights};
  uint64_t state = t->seed;
  test_fill(&state, weights, 7 * 7);
  for (size_t stride = 1; stride <= 2; stride++) {
    for (size_t kernel = 1; kernel <= 7; kernel += 2) {
      test_at(t, "SAME, kernel %zu, stride %zu", kernel, stride);
      mbconv_convolution *same = convolution(t, kernel, stride, &conv, 0, 0, NULL);
      for (size_t size = 1; size <= 40 && same; size++) {
        check_same(t, same, kernel, stride, &conv, size, 1 + size % 9);
        check_same(t, same, kernel, stride, &conv, 1 + size % 9, size);
      }
      mbconv_convolution_destroy(same);
    }
  }
}

/* Symmetric: kernel / 2 on all sides, so that images of 224x224 have the sizes of the papers, and odd ones are rounded
 * up at each stride. */
static void check_symmetric(struct test *t) {
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels, .classes = 2, .padding = MBCONV_PADDING_SYMMETRIC};
  static const struct {
    size_t height, width, last_height, last_width; /* of the images, and before the pooling */
  } sizes[] = {{224, 224, 7, 7}, {225, 193, 8, 7}, {1, 33, 1, 2}, {2, 31, 1, 1}};
  mbconv_network *network = NULL;
  test_at(t, "symmetric padding");
  test_check(t, mbconv_network_random("mobilenet_v3_small", &options, &network, NULL) == MBCONV_OK, "random");
  for (size_t i = 0; network && i < sizeof sizes / sizeof *sizes; i++) {
    mbconv_layer_info layer = {0}; /* the last convolution: the pooling and two fully connected layers follow */
    const size_t index = mbconv_network_info_of(network)->layers - 4;
    mbconv_network_layer_at(network, index, sizes[i].height, sizes[i].width, &layer, NULL);
    test_check(t, layer.height == sizes[i].last_height && layer.width == sizes[i].last_width, "%s: %zux%zu", layer.name,
               layer.height, layer.width);
  }
  mbconv_network_destroy(network);
}

/* The file says SAME, or the option does, which beats the file. Where every side is odd both paddings are the same. */
static void check_padding(struct test *t, const char *name) {
  const char *const same = "{\"mbconv.padding\":\"same\",\"bn_eps\":\"0.001\"}",
                    *const symmetric = "{\"mbconv.padding\":\"symmetric\",\"bn_eps\":\"0.001\"}";
  const mbconv_network_options none = {0}, option_same = {.padding = MBCONV_PADDING_SAME},
                               option_symmetric = {.padding = MBCONV_PADDING_SYMMETRIC},
                               odd = {.height = 33, .width = 65};
  float y[6][CLASSES];
  test_at(t, "padding of %s", name);
  run(t, name, same, none, y[0]);
  run(t, name, symmetric, none, y[1]);
  run(t, name, symmetric, option_same, y[2]);
  run(t, name, same, option_symmetric, y[3]);
  run(t, name, same, odd, y[4]);
  run(t, name, symmetric, odd, y[5]);
  test_check(t, !test_equal(y[0], y[1], CLASSES, NULL), "padding has no effect");
  test_check_equal(t, y[2], y[0], CLASSES, "SAME by the option");
  test_check_equal(t, y[3], y[1], CLASSES, "symmetric by the option");
  test_check_equal(t, y[4], y[5], CLASSES, "odd sides");
}

/* ---- What is assumed --------------------------------------------------------------------------------------------- */

static void check_assumed(struct test *t) {
  enum { P = MBCONV_ASSUMED_PADDING, E = MBCONV_ASSUMED_EPSILON, I = MBCONV_ASSUMED_PREPROCESSING };
  static const struct {
    const char *name;
    enum mbconv_naming naming;
    const char *metadata;
    mbconv_network_options options;
    unsigned assumed;
    mbconv_padding padding;
    float epsilon;
  } cases[] = {
      {"mobilenet_v2_0.1", MBCONV_TORCHVISION, NULL, {0}, I, MBCONV_PADDING_SYMMETRIC, 1e-5f},
      {"mobilenet_v3_small", MBCONV_TORCHVISION, NULL, {0}, I, MBCONV_PADDING_SYMMETRIC, 1e-3f},
      {"mobilenet_v2_0.1", MBCONV_TIMM, NULL, {0}, P | E | I, MBCONV_PADDING_SYMMETRIC, 1e-5f},
      {"mobilenet_v3_small", MBCONV_TIMM, NULL, {0}, P | E | I, MBCONV_PADDING_SYMMETRIC, 1e-5f},
      {"mobilenet_v3_small", MBCONV_TIMM, NULL, {.padding = MBCONV_PADDING_SAME}, E | I, MBCONV_PADDING_SAME, 1e-3f},
      {"mobilenet_v2_0.1",
       MBCONV_TIMM,
       "{\"mbconv.padding\":\"same\"}",
       {.epsilon = 0.5f},
       I,
       MBCONV_PADDING_SAME,
       0.5f},
      {"mobilenet_v2_0.1", MBCONV_TIMM, "{\"bn_eps\":\"2.5e-1\"}", {0}, P | I, MBCONV_PADDING_SYMMETRIC, 0.25f},
      {"mobilenet_v2_0.1",
       MBCONV_TORCHVISION,
       "{\"mbconv.size\":\"96\",\"mbconv.resize\":\"110\",\"mbconv.interpolation\":\"bicubic\","
       "\"mbconv.mean\":\"0.5,0.25,0\",\"mbconv.std\":\"1,0.125,2e-1\",\"format\":\"pt\"}",
       {0},
       0,
       MBCONV_PADDING_SYMMETRIC,
       1e-5f},
      {"plain", MBCONV_TORCHVISION, NULL, {0}, 0, MBCONV_PADDING_SYMMETRIC, 1e-5f},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_at(t, "assumed, case %zu", i);
    mbconv_network *network = load(t, cases[i].name, cases[i].naming, cases[i].metadata, cases[i].options);
    if (!network) continue;
    const mbconv_network_info info = *mbconv_network_info_of(network);
    test_check(t, info.assumed == cases[i].assumed, "assumed %x, not %x", info.assumed, cases[i].assumed);
    test_check(t, info.padding == cases[i].padding, "padding %d", (int)info.padding);
    test_check(t, info.epsilon == cases[i].epsilon, "epsilon %g", (double)info.epsilon);
    const float *m = info.mean, *d = info.deviation;
    if (cases[i].assumed & I || info.channels != 3)
      test_check(t, m[0] == 0.485f && m[2] == 0.406f && d[0] == 0.229f && d[2] == 0.225f, "not ImageNet's colours");
    else
      test_check(t,
                 info.crop == 96 && info.resize == 110 && info.bicubic && m[0] == 0.5f && m[1] == 0.25f && m[2] == 0 &&
                     d[0] == 1 && d[1] == 0.125f && d[2] == 0.2f,
                 "not the file's preprocessing");
    mbconv_network_destroy(network);
  }
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels, .height = 32, .width = 32};
  mbconv_network *network = NULL;
  test_at(t, "random weights");
  test_check(t, mbconv_network_random("mobilenet_v2_0.1", &options, &network, NULL) == MBCONV_OK, "random");
  test_check(t, network && mbconv_network_info_of(network)->assumed == 0, "something is assumed");
  mbconv_network_destroy(network);
}

/* The file's size is that of images, if the options name none. */
static void check_size(struct test *t) {
  const struct mbconv_description d = file_case_describe("mobilenet_v2_0.1", MBCONV_TIMM, CLASSES);
  struct file_case file;
  file_case_of_network(&file, &d, 2, &(struct file_changes){.metadata = "{\"mbconv.size\":\"40\"}"});
  test_at(t, "size");
  mbconv_network *network = file_case_load(t, &file, NULL);
  if (network) {
    const mbconv_network_info *info = mbconv_network_info_of(network);
    test_check(t, info->height == 40 && info->width == 40 && info->crop == 40, "%zux%zu", info->height, info->width);
  }
  mbconv_network_destroy(network);
  file_case_free(&file);
}

/* ---- Strides and activations ------------------------------------------------------------------------------------- */

#define SMALL_STRIDES "2,1,1,1,1,1,1,1,1,2,1,1" /* of mobilenet_v3_small: the stem and 11 blocks */

static void check_strides(struct test *t) {
  test_at(t, "strides");
  mbconv_network *network = load(t, "mobilenet_v3_small", MBCONV_TIMM, "{\"mbconv.strides\":\"" SMALL_STRIDES "\"}",
                                 (mbconv_network_options){0});
  static const size_t heights[] = {16, 16, 16, 16, 16, 16, 16, 16, 16, 8, 8, 8, 8, 1};
  for (size_t i = 0; network && i < sizeof heights / sizeof *heights; i++) {
    const mbconv_layer_info *layer = mbconv_network_layer(network, i);
    test_check(t, layer->height == heights[i] && layer->width == heights[i], "layer %zu: %zux%zu", i, layer->height,
               layer->width);
  }
  mbconv_network_destroy(network);
}

/* Twice the same activation, said for all at once and one by one; another differs. */
static void check_activations(struct test *t) {
  char list[600] = "{\"mbconv.activations\":\"relu";
  for (size_t i = 1; i < 35; i++) strcat(list, ",relu"); /* stem, 17 blocks, of which the first has no expand, head */
  strcat(list, "\"}");
  float y[5][CLASSES];
  const mbconv_network_options none = {0};
  test_at(t, "activations");
  run(t, "mobilenet_v2_0.1", NULL, none, y[0]);
  run(t, "mobilenet_v2_0.1", "{\"mbconv.activations\":\"relu6\"}", none, y[1]);
  run(t, "mobilenet_v2_0.1", "{\"mbconv.activations\":\"relu\"}", none, y[2]);
  run(t, "mobilenet_v2_0.1", list, none, y[3]);
  strcpy(strstr(list, ",relu\"}"), ",silu\"}"); /* the head's */
  run(t, "mobilenet_v2_0.1", list, none, y[4]);
  test_check_equal(t, y[1], y[0], CLASSES, "its own");
  test_check(t, !test_equal(y[2], y[0], CLASSES, NULL), "another has no effect");
  test_check_equal(t, y[3], y[2], CLASSES, "one by one");
  test_check(t, !test_equal(y[4], y[3], CLASSES, NULL), "the last has no effect");
  test_at(t, "activations in squeeze-excite");
  run(t, "mobilenet_v3_small", NULL, none, y[0]);
  run(t, "mobilenet_v3_small", "{\"mbconv.squeeze\":\"relu,hard-sigmoid\"}", none, y[1]);
  run(t, "mobilenet_v3_small", "{\"mbconv.squeeze\":\"silu,hard-sigmoid\"}", none, y[2]);
  run(t, "mobilenet_v3_small", "{\"mbconv.squeeze\":\"relu,sigmoid\"}", none, y[3]);
  test_check_equal(t, y[1], y[0], CLASSES, "its own");
  test_check(t, !test_equal(y[2], y[0], CLASSES, NULL), "the inner one has no effect");
  test_check(t, !test_equal(y[3], y[0], CLASSES, NULL), "the gate has no effect");
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

static void check_refused(struct test *t) {
  static const struct {
    const char *metadata, *message;
  } cases[] = {
      {"{\"bn_eps\":\"0,001\"}", "bn_eps \"0,001\" is not a number"},
      {"{\"bn_eps\":\"1\"}", "bn_eps \"1\""},
      {"{\"bn_eps\":\"-0.001\"}", "bn_eps \"-0.001\""},
      {"{\"bn_eps\":\"0x1p-9\"}", "bn_eps \"0x1p-9\""},
      {"{\"bn_eps\":\" 0.001\"}", "bn_eps \" 0.001\""},
      {"{\"bn_eps\":\"1e-999\"}", "bn_eps \"1e-999\""},
      {"{\"bn_eps\":\"1e\"}", "bn_eps \"1e\""},
      {"{\"bn_eps\":\".\"}", "bn_eps \".\""},
      {"{\"mbconv.padding\":\"valid\"}", "padding \"valid\" is not symmetric or same"},
      {"{\"mbconv.dilations\":\"2\"}", "\"mbconv.dilations\" is unknown to this version"},
      {"{\"mbconv.strides\":\"2,2\"}", "has 2 strides, but mobilenet_v2_0.1 has 18"},
      {"{\"mbconv.strides\":\"2,0\"}", "strides \"2,0\" is not a list"},
      {"{\"mbconv.strides\":\"2,\"}", "strides \"2,\" is not a list"},
      {"{\"mbconv.activations\":\"gelu\"}", "activations \"gelu\" is not a list of activations known"},
      {"{\"mbconv.activations\":\"relu,relu\"}", "has 2 activations, but mobilenet_v2_0.1 has 35"},
      {"{\"mbconv.squeeze\":\"relu\"}", "squeeze \"relu\" is not two"},
      {"{\"mbconv.size\":\"0\"}", "size \"0\""},
      {"{\"mbconv.size\":\"3.5\"}", "size \"3.5\""},
      {"{\"mbconv.resize\":\"70000\"}", "resize \"70000\""},
      {"{\"mbconv.interpolation\":\"lanczos\"}", "\"lanczos\" is not bilinear or bicubic"},
      {"{\"mbconv.mean\":\"0.5,0.5\"}", "mean \"0.5,0.5\" is not three"},
      {"{\"mbconv.mean\":\"0.5,0.5,0.5,0.5\"}", "mean \"0.5,0.5,0.5,0.5\""},
      {"{\"mbconv.std\":\"0.5,0.5,0\"}", "std \"0.5,0.5,0\""},
  };
  const struct mbconv_description d = file_case_describe("mobilenet_v2_0.1", MBCONV_TORCHVISION, 1);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_at(t, "metadata %s", cases[i].metadata);
    struct file_case file;
    file_case_of_network(&file, &d, 1, &(struct file_changes){.metadata = cases[i].metadata});
    file_case_refused(t, &file, cases[i].message);
    file_case_free(&file);
  }
  char list[600] = "{\"mbconv.activations\":\"relu,relu,silu"; /* the second block has both */
  for (size_t i = 3; i < 35; i++) strcat(list, ",relu");
  strcat(list, "\"}");
  struct file_case file;
  test_at(t, "a block with two activations");
  file_case_of_network(&file, &d, 1, &(struct file_changes){.metadata = list});
  file_case_refused(t, &file, "layer 2 of mobilenet_v2_0.1 has both silu and relu");
  file_case_free(&file);
}

void test_metadata(struct test *t) {
  check_pads(t);
  check_symmetric(t);
  check_padding(t, "mobilenet_v2_0.1");
  if (!t->small) check_padding(t, "mobilenet_v3_small");
  check_assumed(t);
  check_size(t);
  check_strides(t);
  check_activations(t);
  check_refused(t);
}
