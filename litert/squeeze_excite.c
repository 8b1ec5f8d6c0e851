/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite as converters write it: a mean of the image by MEAN or by AVERAGE_POOL_2D, two layers by CONV_2D or by
 * FULLY_CONNECTED, a gate by LOGISTIC or by the operators that make a hard sigmoid, and MUL. Between them the vector
 * may be an image of one pixel or have two dimensions, and RESHAPE may turn one into the other.
 */
#include <math.h>

#include "vector.h"

enum { MOST_EXACT_PIXELS = 8192 }; /* of AVERAGE_POOL_2D in int8 */

/* ---- The mean ---------------------------------------------------------------------------------------------------- */

/* Over rows and columns. */
static bool is_mean(const litert_matcher *matcher, const graph_op *op) {
  const host_tensor *axes = op->input_count == 2 ? graph_constant(matcher->graph, op->inputs[1], HOST_I32, 1) : NULL;
  const unsigned char keeps = ((const host_reducer *)op->parameters)->keep_dims;
  if (!axes || axes->dims->values[0] != 2 || keeps > 1) return false;
  const int32_t *axis = axes->data;
  const int first = axis[0] < 0 ? axis[0] + GRAPH_RANK : axis[0], second = axis[1] < 0 ? axis[1] + GRAPH_RANK : axis[1];
  return (first == 1 && second == 2) || (first == 2 && second == 1);
}

/* A window as large as the image. */
static bool is_whole_pool(const graph_op *op, const host_tensor *x) {
  const host_pool *pool = op->parameters;
  return op->input_count == 1 && pool->filter_height == x->dims->values[1] &&
         pool->filter_width == x->dims->values[2] && pool->fused == HOST_NONE &&
         (pool->padding == HOST_SAME || pool->padding == HOST_VALID);
}

/* Whether AVERAGE_POOL_2D has MEAN's bytes, of one scale. It rounds halves away from 0, MEAN to even: a mean of an odd
 * number of pixels is never a half. Nor is it so near to one that MEAN's floats could err, whose relative error is
 * below 2^-22: 255 * 2^-22 < 1 / (2 * pixels). */
static bool is_exact_pool(const litert_matcher *matcher, const graph_op *op, const host_tensor *x) {
  const int64_t pixels = (int64_t)x->dims->values[1] * x->dims->values[2];
  return pixels % 2 == 1 && pixels < MOST_EXACT_PIXELS && match_same_quantization(matcher, op->inputs[0], op->output);
}

static bool match_mean(litert_matcher *matcher, const graph_op *op, int image, match_vector *at, bool *pooled) {
  const host_tensor *x = graph_image(matcher->graph, image, matcher->chain->type);
  if (!x || op->inputs[0] != image) return match_leave(matcher, op, "it is no mean of the image");
  const bool pool = op->code == HOST_AVERAGE_POOL_2D;
  if (!(pool ? is_whole_pool(op, x) : is_mean(matcher, op)))
    return match_leave(matcher, op, "it is no mean of all of an image's rows and columns");
  *at = (match_vector){image, x->dims->values[0], x->dims->values[3]};
  if (!match_vector_after(matcher, op, at) || at->channels != x->dims->values[3])
    return match_leave(matcher, op, "it makes no vector per image");
  if (pool && matcher->chain->type == HOST_I8 && !is_exact_pool(matcher, op, x))
    return match_leave(matcher, op, "it rounds bytes otherwise than MEAN does");
  if (pool) matcher->chain->sized = true;
  *pooled = pool;
  return match_take(matcher, op);
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

/* A layer, and the activation behind it. */
static bool match_layer(litert_matcher *matcher, match_vector *at, chain_conv *layer) {
  if (!match_reshape(matcher, at)) return false;
  const graph_op *op = graph_only_reader(matcher->graph, at->tensor);
  if (!match_is_free(matcher, op)) return false;
  if (op->code == HOST_FULLY_CONNECTED) return match_connected(matcher, op, at, layer);
  const int x = at->tensor;
  return op->code == HOST_CONV_2D && match_conv(matcher, op, layer) && layer->kind == MBCONV_STAGE_POINTWISE &&
         layer->x == x && match_vector_after(matcher, op, at);
}

/* ---- The gate ---------------------------------------------------------------------------------------------------- */

/* The operator's other input, if it is a constant of one number of the chain's type; else -1. */
static int other_number(const litert_matcher *matcher, const graph_op *op, int tensor) {
  if (op->input_count != 2 || (op->inputs[0] == tensor) == (op->inputs[1] == tensor)) return -1;
  const int other = op->inputs[op->inputs[0] == tensor];
  for (int rank = 0; rank <= GRAPH_RANK; rank++) {
    const host_tensor *constant = graph_constant(matcher->graph, other, matcher->chain->type, rank);
    if (constant) return constant->bytes == (matcher->chain->type == HOST_I8 ? 1 : sizeof(float)) ? other : -1;
  }
  return -1;
}

static float float_of(const litert_matcher *matcher, int tensor) {
  return *(const float *)matcher->graph->context->tensors[tensor].data;
}

/* The reader of the vector, if it has the code; then the vector behind it. */
static const graph_op *pass(litert_matcher *matcher, match_vector *at, int code) {
  const graph_op *op = match_reader(matcher, at->tensor, code);
  const int channels = at->channels;
  if (!op || !match_vector_after(matcher, op, at) || at->channels != channels || !match_take(matcher, op)) return NULL;
  return op;
}

/* relu6(x + 3) / 6, where the quotient is a product. In int8 it is a function of one byte, whatever the constants are,
 * but RELU6 of its own has another scale in front of it than behind. */
static bool match_hard_sigmoid(litert_matcher *matcher, match_vector *at, chain_stage *stage) {
  const int x = at->tensor;
  const bool f32 = matcher->chain->type == HOST_F32;
  const graph_op *sum = pass(matcher, at, HOST_ADD);
  stage->three = sum ? other_number(matcher, sum, x) : -1;
  if (stage->three < 0 || (f32 && float_of(matcher, stage->three) != 3)) return false;
  stage->sum = at->tensor;
  const int fused = ((const host_arithmetic *)sum->parameters)->fused;
  if (fused != HOST_RELU6 && (!f32 || fused != HOST_NONE || !pass(matcher, at, HOST_OP_RELU6))) return false;
  const int clamped = at->tensor;
  const graph_op *product = pass(matcher, at, HOST_MUL);
  stage->sixth = product ? other_number(matcher, product, clamped) : -1;
  return stage->sixth >= 0 && (!f32 || fabsf(float_of(matcher, stage->sixth) - 1.0f / 6) < 1e-7f) &&
         ((const host_arithmetic *)product->parameters)->fused == HOST_NONE;
}

static bool match_gate(litert_matcher *matcher, match_vector *at, chain_stage *stage) {
  if (!match_reshape(matcher, at)) return false;
  stage->gate = MBCONV_ACTIVATION_SIGMOID;
  if (match_reader(matcher, at->tensor, HOST_LOGISTIC)) {
    if (!pass(matcher, at, HOST_LOGISTIC)) return false;
  } else {
    stage->gate = MBCONV_ACTIVATION_HARD_SIGMOID;
    const graph_op *op = graph_only_reader(matcher->graph, at->tensor);
    if (!match_hard_sigmoid(matcher, at, stage))
      return match_leave(matcher, op, "it is no gate by LOGISTIC or a hard sigmoid");
  }
  return match_reshape(matcher, at);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static bool match_all(litert_matcher *matcher, int x, chain_stage *stage, const graph_op *mean,
                      const graph_op *product) {
  match_vector at;
  if (!match_mean(matcher, mean, x, &at, &stage->pooled) || !match_layer(matcher, &at, &stage->conv)) return false;
  match_function(matcher, &stage->conv);
  at.tensor = stage->conv.out;
  if (!match_layer(matcher, &at, &stage->second) || stage->second.fused != HOST_NONE) return false;
  if (!match_gate(matcher, &at, stage) || !match_multiplies(matcher, product, x, at.tensor, &stage->fused))
    return false;
  const int type = matcher->chain->type;
  const host_tensor *image = graph_image(matcher->graph, x, type),
                    *y = graph_image(matcher->graph, product->output, type);
  if (type == HOST_F32 && stage->fused != HOST_NONE) return false;
  stage->gate_out = at.tensor;
  stage->out = product->output;
  return graph_only_reader(matcher->graph, at.tensor) == product && graph_image(matcher->graph, at.tensor, type) && y &&
         at.channels == image->dims->values[3] && match_same_shape(image, y) && match_take(matcher, product);
}

bool match_squeeze_excite(litert_matcher *matcher, int x, chain_stage *stage, int *out) {
  const graph_op *product, *mean = match_reader_of_two(matcher, x, HOST_MEAN, &product);
  if (!mean) mean = match_reader_of_two(matcher, x, HOST_AVERAGE_POOL_2D, &product);
  const int before = matcher->chain->node_count;
  const bool sized = matcher->chain->sized;
  if (mean && match_all(matcher, x, stage, mean, product)) {
    stage->squeeze_excite = true;
    *out = stage->out;
    return true;
  }
  matcher->chain->node_count = before;
  matcher->chain->sized = sized;
  return false;
}
