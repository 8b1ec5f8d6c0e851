/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <math.h>

#include "epilogue.h"
#include "status.h"

mbconv_status mbconv_conv_check(const mbconv_conv *conv, const char *name, size_t channels,
                                mbconv_activation_kind activation, bool weights_needed, mbconv_error *error) {
  if (!conv) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", name);
  mbconv_status status = mbconv_struct_check(&conv->struct_size, sizeof *conv, name, error);
  if (status != MBCONV_OK) return status;
  const mbconv_batch_norm *norm = conv->batch_norm;
  if (norm) {
    char norm_name[64];
    mbconv_format(norm_name, sizeof norm_name, "the BN of %s", name);
    status = mbconv_struct_check(&norm->struct_size, sizeof *norm, norm_name, error);
    if (status != MBCONV_OK) return status;
  }
  if (!weights_needed) return MBCONV_OK;
  if (!conv->weight) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has no weights", name);
  if (mbconv_activation_sloped(activation) && !conv->slope)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has no slope for the activation after it", name);
  if (!norm) return MBCONV_OK;
  if (!norm->mean || !norm->variance)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the BN's %s is NULL", name,
                       norm->mean ? "variance" : "mean");
  if (!(norm->epsilon >= 0.0f) || isinf(norm->epsilon))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the BN's epsilon is negative or not finite", name);
  for (size_t c = 0; c < channels; c++) {
    const double below_root = (double)norm->variance[c] + (double)norm->epsilon;
    if (!(norm->variance[c] >= 0.0f) || !(below_root > 0.0) || isinf(norm->variance[c]))
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "%s: the BN's variance of channel %zu is negative, not finite, or 0 with epsilon 0", name, c);
  }
  return MBCONV_OK;
}

double mbconv_fold(const mbconv_conv *conv, size_t channel, float *bias) {
  double start = conv->bias ? (double)conv->bias[channel] : 0.0;
  double scale = 1.0;
  const mbconv_batch_norm *norm = conv->batch_norm;
  if (norm) {
    scale = (norm->gamma ? (double)norm->gamma[channel] : 1.0) /
            sqrt((double)norm->variance[channel] + (double)norm->epsilon);
    start = (norm->beta ? (double)norm->beta[channel] : 0.0) + (start - (double)norm->mean[channel]) * scale;
  }
  const double factor = conv->scale ? (double)conv->scale[channel] : 1.0;
  *bias = (float)(start * factor);
  return scale * factor;
}

void mbconv_slopes_pack(mbconv_activation_kind kind, size_t channels, const float *slope, void *packed) {
  float *slopes = packed;
  for (size_t c = 0; c < channels; c++) slopes[c] = slope[kind == MBCONV_ACTIVATION_PRELU ? c : 0];
}

void mbconv_depthwise_pack(const struct mbconv_kernels *kernels, size_t channels, size_t kernel,
                           const mbconv_conv *conv, void *packed) {
  const size_t taps = kernel * kernel;
  for (size_t c = 0; c < channels; c++) {
    float bias;
    const double scale = mbconv_fold(conv, c, &bias);
    kernels->pack_depthwise(packed, kernels->lanes, c, taps, conv->weight + c * taps, scale, bias);
  }
}
