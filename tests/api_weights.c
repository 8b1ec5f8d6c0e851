/* SPDX-License-Identifier: MIT
 *
 * The size of packed weights, under the bound that the header promises.
 */
#include <stdlib.h>

#include "api.h"

/* The bound of mbconv_info: 1.1 times the weights and biases, plus for each convolution one tile: a panel of the tile's
 * width and depth, or a vector of channels with its taps. */
struct bound {
  double floats;
};

static void bound_pointwise(const struct test *t, struct bound *bound, size_t in, size_t out) {
  bound->floats += 1.1 * (double)(out * (in + 1)) + (double)(t->kernels->pointwise[0].channels * (in + 1));
}

static void bound_depthwise(const struct test *t, struct bound *bound, size_t channels, size_t kernel) {
  const size_t taps = kernel * kernel + 1;
  bound->floats += 1.1 * (double)(channels * taps) + (double)(t->kernels->lanes * taps);
}

/* The bytes are also those that the allocator gave for it, but for the struct and what aligns its arrays. */
static void check_bound(struct test *t, const struct bound *bound, size_t least, size_t bytes, size_t allocated,
                        const char *what) {
  enum { STRUCT = 4096, ARRAYS = 5, ALIGNMENT = 64 }; /* room for six stages */
  test_check(t, bytes <= allocated && allocated - bytes <= STRUCT + ARRAYS * ALIGNMENT,
             "%s: %zu bytes of weights, %zu allocated", what, bytes, allocated);
  test_check(t, bytes >= least * sizeof(float) && (double)bytes <= bound->floats * (double)sizeof(float),
             "%s: %zu bytes of weights, %zu floats came in, at most %.0f bytes are allowed", what, bytes, least,
             bound->floats * (double)sizeof(float));
}

static void packed_pointwise(struct test *t, const struct api_ledger *ledger, const mbconv_options *chosen,
                             const float *weights, size_t in, size_t out) {
  test_at(t, "packed pointwise of %zu to %zu", in, out);
  const mbconv_pointwise_desc desc = {
      .in_channels = in, .out_channels = out, .conv = &(mbconv_conv){.weight = weights}};
  mbconv_pointwise *object = NULL;
  if (!test_check(t, mbconv_pointwise_create(&desc, chosen, &object, NULL) == MBCONV_OK, "create")) return;
  struct bound bound = {0};
  bound_pointwise(t, &bound, in, out);
  check_bound(t, &bound, in * out, api_info(POINTWISE, object).weight_bytes, ledger->last_size, "pointwise");
  mbconv_pointwise_destroy(object);
}

static void packed_convolution(struct test *t, const struct api_ledger *ledger, const mbconv_options *chosen,
                               const float *weights, size_t in, size_t out, size_t kernel) {
  test_at(t, "packed convolution of %zu to %zu, kernel %zu", in, out, kernel);
  const size_t window = in * kernel * kernel;
  const mbconv_convolution_desc desc = {.height = kernel,
                                        .width = kernel,
                                        .in_channels = in,
                                        .out_channels = out,
                                        .kernel = kernel,
                                        .stride = 1,
                                        .conv = &(mbconv_conv){.weight = weights}};
  mbconv_convolution *object = NULL;
  if (!test_check(t, mbconv_convolution_create(&desc, chosen, &object, NULL) == MBCONV_OK, "create")) return;
  struct bound bound = {0};
  bound_pointwise(t, &bound, window, out);
  check_bound(t, &bound, window * out, api_info(CONVOLUTION, object).weight_bytes, ledger->last_size, "convolution");
  mbconv_convolution_destroy(object);
}

static void packed_depthwise(struct test *t, const struct api_ledger *ledger, const mbconv_options *chosen,
                             const float *weights, size_t channels, size_t kernel) {
  test_at(t, "packed depthwise of %zu channels, kernel %zu", channels, kernel);
  const mbconv_depthwise_desc desc = {.height = kernel,
                                      .width = kernel,
                                      .channels = channels,
                                      .kernel = kernel,
                                      .stride = 1,
                                      .conv = &(mbconv_conv){.weight = weights}};
  mbconv_depthwise *object = NULL;
  if (!test_check(t, mbconv_depthwise_create(&desc, chosen, &object, NULL) == MBCONV_OK, "create")) return;
  struct bound bound = {0};
  bound_depthwise(t, &bound, channels, kernel);
  check_bound(t, &bound, channels * kernel * kernel, api_info(DEPTHWISE, object).weight_bytes, ledger->last_size,
              "depthwise");
  mbconv_depthwise_destroy(object);
}

static void packed_block(struct test *t, const struct api_ledger *ledger, const mbconv_options *chosen,
                         const float *weights, const struct block_layer *layer) {
  test_at(t, "packed block %s", layer->name);
  const mbconv_conv conv = {.weight = weights};
  const size_t in = layer->in_channels, wide = layer->expanded_channels, out = layer->out_channels;
  const mbconv_squeeze_excite squeeze = {.width = in / 4, .reduce = &conv, .expand = &conv};
  mbconv_block_desc desc = block_layer_shape(layer);
  desc.height = desc.width = 7;
  desc.expand = in != wide ? &conv : NULL;
  desc.depthwise = desc.project = &conv;
  desc.squeeze_excite = layer->activation == MBCONV_ACTIVATION_SILU ? &squeeze : NULL;
  mbconv_block *object = NULL;
  if (!test_check(t, mbconv_block_create(&desc, chosen, &object, NULL) == MBCONV_OK, "create")) return;
  struct bound bound = {0};
  size_t least = wide * (layer->kernel * layer->kernel + out);
  bound_depthwise(t, &bound, wide, layer->kernel);
  bound_pointwise(t, &bound, wide, out);
  if (desc.expand) {
    bound_pointwise(t, &bound, in, wide);
    least += in * wide;
  }
  if (desc.squeeze_excite) {
    bound_pointwise(t, &bound, wide, in / 4);
    bound_pointwise(t, &bound, in / 4, wide);
    least += 2 * wide * (in / 4);
  }
  check_bound(t, &bound, least, api_info(BLOCK, object).weight_bytes, ledger->last_size, "block");
  mbconv_block_destroy(object);
}

void api_weight_bytes(struct test *t, const struct api_fixture *f) {
  enum { MOST_WEIGHTS = 1152 * 320 };
  static const size_t pairs[][2] = {{1, 1},    {3, 5},     {17, 33},   {16, 96},   {96, 24},    {24, 144},
                                    {40, 240}, {320, 100}, {112, 672}, {672, 192}, {1152, 320}, {1, 500}};
  static const size_t channels[] = {1, 5, 16, 24, 33, 40, 144, 672, 1152};
  float *weights = calloc(MOST_WEIGHTS, sizeof *weights);
  if (!weights) abort();
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (t->small && pairs[i][0] * pairs[i][1] > 10000) continue;
    packed_pointwise(t, &f->ledger, &f->options, weights, pairs[i][0], pairs[i][1]);
  }
  for (size_t kernel = 1; kernel <= 7; kernel++) packed_convolution(t, &f->ledger, &f->options, weights, 3, 33, kernel);
  for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
    for (size_t kernel = 3; kernel <= 7; kernel += 2)
      packed_depthwise(t, &f->ledger, &f->options, weights, channels[i], kernel);
  }
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    if (t->small && block_layers[i].expanded_channels > 144) continue;
    packed_block(t, &f->ledger, &f->options, weights, &block_layers[i]);
  }
  free(weights);
}
