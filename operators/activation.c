/* SPDX-License-Identifier: MIT
 *
 * The activation over a buffer.
 */
#include "activation.h"

#include "epilogue.h"
#include "fold.h"
#include "more.h"

/* Slopes of few channels are repeated, so that there are this many at least: whole vectors, side by side. */
enum { LEAST_SLOPES = 64 };

static mbconv_status check(const mbconv_activation_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->kind, "kind", true, error);
  if (status != MBCONV_OK || !mbconv_activation_sloped(desc->kind)) return status;
  if (!desc->slope) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "slope is NULL, but the activation has slopes");
  if (desc->kind == MBCONV_ACTIVATION_PRELU && desc->channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "channels is 0, but PReLU has a slope for each");
  return MBCONV_OK;
}

/* Sets the functions, and takes the memory of the object and its slopes. */
static void lay_out(struct mbconv_activation *activation, const mbconv_activation_desc *desc, size_t channels,
                    struct mbconv_cursor *cursor) {
  const struct mbconv_kernels *kernels = activation->base.kernels;
  const struct mbconv_more_kernels *more = mbconv_more_of(kernels);
  mbconv_take(cursor, 1, sizeof *activation);
  if (!mbconv_activation_sloped(desc->kind)) {
    activation->run = mbconv_activation_of(desc->kind, kernels, more, activation->base.info.exp);
    return;
  }
  activation->prelu = more->prelu;
  activation->period = channels < LEAST_SLOPES ? mbconv_round_up(LEAST_SLOPES, channels) : channels;
  activation->slopes = mbconv_take(cursor, activation->period, kernels->element);
}

mbconv_status mbconv_activation_create(const mbconv_activation_desc *desc, const mbconv_options *options,
                                       mbconv_activation **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_activation made = {0};
  struct mbconv_cursor cursor = {0};
  mbconv_status status = check(desc, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&made.base, &mbconv_f32_sets, desc->type, options, error);
  if (status != MBCONV_OK) return status;
  const size_t channels = desc->kind == MBCONV_ACTIVATION_PRELU ? desc->channels : 1;
  lay_out(&made, desc, channels, &cursor);
  status = mbconv_operator_allocate(&made.base, &cursor, error);
  if (status != MBCONV_OK) return status;
  mbconv_activation *activation = (void *)cursor.base; /* the first of all that is taken */
  lay_out(&made, desc, channels, &cursor);
  for (size_t i = 0; i < made.period; i += channels)
    mbconv_slopes_pack(desc->kind, channels, desc->slope, made.slopes + i * made.base.kernels->element);
  *activation = made;
  *out = activation;
  return mbconv_succeed(error);
}

/* All periods, then the beginning of one. */
static void run_sloped(const mbconv_activation *activation, size_t n, const char *x, char *y) {
  const size_t period = activation->period, rest = n % period, element = activation->base.kernels->element;
  const size_t whole = n - rest;
  activation->prelu(n / period, period, x, period, activation->slopes, y, period);
  if (rest == 0) return;
  activation->prelu(1, rest, x + whole * element, rest, activation->slopes, y + whole * element, rest);
}

mbconv_status mbconv_activation_run(const mbconv_activation *activation, size_t n, const void *x, void *y,
                                    mbconv_error *error) {
  if (!activation) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "activation is NULL");
  if (n == 0) return mbconv_succeed(error);
  if (!x || !y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", x ? "y" : "x");
  const size_t element = activation->base.kernels->element;
  if (n > PTRDIFF_MAX / element) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "n is %zu", n);
  if (x != y && mbconv_overlap(x, n * element, y, n * element))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap without being the same");
  if (activation->run)
    activation->run(n, x, y);
  else
    run_sloped(activation, n, x, y);
  return mbconv_succeed(error);
}

mbconv_status mbconv_activation_info(const mbconv_activation *activation, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(activation, "activation", info, error);
}

void mbconv_activation_destroy(mbconv_activation *activation) { mbconv_operator_destroy(activation); }
