/* SPDX-License-Identifier: MIT */
#include "match.h"

#include <stdio.h>
#include <string.h>

static const host_tensor *tensor_of(const litert_matcher *matcher, int number) {
  return &matcher->graph->context->tensors[number];
}

bool match_is_free(const litert_matcher *matcher, const graph_op *op) {
  return op && !matcher->taken[op - matcher->graph->ops];
}

bool match_take(litert_matcher *matcher, const graph_op *op) {
  if (!match_is_free(matcher, op) || matcher->chain->node_count == CHAIN_MOST_NODES) return false;
  matcher->chain->nodes[matcher->chain->node_count++] = op->node;
  return true;
}

bool match_leave(litert_matcher *matcher, const graph_op *op, const char *reason) {
  if (matcher->reasons && op) {
    graph_message *message = &matcher->reasons[op - matcher->graph->ops];
    snprintf(message->text, sizeof message->text, "%s", reason);
  }
  return false;
}

const graph_op *match_reader(const litert_matcher *matcher, int tensor, int code) {
  const graph_op *op = graph_only_reader(matcher->graph, tensor);
  return match_is_free(matcher, op) && op->code == code ? op : NULL;
}

bool match_same_shape(const host_tensor *a, const host_tensor *b) {
  return a->dims->count == b->dims->count &&
         memcmp(a->dims->values, b->dims->values, (size_t)a->dims->count * sizeof(int)) == 0;
}

bool match_keeps_shape(const litert_matcher *matcher, const graph_op *op) {
  const int type = matcher->chain->type;
  for (int rank = 2; rank <= GRAPH_RANK; rank += 2) {
    const host_tensor *x = graph_values(matcher->graph, op->inputs[0], type, rank);
    const host_tensor *y = graph_values(matcher->graph, op->output, type, rank);
    if (x && y) return match_same_shape(x, y);
  }
  return false;
}

/* ---- Convolutions ------------------------------------------------------------------------------------------------ */

bool match_fused_is_known(int fused) { return fused == HOST_NONE || fused == HOST_RELU || fused == HOST_RELU6; }

/* The window's geometry, in the same terms for both operators. */
static bool read_window(litert_matcher *matcher, const graph_op *op, chain_conv *conv, int *padding) {
  host_conv window;
  if (op->code == HOST_CONV_2D) {
    window = *(const host_conv *)op->parameters;
  } else {
    const host_depthwise *depthwise = op->parameters;
    window = (host_conv){depthwise->padding, depthwise->stride_width,   depthwise->stride_height,
                         depthwise->fused,   depthwise->dilation_width, depthwise->dilation_height};
  }
  *padding = window.padding;
  conv->fused = window.fused;
  conv->stride = (size_t)window.stride_width;
  conv->dilation = (size_t)window.dilation_width;
  if (window.padding != HOST_SAME && window.padding != HOST_VALID)
    return match_leave(matcher, op, "its padding is neither SAME nor VALID");
  if (!match_fused_is_known(window.fused)) return match_leave(matcher, op, MATCH_OTHER_ACTIVATION);
  if (window.stride_width < 1 || window.stride_width > 2 || window.stride_width != window.stride_height)
    return match_leave(matcher, op, "its strides are neither 1 nor 2, or differ");
  if (window.dilation_width < 1 || window.dilation_width != window.dilation_height)
    return match_leave(matcher, op, "its dilations differ");
  return true;
}

int match_constant(const litert_matcher *matcher, int tensor, int type, int rank) {
  if (type == HOST_F32) return graph_floats(matcher->graph, tensor, rank);
  return graph_constant(matcher->graph, tensor, type, rank) ? tensor : -1;
}

/* The images' channels and the filter's shape: CONV [out][height][width][in], DEPTHWISE [1][height][width][out]. */
static bool read_filter(litert_matcher *matcher, const graph_op *op, chain_conv *conv) {
  const int type = matcher->chain->type;
  const host_tensor *x = graph_image(matcher->graph, op->inputs[0], type);
  const host_tensor *y = graph_image(matcher->graph, op->output, type);
  const bool biased = op->input_count == 3 && op->inputs[2] >= 0;
  conv->weight = match_constant(matcher, op->inputs[1], type, GRAPH_RANK);
  conv->bias = biased ? match_constant(matcher, op->inputs[2], type == HOST_F32 ? HOST_F32 : HOST_I32, 1) : -1;
  if (!x || !y) return match_leave(matcher, op, "its images are not both of four dimensions and one type");
  if (conv->weight < 0 || (biased && conv->bias < 0)) return match_leave(matcher, op, MATCH_NO_CONSTANTS);
  const host_tensor *weight = tensor_of(matcher, conv->weight);
  const host_tensor *bias = biased ? tensor_of(matcher, conv->bias) : NULL;
  const int in = x->dims->values[3], out = y->dims->values[3], *filter = weight->dims->values;
  const bool depthwise = op->code == HOST_DEPTHWISE_CONV_2D;
  const bool fits = depthwise ? filter[0] == 1 && filter[3] == out && in == out : filter[0] == out && filter[3] == in;
  if (!fits || (bias && bias->dims->values[0] != out))
    return match_leave(matcher, op, "it has groups, or a multiplier of channels other than 1");
  if (filter[1] != filter[2]) return match_leave(matcher, op, "its window is not a square");
  conv->x = op->inputs[0], conv->y = conv->out = op->output;
  conv->in_channels = (size_t)in, conv->out_channels = (size_t)out, conv->kernel = (size_t)filter[1];
  return true;
}

bool match_conv(litert_matcher *matcher, const graph_op *op, chain_conv *conv) {
  if (!op || (op->code != HOST_CONV_2D && op->code != HOST_DEPTHWISE_CONV_2D)) return false;
  int padding;
  *conv = (chain_conv){.slope = -1};
  if (op->input_count < 2 || !read_window(matcher, op, conv, &padding) || !read_filter(matcher, op, conv)) return false;
  const bool odd = conv->kernel == 3 || conv->kernel == 5 || conv->kernel == 7;
  if (op->code == HOST_DEPTHWISE_CONV_2D) {
    conv->kind = MBCONV_STAGE_DEPTHWISE;
    if (!odd) return match_leave(matcher, op, "its window is neither 3×3, 5×5 nor 7×7");
  } else if (conv->kernel == 1 && conv->stride == 1) {
    conv->kind = MBCONV_STAGE_POINTWISE;
    conv->dilation = 1;
  } else {
    conv->kind = MBCONV_STAGE_DENSE;
    if (conv->kernel > 7) return match_leave(matcher, op, "its window is larger than 7×7");
    if (conv->dilation != 1) return match_leave(matcher, op, "it has a dilation, and is not depthwise");
  }
  const bool same = padding == HOST_SAME && conv->kind != MBCONV_STAGE_POINTWISE;
  conv->pad_kind = same ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN;
  return match_take(matcher, op);
}

bool match_same_quantization(const litert_matcher *matcher, int a, int b) {
  const host_affine *one = graph_quantization(tensor_of(matcher, a)), *two = graph_quantization(tensor_of(matcher, b));
  return one && two && one->scales->count == 1 && two->scales->count == 1 &&
         one->scales->values[0] == two->scales->values[0] && one->zero_points->values[0] == two->zero_points->values[0];
}

/* PAD by zeros of the rows and columns alone. */
static bool read_pad(litert_matcher *matcher, const graph_op *op, mbconv_pad *pad) {
  const host_tensor *table = op->input_count == 2 ? graph_constant(matcher->graph, op->inputs[1], HOST_I32, 2) : NULL;
  const int type = matcher->chain->type;
  if (!table || table->dims->values[0] != GRAPH_RANK || table->dims->values[1] != 2)
    return match_leave(matcher, op, "what it adds is no constant for four dimensions");
  const host_tensor *from = graph_image(matcher->graph, op->inputs[0], type);
  const host_tensor *to = graph_image(matcher->graph, op->output, type);
  if (!from || !to || from->dims->values[3] != to->dims->values[3]) return match_leave(matcher, op, "it pads channels");
  if (type == HOST_I8 && !match_same_quantization(matcher, op->inputs[0], op->output))
    return match_leave(matcher, op, "its output has another scale");
  const int32_t *n = table->data;
  for (int i = 0; i < 2 * GRAPH_RANK; i++)
    if (n[i] < 0 || ((i < 2 || i >= 6) && n[i] != 0))
      return match_leave(matcher, op, "it pads images or channels, or takes away");
  *pad = (mbconv_pad){(size_t)n[2], (size_t)n[4], (size_t)n[3], (size_t)n[5]};
  return true;
}

bool match_padded_conv(litert_matcher *matcher, const graph_op *op, chain_conv *conv) {
  if (!op || op->code != HOST_PAD) return match_conv(matcher, op, conv);
  mbconv_pad pad;
  const int before = matcher->chain->node_count;
  if (!read_pad(matcher, op, &pad) || !match_take(matcher, op)) return false;
  if (match_conv(matcher, graph_only_reader(matcher->graph, op->output), conv) &&
      conv->kind != MBCONV_STAGE_POINTWISE && conv->pad_kind == MBCONV_PAD_GIVEN && conv->x == op->output) {
    conv->pad = pad;
    conv->x = op->inputs[0];
    return true;
  }
  matcher->chain->node_count = before;
  return match_leave(matcher, op, "no convolution with a window and VALID padding follows it alone");
}

/* ---- Activations ------------------------------------------------------------------------------------------------- */

bool match_multiplies(const litert_matcher *matcher, const graph_op *op, int a, int b, int *fused) {
  if (!match_is_free(matcher, op) || op->code != HOST_MUL || op->input_count != 2) return false;
  const int found = ((const host_arithmetic *)op->parameters)->fused;
  if (fused) *fused = found;
  if (fused ? !match_fused_is_known(found) : found != HOST_NONE) return false;
  return (op->inputs[0] == a && op->inputs[1] == b) || (op->inputs[0] == b && op->inputs[1] == a);
}

const graph_op *match_reader_of_two(const litert_matcher *matcher, int tensor, int code, const graph_op **other) {
  const graph_readers *readers = &matcher->graph->readers[tensor];
  if (readers->count != 2) return NULL;
  const graph_op *a = &matcher->graph->ops[readers->ops[0]], *b = &matcher->graph->ops[readers->ops[1]];
  const bool first = a->code == code;
  *other = first ? b : a;
  const graph_op *found = first ? a : b;
  return found->code == code && match_is_free(matcher, found) && match_is_free(matcher, *other) ? found : NULL;
}

static bool match_silu(litert_matcher *matcher, chain_conv *conv) {
  const graph_op *product, *logistic = match_reader_of_two(matcher, conv->y, HOST_LOGISTIC, &product);
  if (!logistic || logistic->input_count != 1 || !match_keeps_shape(matcher, logistic)) return false;
  if (!match_multiplies(matcher, product, conv->y, logistic->output, NULL))
    return match_leave(matcher, logistic, "no MUL makes SiLU of it");
  if (graph_only_reader(matcher->graph, logistic->output) != product || !match_keeps_shape(matcher, product))
    return false;
  const int before = matcher->chain->node_count;
  if (!match_take(matcher, logistic) || !match_take(matcher, product))
    return matcher->chain->node_count = before, false;
  conv->function = CHAIN_SILU;
  conv->logistic = logistic->output;
  conv->out = product->output;
  return true;
}

/* PRELU's slopes: one per channel, [1][1][channels], of the images' type. */
static bool read_slope(litert_matcher *matcher, const graph_op *op, chain_conv *conv) {
  conv->slope = op->input_count == 2 ? match_constant(matcher, op->inputs[1], matcher->chain->type, 3) : -1;
  const host_tensor *slope = conv->slope < 0 ? NULL : tensor_of(matcher, conv->slope);
  const bool fits = slope && slope->dims->values[0] == 1 && slope->dims->values[1] == 1 &&
                    (size_t)slope->dims->values[2] == conv->out_channels;
  return fits || match_leave(matcher, op, "its slopes are not a constant per channel");
}

void match_function(litert_matcher *matcher, chain_conv *conv) {
  if (conv->fused != HOST_NONE || match_silu(matcher, conv)) return;
  const graph_op *op = graph_only_reader(matcher->graph, conv->y);
  if (!match_is_free(matcher, op) || op->inputs[0] != conv->y) return;
  const bool f32 = matcher->chain->type == HOST_F32;
  chain_function function = CHAIN_NO_FUNCTION;
  if (op->code == HOST_PRELU && read_slope(matcher, op, conv)) function = CHAIN_PRELU;
  if (op->input_count == 1) {
    if (op->code == HOST_OP_RELU && f32) function = CHAIN_RELU;
    if (op->code == HOST_OP_RELU6 && f32) function = CHAIN_RELU6;
    if (op->code == HOST_HARD_SWISH) function = CHAIN_HARD_SWISH;
    if (op->code == HOST_LEAKY_RELU) {
      function = CHAIN_LEAKY_RELU;
      conv->alpha = ((const host_leaky_relu *)op->parameters)->alpha;
    }
  }
  if (function == CHAIN_NO_FUNCTION || !match_keeps_shape(matcher, op) || !match_take(matcher, op)) return;
  conv->function = function;
  conv->out = op->output;
}

/* ---- The shortcut ------------------------------------------------------------------------------------------------ */

/* PAD that puts zeros behind the channels of an image, and whose result the sum alone reads: then the sum is one of the
 * first channels. In int8 a zero is the byte of the image's zero point. */
static const graph_op *channel_pad(const litert_matcher *matcher, int residual) {
  const litert_graph *graph = matcher->graph;
  const graph_op *op = graph->writers[residual] < 0 ? NULL : &graph->ops[graph->writers[residual]];
  if (!op || op->code != HOST_PAD || op->input_count != 2) return NULL;
  const host_tensor *table = graph_constant(graph, op->inputs[1], HOST_I32, 2);
  const host_tensor *from = graph_image(graph, op->inputs[0], matcher->chain->type);
  if (!table || !from || table->bytes != 2 * GRAPH_RANK * sizeof(int32_t)) return NULL;
  if (from->type == HOST_I8 && !match_same_quantization(matcher, op->inputs[0], residual)) return NULL;
  const int32_t *n = table->data;
  const int *small = from->dims->values, *large = tensor_of(matcher, residual)->dims->values;
  for (int i = 0; i < 2 * GRAPH_RANK - 1; i++)
    if (n[i] != 0) return NULL;
  const bool fits = n[7] > 0 && small[3] == large[3] - n[7] && memcmp(small, large, 3 * sizeof *small) == 0;
  return fits && match_is_free(matcher, op) && graph_only_reader(graph, residual) ? op : NULL;
}

bool match_add(litert_matcher *matcher, int x, size_t channels) {
  litert_chain *chain = matcher->chain;
  const graph_op *add = match_reader(matcher, x, HOST_ADD);
  if (!add || add->input_count != 2) return false;
  const int type = chain->type, residual = add->inputs[add->inputs[0] == x];
  const int fused = ((const host_arithmetic *)add->parameters)->fused;
  const host_tensor *added = graph_image(matcher->graph, residual, type), *to = graph_image(matcher->graph, x, type);
  if (!added || !to || !match_same_shape(added, to) || !match_keeps_shape(matcher, add))
    return match_leave(matcher, add, "its inputs are not two images of one shape");
  if (!match_fused_is_known(fused)) return match_leave(matcher, add, MATCH_OTHER_ACTIVATION);
  const int before = chain->node_count;
  const graph_op *pad = channel_pad(matcher, residual);
  if (!match_take(matcher, add) || (pad && !match_take(matcher, pad))) return chain->node_count = before, false;
  chain->residual = pad ? pad->inputs[0] : residual;
  chain->residual_channels = (size_t)tensor_of(matcher, chain->residual)->dims->values[3];
  if (pad && type == HOST_I8) {
    chain->widened = true;
    chain->zero_point = graph_quantization(tensor_of(matcher, residual))->zero_points->values[0];
  }
  chain->sum =
      (chain_conv){.x = x, .y = add->output, .out = add->output, .out_channels = channels, .fused = fused, .slope = -1};
  if (type == HOST_F32) match_function(matcher, &chain->sum);
  return true;
}
