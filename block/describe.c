/* SPDX-License-Identifier: MIT
 *
 * How a list runs, as a line of text.
 */
#include "format.h"
#include "list_i8.h"
#include "run.h"

static const char *strategy_of(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  if (plan->by_groups) return "groups shared out, then pixels";
  if (mbconv_plan_one_strip(plan, shape)) return plan->groups == 1 ? "unfused" : "channel split";
  return plan->groups == 1 ? "row ring" : "row ring of channel groups";
}

static const char *in_passes(const struct mbconv_shape *shape) { return shape->squeeze_excite ? " in two passes" : ""; }

void mbconv_stages_variant(const struct mbconv_stages *stages, char text[MBCONV_VARIANT]) {
  if (MBCONV_HAS_I8 && stages->i8)
    mbconv_format(text, MBCONV_VARIANT, "%s%s%s", stages->base.info.type == MBCONV_S8 ? "s8" : "u8",
                  mbconv_floats_in(stages->i8) ? ", x f32" : "", mbconv_floats_out(stages->i8) ? ", y f32" : "");
  else
    mbconv_format(text, MBCONV_VARIANT, "%s exp", mbconv_exp_name(stages->base.info.exp));
}

mbconv_status mbconv_stages_describe(const struct mbconv_stages *stages, const struct mbconv_size *at, size_t threads,
                                     char *text, size_t size, size_t *length, mbconv_error *error) {
  struct mbconv_cut made;
  const struct mbconv_cut *one;
  if (!length) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "length is NULL");
  size_t scratch;
  mbconv_status status = mbconv_cut_for(stages, at, &made, &one, error);
  if (status == MBCONV_OK) status = mbconv_stages_scratch_size(stages, at, threads, &scratch, error);
  if (status != MBCONV_OK) return status;
  const size_t planned = stages->planned;
  struct mbconv_cut cut = *one;
  mbconv_cut_share(stages, &cut, mbconv_max(threads, 1));
  const struct mbconv_plan *plan = &cut.plan[planned];
  const struct mbconv_shape *shape = &cut.shape[planned];
  const mbconv_info *info = &stages->base.info;
  const char *isa = mbconv_isa_name(info->isa);
  char variant[MBCONV_VARIANT];
  mbconv_stages_variant(stages, variant);
  if (stages->segment[planned].stage->kind != MBCONV_STAGE_DEPTHWISE) {
    *length =
        mbconv_format(text, size, "%s, %s%s: strips of %zu of %zu rows, scratch %zu bytes, weights %zu bytes", isa,
                      variant, in_passes(shape), plan->strip_rows, shape->rows.out, scratch, info->weight_bytes);
    return mbconv_succeed(error);
  }
  *length = mbconv_format(
      text, size,
      "%s, %s, %s%s%s: strips of %zu of %zu rows, %zu groups of %zu channels, ring of %zu rows x %zu pixels, "
      "scratch %zu bytes, weights %zu bytes",
      isa, variant, strategy_of(plan, shape), in_passes(shape), plan->ring_in_y ? ", the ring in y" : "",
      plan->strip_rows, shape->rows.out, plan->groups, plan->group_channels, plan->ring_rows, plan->ring_width, scratch,
      info->weight_bytes);
  return mbconv_succeed(error);
}
