/* SPDX-License-Identifier: MIT */
#include "epilogue.h"

#include "status.h"

mbconv_status mbconv_activation_check(mbconv_activation_kind kind, const char *name, bool more, mbconv_error *error) {
  if ((unsigned)kind <= MBCONV_ACTIVATION_HARD_SWISH) return MBCONV_OK;
  if ((unsigned)kind > MBCONV_ACTIVATION_PRELU)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is %d, which is no activation", name, (int)kind);
  if (more) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is %d, which only mbconv_block_create_stages() takes", name,
                     (int)kind);
}

mbconv_activation_fn *mbconv_activation_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                           const struct mbconv_more_kernels *more, mbconv_exp variant) {
  if (kind == MBCONV_ACTIVATION_GELU) return more->gelu;
  if (kind == MBCONV_ACTIVATION_GELU_TANH) return more->gelu_tanh;
  return kernels->activation[variant - MBCONV_EXP_SLEEF][kind];
}

struct mbconv_epilogue mbconv_epilogue_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                          const struct mbconv_more_kernels *more, mbconv_exp variant) {
  struct mbconv_epilogue epilogue = {.ending = mbconv_ending_none()};
  if (kind == MBCONV_ACTIVATION_RELU || kind == MBCONV_ACTIVATION_RELU6) {
    epilogue.ending.lo = 0.0f;
    if (kind == MBCONV_ACTIVATION_RELU6) epilogue.ending.hi = 6.0f;
  } else if (kind == MBCONV_ACTIVATION_SILU && variant == MBCONV_EXP_INLINE && kernels->tiles_silu) {
    epilogue.ending.silu = true;
  } else if (mbconv_activation_sloped(kind)) {
    epilogue.prelu = more->prelu;
  } else if (kind != MBCONV_ACTIVATION_NONE) {
    epilogue.map = mbconv_activation_of(kind, kernels, more, variant);
  }
  return epilogue;
}
