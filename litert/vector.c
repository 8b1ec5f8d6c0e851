/* SPDX-License-Identifier: MIT */
#include "vector.h"

static const host_tensor *tensor_of(const litert_matcher *matcher, int number) {
  return &matcher->graph->context->tensors[number];
}

bool match_vector_at(const litert_matcher *matcher, int tensor, match_vector *read) {
  const int type = matcher->chain->type;
  const host_tensor *flat = graph_values(matcher->graph, tensor, type, 2);
  const host_tensor *image = graph_image(matcher->graph, tensor, type);
  if (image && (image->dims->values[1] != 1 || image->dims->values[2] != 1)) return false;
  if (!flat && !image) return false;
  const int *dims = flat ? flat->dims->values : image->dims->values;
  *read = (match_vector){tensor, dims[0], flat ? dims[1] : dims[3]};
  return true;
}

bool match_vector_after(const litert_matcher *matcher, const graph_op *op, match_vector *at) {
  match_vector next;
  if (!match_vector_at(matcher, op->output, &next) || next.batch != at->batch) return false;
  *at = next;
  return true;
}

/* ---- RESHAPE ------------------------------------------------------------------------------------------------------
 *
 * A model whose batch is not fixed, as Keras has them, computes the shape: SHAPE of some image or vector, of which
 * STRIDED_SLICE takes the batch, and PACK puts the others behind it.
 */

static const graph_op *writer_of(const litert_matcher *matcher, int tensor, int code) {
  if (tensor < 0 || matcher->graph->writers[tensor] < 0) return NULL;
  const graph_op *op = &matcher->graph->ops[matcher->graph->writers[tensor]];
  return op->code == code ? op : NULL;
}

/* A constant of one number. */
static bool is_number(const litert_matcher *matcher, int tensor, int number) {
  for (int rank = 0; rank <= 1; rank++) {
    const host_tensor *constant = graph_constant(matcher->graph, tensor, HOST_I32, rank);
    if (constant) return constant->bytes == sizeof(int32_t) && *(const int32_t *)constant->data == number;
  }
  return false;
}

/* Whether the operator takes the first of several numbers. */
static bool is_first(const litert_matcher *matcher, const graph_op *op) {
  const host_slice *slice = op->parameters;
  const bool begins = is_number(matcher, op->inputs[1], 0) || slice->begin_mask == 1;
  return op->input_count == 4 && begins && is_number(matcher, op->inputs[2], 1) &&
         is_number(matcher, op->inputs[3], 1) && (slice->begin_mask == 0 || slice->begin_mask == 1) &&
         slice->end_mask == 0 && slice->ellipsis_mask == 0 && slice->new_axis_mask == 0 && slice->shrink_mask == 1;
}

/* Whether PACK gives the shape of a vector of `channels`, but for its first number. */
static bool packs_vector(const litert_matcher *matcher, const graph_op *pack, int channels) {
  const host_pack *parameters = pack->parameters;
  const int count = pack->input_count, last = pack->inputs[count > 0 ? count - 1 : 0];
  if ((count != 2 && count != GRAPH_RANK) || parameters->count != count || parameters->axis != 0) return false;
  for (int i = 1; i < count - 1; i++)
    if (!is_number(matcher, pack->inputs[i], 1)) return false;
  return is_number(matcher, last, channels);
}

/* Whether the shape that RESHAPE is given is a constant, or that of a vector per image. If nobody else reads what makes
 * it, that belongs to the chain. Else it is left to the host, which can be if it is the shape of the chain's input. */
static bool match_shape(litert_matcher *matcher, const graph_op *reshape, const match_vector *at) {
  const litert_graph *graph = matcher->graph;
  if (reshape->input_count == 1 || graph_constant(graph, reshape->inputs[1], HOST_I32, 1)) return true;
  const graph_op *pack = writer_of(matcher, reshape->inputs[1], HOST_PACK);
  const graph_op *slice = pack ? writer_of(matcher, pack->inputs[0], HOST_STRIDED_SLICE) : NULL;
  const graph_op *shape = slice ? writer_of(matcher, slice->inputs[0], HOST_SHAPE) : NULL;
  if (!shape || !packs_vector(matcher, pack, at->channels) || !is_first(matcher, slice)) return false;
  const bool outside = shape->inputs[0] == matcher->chain->x;
  if (!outside && shape->inputs[0] != at->tensor) return false;
  if (graph_only_reader(graph, shape->output) != slice || graph_only_reader(graph, slice->output) != pack ||
      graph_only_reader(graph, pack->output) != reshape)
    return outside;
  return match_take(matcher, shape) && match_take(matcher, slice) && match_take(matcher, pack);
}

bool match_reshape(litert_matcher *matcher, match_vector *at) {
  const graph_op *other, *op = match_reader(matcher, at->tensor, HOST_RESHAPE);
  if (!op) op = match_reader_of_two(matcher, at->tensor, HOST_RESHAPE, &other);
  if (!op || op->inputs[0] != at->tensor) return true;
  const match_vector from = *at;
  if (!match_shape(matcher, op, at))
    return match_leave(matcher, op, "its shape may be another than a vector per image");
  if (!match_vector_after(matcher, op, at) || at->channels != from.channels)
    return match_leave(matcher, op, "it makes something else of a vector");
  if (matcher->chain->type == HOST_I8 && !match_same_quantization(matcher, from.tensor, at->tensor))
    return match_leave(matcher, op, "its output has another scale");
  return match_take(matcher, op);
}

/* ---- FULLY_CONNECTED --------------------------------------------------------------------------------------------- */

bool match_connected(litert_matcher *matcher, const graph_op *op, match_vector *at, chain_conv *layer) {
  const host_connected *parameters = op->parameters;
  const match_vector x = *at;
  const bool biased = op->input_count == 3 && op->inputs[2] >= 0;
  if (op->input_count < 2 || op->inputs[0] != x.tensor || !match_vector_after(matcher, op, at))
    return match_leave(matcher, op, "its input and output are not a vector per image each");
  if (parameters->format != 0) return match_leave(matcher, op, "its weights are shuffled");
  if (!match_fused_is_known(parameters->fused)) return match_leave(matcher, op, MATCH_OTHER_ACTIVATION);
  const int type = matcher->chain->type;
  *layer =
      (chain_conv){.kind = MBCONV_STAGE_POINTWISE,
                   .connected = true,
                   .weight = match_constant(matcher, op->inputs[1], type, 2),
                   .bias = biased ? match_constant(matcher, op->inputs[2], type == HOST_F32 ? type : HOST_I32, 1) : -1,
                   .x = x.tensor,
                   .y = at->tensor,
                   .out = at->tensor,
                   .in_channels = (size_t)x.channels,
                   .out_channels = (size_t)at->channels,
                   .kernel = 1,
                   .stride = 1,
                   .dilation = 1,
                   .fused = parameters->fused,
                   .slope = -1};
  if (layer->weight < 0 || (biased && layer->bias < 0)) return match_leave(matcher, op, MATCH_NO_CONSTANTS);
  const int *weight = tensor_of(matcher, layer->weight)->dims->values;
  if (weight[0] != at->channels || weight[1] != x.channels ||
      (biased && tensor_of(matcher, layer->bias)->dims->values[0] != at->channels))
    return match_leave(matcher, op, "its weights have another shape than its vectors");
  return match_take(matcher, op);
}
