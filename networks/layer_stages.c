/* SPDX-License-Identifier: MIT */
#include "layer_stages.h"

/* ---- Padding ----------------------------------------------------------------------------------------------------- */

mbconv_pad mbconv_layer_pad(size_t kernel, mbconv_padding padding) {
  const size_t half = padding == MBCONV_PADDING_SAME ? 0 : kernel / 2;
  return (mbconv_pad){half, half, half, half};
}

mbconv_pad_kind mbconv_layer_pad_kind(mbconv_padding padding) {
  return padding == MBCONV_PADDING_SAME ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN;
}

/* ---- A list of stages -------------------------------------------------------------------------------------------- */

/* Appends a stage. */
static mbconv_stage_desc *append(struct mbconv_block_words *words, mbconv_stage_kind kind, const mbconv_conv *conv,
                                 mbconv_activation_kind activation) {
  mbconv_stage_desc *stage = &words->stage[words->list.count++];
  *stage = (mbconv_stage_desc){.kind = kind, .conv = conv, .activation = activation};
  return stage;
}

static void append_window(struct mbconv_block_words *words, mbconv_stage_kind kind, const mbconv_conv *conv,
                          size_t kernel, size_t stride, mbconv_padding padding, mbconv_activation_kind activation) {
  mbconv_stage_desc *stage = append(words, kind, conv, activation);
  stage->kernel = kernel;
  stage->stride = stride;
  stage->pad = mbconv_layer_pad(kernel, padding);
  stage->pad_kind = mbconv_layer_pad_kind(padding);
}

static void list_stages(const struct mbconv_layer *layer, mbconv_padding padding, const mbconv_conv *convs,
                        struct mbconv_block_words *words) {
  const mbconv_activation_kind activation = layer->activation;
  if (layer->start > 0)
    append_window(words, MBCONV_STAGE_DEPTHWISE, &convs[MBCONV_START], layer->start, layer->start_stride, padding,
                  MBCONV_ACTIVATION_NONE);
  if (layer->fused) {
    append_window(words, MBCONV_STAGE_DENSE, &convs[MBCONV_EXPAND], layer->kernel, layer->stride, padding, activation);
    words->stage[words->list.count - 1].out_channels = layer->expanded;
  } else if (layer->expand) {
    append(words, MBCONV_STAGE_POINTWISE, &convs[MBCONV_EXPAND], activation)->out_channels = layer->expanded;
  }
  if (!layer->fused && layer->kernel > 0)
    append_window(words, MBCONV_STAGE_DEPTHWISE, &convs[MBCONV_DEPTHWISE], layer->kernel, layer->stride, padding,
                  activation);
  if (layer->squeeze > 0)
    append(words, MBCONV_STAGE_SQUEEZE_EXCITE, NULL, MBCONV_ACTIVATION_NONE)->squeeze_excite = &words->excite;
  if (!layer->fused || layer->expand) {
    const mbconv_activation_kind last = layer->activated ? activation : MBCONV_ACTIVATION_NONE;
    append(words, MBCONV_STAGE_POINTWISE, &convs[MBCONV_PROJECT], last)->out_channels = layer->out;
  }
}

/* ---- A block ----------------------------------------------------------------------------------------------------- */

void mbconv_describe_block(const struct mbconv_layer *layer, mbconv_padding padding, struct mbconv_image image,
                           const mbconv_conv *convs, struct mbconv_block_words *words) {
  words->excite = (mbconv_squeeze_excite){.width = layer->squeeze,
                                          .reduce = &convs[MBCONV_REDUCE],
                                          .expand = &convs[MBCONV_EXCITE],
                                          .inner = layer->inner,
                                          .gate = layer->gate};
  words->list = (mbconv_stages_desc){
      .height = image.height,
      .width = image.width,
      .in_channels = layer->in,
      .stages = words->stage,
      .residual = layer->alone ? MBCONV_RESIDUAL_OFF : MBCONV_RESIDUAL_AUTO,
      .residual_place = MBCONV_RESIDUAL_AFTER_ACTIVATION,
  };
  list_stages(layer, padding, convs, words);
}
