/* SPDX-License-Identifier: MIT
 *
 * Networks recognised by their tensors: torchvision's and timm's names, widths, classes; and files in which one tensor
 * is wrong, each with the message that names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_case.h"
#include "weights.h"

/* ---- Names as PyTorch's checkpoints have them -------------------------------------------------------------------- */

/* One example of each kind of name, written down from the state dicts. */
static const struct {
  const char *network;
  enum mbconv_naming naming;
  const char *tensor;
  size_t rank, shape[4];
} examples[] = {
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.0.0.weight", 4, {32, 3, 3, 3}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.0.1.running_mean", 1, {32}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.1.conv.0.0.weight", 4, {32, 1, 3, 3}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.1.conv.1.weight", 4, {16, 32, 1, 1}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.1.conv.2.running_var", 1, {16}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.17.conv.1.0.weight", 4, {960, 1, 3, 3}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.17.conv.2.weight", 4, {320, 960, 1, 1}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.17.conv.3.bias", 1, {320}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "features.18.0.weight", 4, {1280, 320, 1, 1}},
    {"mobilenet_v2", MBCONV_TORCHVISION, "classifier.1.weight", 2, {1000, 1280}},
    {"mobilenet_v2_0.5", MBCONV_TORCHVISION, "features.18.0.weight", 4, {1280, 160, 1, 1}},
    {"mobilenet_v2_1.4", MBCONV_TORCHVISION, "features.18.0.weight", 4, {1792, 448, 1, 1}},
    {"mobilenet_v2_0.35", MBCONV_TORCHVISION, "features.2.conv.0.0.weight", 4, {48, 8, 1, 1}},
    {"efficientnet_b0", MBCONV_TORCHVISION, "features.1.0.block.1.fc1.weight", 4, {8, 32, 1, 1}},
    {"efficientnet_b0", MBCONV_TORCHVISION, "features.1.0.block.2.0.weight", 4, {16, 32, 1, 1}},
    {"efficientnet_b0", MBCONV_TORCHVISION, "features.2.1.block.2.fc2.bias", 1, {144}},
    {"efficientnet_b0", MBCONV_TORCHVISION, "features.7.0.block.3.1.weight", 1, {320}},
    {"efficientnet_b0", MBCONV_TORCHVISION, "features.8.0.weight", 4, {1280, 320, 1, 1}},
    {"efficientnet_b3", MBCONV_TORCHVISION, "features.0.0.weight", 4, {40, 3, 3, 3}},
    {"efficientnet_b3", MBCONV_TORCHVISION, "features.6.5.block.1.0.weight", 4, {1392, 1, 5, 5}},
    {"efficientnet_b7", MBCONV_TORCHVISION, "features.7.3.block.3.0.weight", 4, {640, 3840, 1, 1}},
    {"mobilenet_v3_small", MBCONV_TORCHVISION, "features.1.block.1.fc1.weight", 4, {8, 16, 1, 1}},
    {"mobilenet_v3_small", MBCONV_TORCHVISION, "features.3.block.2.0.weight", 4, {24, 88, 1, 1}},
    {"mobilenet_v3_small", MBCONV_TORCHVISION, "features.12.0.weight", 4, {576, 96, 1, 1}},
    {"mobilenet_v3_small", MBCONV_TORCHVISION, "classifier.0.weight", 2, {1024, 576}},
    {"mobilenet_v3_large", MBCONV_TORCHVISION, "classifier.3.weight", 2, {1000, 1280}},
    {"mobilenet_v2", MBCONV_TIMM, "conv_stem.weight", 4, {32, 3, 3, 3}},
    {"mobilenet_v2", MBCONV_TIMM, "bn1.running_var", 1, {32}},
    {"mobilenet_v2", MBCONV_TIMM, "blocks.0.0.conv_dw.weight", 4, {32, 1, 3, 3}},
    {"mobilenet_v2", MBCONV_TIMM, "blocks.0.0.conv_pw.weight", 4, {16, 32, 1, 1}},
    {"mobilenet_v2", MBCONV_TIMM, "blocks.0.0.bn2.weight", 1, {16}},
    {"mobilenet_v2", MBCONV_TIMM, "blocks.6.0.conv_pwl.weight", 4, {320, 960, 1, 1}},
    {"mobilenet_v2", MBCONV_TIMM, "blocks.6.0.bn3.bias", 1, {320}},
    {"mobilenet_v2", MBCONV_TIMM, "conv_head.weight", 4, {1280, 320, 1, 1}},
    {"mobilenet_v2", MBCONV_TIMM, "bn2.weight", 1, {1280}},
    {"mobilenet_v2", MBCONV_TIMM, "classifier.bias", 1, {1000}},
    {"efficientnet_b0", MBCONV_TIMM, "blocks.2.1.se.conv_reduce.weight", 4, {10, 240, 1, 1}},
    {"efficientnet_b0", MBCONV_TIMM, "blocks.2.1.se.conv_expand.bias", 1, {240}},
    {"efficientnet_b0", MBCONV_TIMM, "blocks.5.3.conv_dw.weight", 4, {1152, 1, 5, 5}},
    {"mobilenet_v3_large", MBCONV_TIMM, "blocks.6.0.conv.weight", 4, {960, 160, 1, 1}},
    {"mobilenet_v3_large", MBCONV_TIMM, "blocks.6.0.bn1.weight", 1, {960}},
    {"mobilenet_v3_large", MBCONV_TIMM, "conv_head.weight", 4, {1280, 960, 1, 1}},
    {"mobilenet_v3_small", MBCONV_TIMM, "blocks.3.1.conv_pw.weight", 4, {144, 48, 1, 1}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_conv_stem.weight", 4, {32, 3, 3, 3}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_bn0.running_mean", 1, {32}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.0._depthwise_conv.weight", 4, {32, 1, 3, 3}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.0._bn1.weight", 1, {32}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.1._expand_conv.weight", 4, {96, 16, 1, 1}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.1._bn0.bias", 1, {96}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.5._se_reduce.bias", 1, {10}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.5._se_expand.weight", 4, {240, 10, 1, 1}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.15._project_conv.weight", 4, {320, 1152, 1, 1}},
    {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, "_blocks.15._bn2.running_var", 1, {320}},
    {"efficientnet_b8", MBCONV_EFFICIENTNET_PYTORCH, "_conv_head.weight", 4, {2816, 704, 1, 1}},
    {"efficientnet_lite4", MBCONV_EFFICIENTNET_PYTORCH, "_bn1.weight", 1, {1280}},
    {"efficientnet_lite0", MBCONV_EFFICIENTNET_PYTORCH, "_fc.weight", 2, {1000, 1280}},
    {"efficientnet_lite2", MBCONV_TIMM, "blocks.5.4.conv_dw.weight", 4, {1248, 1, 5, 5}},
    {"mnasnet1_0", MBCONV_TORCHVISION, "layers.0.weight", 4, {32, 3, 3, 3}},
    {"mnasnet1_0", MBCONV_TORCHVISION, "layers.3.weight", 4, {32, 1, 3, 3}},
    {"mnasnet1_0", MBCONV_TORCHVISION, "layers.7.running_var", 1, {16}},
    {"mnasnet1_0", MBCONV_TORCHVISION, "layers.12.3.layers.3.weight", 4, {1152, 1, 5, 5}},
    {"mnasnet1_3", MBCONV_TORCHVISION, "layers.13.0.layers.6.weight", 4, {416, 1488, 1, 1}},
    {"mnasnet0_5", MBCONV_TORCHVISION, "layers.15.bias", 1, {1280}},
    {"mnasnet0_75", MBCONV_TIMM, "blocks.1.0.conv_pw.weight", 4, {48, 16, 1, 1}},
    {"efficientnet_v2_s", MBCONV_TORCHVISION, "features.1.1.block.0.0.weight", 4, {24, 24, 3, 3}},
    {"efficientnet_v2_s", MBCONV_TORCHVISION, "features.2.0.block.0.0.weight", 4, {96, 24, 3, 3}},
    {"efficientnet_v2_s", MBCONV_TORCHVISION, "features.2.3.block.1.1.weight", 1, {48}},
    {"efficientnet_v2_s", MBCONV_TORCHVISION, "features.6.14.block.2.fc2.weight", 4, {1536, 64, 1, 1}},
    {"efficientnet_v2_s", MBCONV_TORCHVISION, "features.7.0.weight", 4, {1280, 256, 1, 1}},
    {"efficientnet_v2_l", MBCONV_TORCHVISION, "features.6.24.block.1.0.weight", 4, {2304, 1, 3, 3}},
    {"efficientnet_v2_m", MBCONV_TIMM, "blocks.0.2.conv.weight", 4, {24, 24, 3, 3}},
    {"efficientnet_v2_m", MBCONV_TIMM, "blocks.0.2.bn1.weight", 1, {24}},
    {"efficientnet_v2_b3", MBCONV_TIMM, "blocks.2.2.conv_exp.weight", 4, {224, 56, 3, 3}},
    {"efficientnet_v2_b3", MBCONV_TIMM, "blocks.2.2.bn2.weight", 1, {56}},
    {"efficientnet_v2_b2", MBCONV_TIMM, "conv_head.weight", 4, {1408, 208, 1, 1}},
    {"mobilenet_v1", MBCONV_TIMM, "blocks.4.1.conv_pw.weight", 4, {1024, 1024, 1, 1}},
    {"mobilenet_v1", MBCONV_TIMM, "blocks.4.1.bn2.weight", 1, {1024}},
    {"mobilenet_v1_1.25", MBCONV_TIMM, "classifier.weight", 2, {1000, 1280}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.1.1.conv.weight", 4, {64, 96, 1, 1}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.1.1.bn1.bias", 1, {64}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.2.0.dw_start.conv.weight", 4, {64, 1, 5, 5}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.2.0.dw_start.bn.weight", 1, {64}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.3.3.pw_exp.conv.weight", 4, {384, 128, 1, 1}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.3.3.dw_mid.conv.weight", 4, {384, 1, 5, 5}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "blocks.2.5.pw_proj.bn.running_var", 1, {96}},
    {"mobilenet_v4_conv_small", MBCONV_TIMM, "norm_head.running_mean", 1, {1280}},
    {"mobilenet_v4_conv_medium", MBCONV_TIMM, "blocks.0.0.conv_exp.weight", 4, {128, 32, 3, 3}},
    {"mobilenet_v4_conv_medium", MBCONV_TIMM, "blocks.3.10.pw_exp.conv.weight", 4, {512, 256, 1, 1}},
    {"mobilenet_v4_conv_large", MBCONV_TIMM, "blocks.3.12.pw_proj.conv.weight", 4, {512, 2048, 1, 1}},
    {"mobilenet_v4_conv_large", MBCONV_TIMM, "conv_head.weight", 4, {1280, 960, 1, 1}},
    {"mbconv", MBCONV_TORCHVISION, "depthwise.0.weight", 4, {96, 1, 3, 3}},
    {"plain", MBCONV_TORCHVISION, "conv.4.weight", 1, {16}},
    {"bottleneck", MBCONV_TORCHVISION, "conv3.weight", 4, {16, 4, 1, 1}},
};

/* Examples of one network stand one after the other: its tensors are made once. */
static void check_examples(struct test *t) {
  struct mbconv_tensors tensors = {0};
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    test_at(t, "%s of %s", examples[i].tensor, examples[i].network);
    const bool another = i == 0 || examples[i].naming != examples[i - 1].naming ||
                         strcmp(examples[i].network, examples[i - 1].network) != 0;
    if (another) {
      const struct mbconv_description d = file_case_describe(examples[i].network, examples[i].naming, 1000);
      if (i > 0) mbconv_tensors_free(&tensors);
      if (mbconv_random_tensors(&d, 1, &tensors, NULL) != MBCONV_OK) abort();
    }
    const struct mbconv_tensor *tensor = mbconv_tensors_find(&tensors, examples[i].tensor);
    bool same = tensor && tensor->rank == examples[i].rank;
    for (size_t k = 0; same && k < tensor->rank; k++) same = tensor->shape[k] == examples[i].shape[k];
    test_check(t, same, tensor ? "its shape differs" : "there is no such tensor");
  }
  mbconv_tensors_free(&tensors);
}

/* ---- From file to network ---------------------------------------------------------------------------------------- */

/* A file of the network gives the same logits as the network made directly. */
static void check_network(struct test *t, const char *name, enum mbconv_naming naming, size_t classes,
                          const struct file_changes *changes) {
  test_at(t, "%s, naming %d, %zu classes, counters %d, %zu spaces", name, naming, classes, changes->counters,
          changes->spaces);
  const struct mbconv_description d = file_case_describe(name, naming, classes);
  const mbconv_options kernels = {.isa = t->isa};
  mbconv_network_options options = {.kernels = &kernels, .height = 40, .width = 33, .classes = classes, .seed = 5};
  if (d.channels != 3) options.height = options.width = 9;
  options.epsilon = 1e-4f; /* the families' own differ with the naming, and so does the padding */
  options.padding = MBCONV_PADDING_SYMMETRIC;
  struct file_case file;
  file_case_of_network(&file, &d, options.seed, changes);
  mbconv_network *loaded = NULL, *made = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_network_load_memory(file.data, file.size, &options, &loaded, &error);
  test_check(t, status == MBCONV_OK, "load: %s", error.message);
  file_case_free(&file); /* nothing of it may be needed any more */
  test_check(t, mbconv_network_random(name, &options, &made, &error) == MBCONV_OK, "random: %s", error.message);
  if (loaded && made) {
    const mbconv_network_info info = *mbconv_network_info_of(loaded), other = *mbconv_network_info_of(made);
    test_check(t, strcmp(info.name, name) == 0, "taken for %s", info.name);
    test_check(t, info.outputs == other.outputs && info.counts.parameters == other.counts.parameters,
               "%zu outputs, not %zu", info.outputs, other.outputs);
    float *y = calloc(info.outputs, sizeof *y), *want = calloc(other.outputs, sizeof *want);
    if (!y || !want) abort();
    file_case_run(t, loaded, 9, y);
    file_case_run(t, made, 9, want);
    test_check_equal(t, y, want, info.outputs, "logits of the file");
    free(y);
    free(want);
  }
  mbconv_network_destroy(loaded);
  mbconv_network_destroy(made);
}

static void check_networks(struct test *t) {
  static const char *const all[] = {"mobilenet_v2",     "mobilenet_v2_0.5",   "mobilenet_v2_0.35",
                                    "mobilenet_v2_1.4", "mobilenet_v3_small", "mobilenet_v3_large",
                                    "efficientnet_b0",  "efficientnet_b1",    "efficientnet_b3"};
  const struct file_changes none = {0}, counters = {.counters = true}, misaligned = {.spaces = 3};
  const size_t count = t->small ? 1 : sizeof all / sizeof *all;
  for (size_t i = 0; i < count; i++) {
    check_network(t, all[i], MBCONV_TORCHVISION, i == 0 ? 1000 : 7 + i, &counters);
    check_network(t, all[i], MBCONV_TIMM, 10, &none);
  }
  check_network(t, "mobilenet_v2_0.25", MBCONV_TORCHVISION, 3, &misaligned);
  static const struct {
    const char *name;
    enum mbconv_naming naming;
  } more[] = {
      {"efficientnet_v2_b0", MBCONV_TIMM},
      {"mobilenet_v4_conv_small", MBCONV_TIMM},
      {"efficientnet_lite0", MBCONV_EFFICIENTNET_PYTORCH},
      {"efficientnet_b1", MBCONV_EFFICIENTNET_PYTORCH},
      {"efficientnet_lite1", MBCONV_TIMM},
      {"efficientnet_v2_b1", MBCONV_TIMM},
      {"efficientnet_v2_s", MBCONV_TORCHVISION},
      {"efficientnet_v2_s", MBCONV_TIMM},
      {"mnasnet0_5", MBCONV_TORCHVISION},
      {"mnasnet1_0", MBCONV_TIMM},
      {"mobilenet_v1", MBCONV_TIMM},
      {"mobilenet_v1_1.25", MBCONV_TIMM},
      {"mobilenet_v4_conv_medium", MBCONV_TIMM},
  };
  for (size_t i = 0; i < (t->small ? 2 : sizeof more / sizeof *more); i++)
    check_network(t, more[i].name, more[i].naming, 3 + i, i % 2 == 0 ? &counters : &none);
  static const char *const blocks[] = {"mbconv", "plain", "bottleneck"};
  for (size_t i = 0; i < 3; i++) check_network(t, blocks[i], MBCONV_TORCHVISION, 1, &counters);
}

/* ---- One tensor is wrong ----------------------------------------------------------------------------------------- */

static void check_wrong_tensors(struct test *t) {
  static const struct {
    const char *network;
    enum mbconv_naming naming;
    struct file_changes changes;
    const char *message;
  } wrong[] = {
      {"mobilenet_v2_0.35",
       0,
       {.without = "features.3.conv.1.1.running_var"},
       "\"features.3.conv.1.1.running_var\" of mobilenet_v2_0.35 is missing"},
      {"mobilenet_v2_0.35", 0, {.without = "classifier.1.weight"}, "\"classifier.1.weight\""},
      {"mobilenet_v2_0.35", 0, {.without = "classifier.1.bias"}, "\"classifier.1.bias\" of mobilenet_v2_0.35 is miss"},
      {"mobilenet_v2_0.35",
       0,
       {.extra = "features.99.weight"},
       "\"features.99.weight\" does not belong to mobilenet_v2"},
      {"mobilenet_v2_0.35", 0, {.extra = "num_batches_tracked"}, "\"num_batches_tracked\" does not belong"},
      {"mobilenet_v2_0.35", 0, {.extra = "a.num_batches_tracked"}, "\"a.num_batches_tracked\" does not belong"},
      {"mobilenet_v2_0.35",
       0,
       {.reshaped = "features.2.conv.2.weight"},
       "\"features.2.conv.2.weight\" has shape [8, 48, 1, 1, 1], not [8, 48, 1, 1]"},
      {"mobilenet_v2_0.35", 0, {.reshaped = "features.0.1.bias"}, "\"features.0.1.bias\" has shape [16, 1], not [16]"},
      {"mobilenet_v2_0.35", 0, {.retyped = "features.0.0.weight", .type = "U32"}, "\"features.0.0.weight\" is U32"},
      {"mobilenet_v2_0.35", 0, {.retyped = "classifier.1.bias", .type = "I32"}, "\"classifier.1.bias\" is I32"},
      {"mobilenet_v2_0.35", 1, {.without = "blocks.1.0.bn3.weight"}, "\"blocks.1.0.bn3.weight\" of mobilenet_v2_0.35"},
      {"mobilenet_v3_small", 1, {.without = "blocks.5.0.conv.weight"}, "\"blocks.5.0.conv.weight\""},
      {"mobilenet_v3_small", 0, {.without = "features.1.block.1.fc2.bias"}, "\"features.1.block.1.fc2.bias\""},
      {"efficientnet_b0", 0, {.reshaped = "features.8.1.weight"}, "\"features.8.1.weight\" has shape [1280, 1]"},
      {"mbconv", 0, {.negative = "expand.1.running_var"}, "\"expand.1.running_var\": the variance of channel 95 is -1"},
      {"mbconv", 0, {.without = "project.1.running_mean"}, "\"project.1.running_mean\" of mbconv is missing"},
      {"plain", 0, {.extra = "fc.weight"}, "\"fc.weight\" does not belong to plain"},
      {"mobilenet_v4_conv_small",
       1,
       {.extra = "blocks.2.1.layer_scale.gamma"},
       "\"blocks.2.1.layer_scale.gamma\" does not belong to mobilenet_v4_conv_small"},
      {"mobilenet_v4_conv_small",
       1,
       {.without = "blocks.2.5.dw_start.bn.weight"},
       "\"blocks.2.5.dw_start.bn.weight\" of mobilenet_v4_conv_small is missing"},
      {"mobilenet_v4_conv_small",
       1,
       {.without = "conv_head.weight"},
       "\"conv_head.weight\" of mobilenet_v4_conv_small"},
      {"mobilenet_v4_conv_small", 1, {.extra = "conv_head.bias"}, "\"conv_head.bias\" does not belong to mobilenet_v4"},
      {"efficientnet_v2_b0",
       1,
       {.reshaped = "blocks.1.1.conv_exp.weight"},
       "\"blocks.1.1.conv_exp.weight\" has shape [128, 32, 3, 3, 1], not [128, 32, 3, 3] as in efficientnet_v2_b0"},
      {"efficientnet_v2_b0", 1, {.without = "blocks.0.0.bn1.bias"}, "\"blocks.0.0.bn1.bias\" of efficientnet_v2_b0"},
      {"efficientnet_lite0",
       2,
       {.without = "_blocks.3._bn0.running_mean"},
       "\"_blocks.3._bn0.running_mean\" of efficientnet_lite0 is missing"},
      {"efficientnet_lite0",
       2,
       {.extra = "_blocks.3._se_reduce.bias"},
       "\"_blocks.3._se_reduce.bias\" does not belong"},
      {"efficientnet_lite0", 2, {.without = "_fc.bias"}, "\"_fc.bias\" of efficientnet_lite0 is missing"},
      {"mnasnet0_5", 0, {.negative = "layers.7.running_var"}, "\"layers.7.running_var\": the variance of channel 7 is"},
      {"mnasnet0_5", 0, {.extra = "layers.16.weight"}, "\"layers.16.weight\" does not belong to mnasnet0_5"},
      {"mobilenet_v1", 1, {.without = "blocks.3.5.conv_pw.weight"}, "\"blocks.3.5.conv_pw.weight\" of mobilenet_v1 is"},
  };
  const size_t count = sizeof wrong / sizeof *wrong;
  for (size_t i = 0; i < count; i += t->small ? 5 : 1) {
    test_at(t, "%s, case %zu", wrong[i].network, i);
    const struct mbconv_description d = file_case_describe(wrong[i].network, wrong[i].naming, 10);
    struct file_case file;
    file_case_of_network(&file, &d, 1, &wrong[i].changes);
    file_case_refused(t, &file, wrong[i].message);
    file_case_free(&file);
  }
}

/* bn_eps in the file changes what comes out, as the option does, which beats it. */
static void check_epsilon(struct test *t) {
  test_at(t, "epsilon");
  const struct mbconv_description d = file_case_describe("mbconv", MBCONV_TORCHVISION, 1);
  const mbconv_options kernels = {.isa = t->isa};
  struct file_case files[2];
  file_case_of_network(&files[0], &d, 3, &(struct file_changes){0});
  file_case_of_network(&files[1], &d, 3, &(struct file_changes){.metadata = "{\"bn_eps\":\"0.25\",\"format\":\"pt\"}"});
  enum { N = 8 * 8 * 16 };
  float y[4][N];
  for (size_t i = 0; i < 4; i++) {
    const mbconv_network_options options = {.kernels = &kernels,
                                            .height = 8,
                                            .width = 8,
                                            .epsilon = i == 2   ? 0.25f
                                                       : i == 3 ? 1e-5f
                                                                : 0};
    mbconv_network *network = NULL;
    const struct file_case *file = &files[i == 1 || i == 3];
    test_check(t, mbconv_network_load_memory(file->data, file->size, &options, &network, NULL) == MBCONV_OK, "load %zu",
               i);
    if (network) file_case_run(t, network, 1, y[i]);
    mbconv_network_destroy(network);
  }
  test_check_equal(t, y[2], y[1], N, "by option as by file");
  test_check_equal(t, y[3], y[0], N, "the option beats the file");
  test_check(t, !test_equal(y[0], y[1], N, NULL), "bn_eps has no effect");
  file_case_free(&files[0]);
  file_case_free(&files[1]);
}

/* What the names of a network's tensors stand for, if nobody says more. */
static void check_assumptions(struct test *t) {
  enum { NOTHING = MBCONV_ASSUMED_PREPROCESSING, TIMM = NOTHING | MBCONV_ASSUMED_PADDING | MBCONV_ASSUMED_EPSILON };
  static const struct {
    const char *name;
    enum mbconv_naming naming;
    mbconv_padding padding;
    float epsilon;
    unsigned assumed;
  } networks[] = {
      {"efficientnet_lite0", MBCONV_EFFICIENTNET_PYTORCH, MBCONV_PADDING_SAME, 1e-3f, NOTHING},
      {"efficientnet_b0", MBCONV_EFFICIENTNET_PYTORCH, MBCONV_PADDING_SAME, 1e-3f, NOTHING},
      {"efficientnet_lite0", MBCONV_TIMM, MBCONV_PADDING_SYMMETRIC, 1e-5f, TIMM},
      {"efficientnet_v2_b0", MBCONV_TIMM, MBCONV_PADDING_SYMMETRIC, 1e-5f, TIMM},
      {"mnasnet0_5", MBCONV_TORCHVISION, MBCONV_PADDING_SYMMETRIC, 1e-5f, NOTHING},
      {"efficientnet_v2_s", MBCONV_TORCHVISION, MBCONV_PADDING_SYMMETRIC, 1e-3f, NOTHING},
  };
  const mbconv_network_options options = {.height = 32, .width = 32};
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    test_at(t, "%s, naming %d", networks[i].name, networks[i].naming);
    const struct mbconv_description d = file_case_describe(networks[i].name, networks[i].naming, 3);
    struct file_case file;
    file_case_of_network(&file, &d, 1, &(struct file_changes){0});
    mbconv_network *network = file_case_load(t, &file, &options);
    file_case_free(&file);
    if (!network) continue;
    const mbconv_network_info *info = mbconv_network_info_of(network);
    test_check(t, info->padding == networks[i].padding && info->epsilon == networks[i].epsilon,
               "padding %d, epsilon %g", info->padding, (double)info->epsilon);
    test_check(t, info->assumed == networks[i].assumed, "assumed %u", info->assumed);
    mbconv_network_destroy(network);
  }
}

/* The strides of a network, both of a block with two depthwise convolutions; one of the first of these is changed. */
static void strides_of(const struct mbconv_description *d, bool changed, char *text) {
  bool done = !changed;
  text += sprintf(text, "{\"mbconv.strides\":\"");
  for (size_t i = 0; i < d->layers; i++) {
    const struct mbconv_layer *layer = &d->layer[i];
    if (layer->start > 0) {
      const bool here = !done && layer->kernel > 0;
      text += sprintf(text, "%zu,", here ? 2 : layer->start_stride);
      done = done || here;
    }
    if (layer->kernel > 1) text += sprintf(text, "%zu,", layer->stride);
  }
  strcpy(text - 1, "\"}");
}

static void check_strides(struct test *t) {
  const struct mbconv_description d = file_case_describe("mobilenet_v4_conv_small", MBCONV_TIMM, 3);
  const mbconv_network_options options = {.height = 64, .width = 64};
  uint64_t multiply_adds[3] = {0};
  for (int i = 0; i < 3; i++) {
    char text[256] = "";
    if (i > 0) strides_of(&d, i == 2, text);
    test_at(t, "strides %s", text);
    struct file_case file;
    file_case_of_network(&file, &d, 1, &(struct file_changes){.metadata = i > 0 ? text : NULL});
    mbconv_network *network = file_case_load(t, &file, &options);
    file_case_free(&file);
    if (network) multiply_adds[i] = mbconv_network_info_of(network)->counts.multiply_adds;
    mbconv_network_destroy(network);
  }
  test_check(t, multiply_adds[1] == multiply_adds[0], "its own strides change something");
  test_check(t, multiply_adds[2] < multiply_adds[0], "another stride changes nothing");
  struct file_case file;
  file_case_of_network(&file, &d, 1, &(struct file_changes){.metadata = "{\"mbconv.strides\":\"2,2\"}"});
  file_case_refused(t, &file, "mbconv.strides has 2 strides, but mobilenet_v4_conv_small has 18");
  file_case_free(&file);
}

void test_recognise(struct test *t) {
  check_assumptions(t);
  check_strides(t);
  check_examples(t);
  check_networks(t);
  check_wrong_tensors(t);
  check_epsilon(t);
}
