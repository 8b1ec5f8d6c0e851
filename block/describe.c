/* SPDX-License-Identifier: MIT
 *
 * How a list runs, as a line of text.
 */
#include "format.h"
#include "run.h"

static const char *strategy_of(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  if (plan->by_groups) return "groups shared out, then pixels";
  if (mbconv_plan_one_strip(plan, shape)) return plan->groups == 1 ? "unfused" : "channel split";
  return plan->groups == 1 ? "row ring" : "row ring of channel groups";
}

static const char *in_passes(const struct mbconv_shape *shape) { return shape->squeeze_excite ? " in two passes" : ""; }

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
  const char *isa = mbconv_isa_name(info->isa), *variant = mbconv_exp_name(info->exp);
  if (stages->segment[planned].stage->kind != MBCONV_STAGE_DEPTHWISE) {
    *length =
        mbconv_format(text, size, "%s, %s exp%s: strips of %zu of %zu rows, scratch %zu bytes, weights %zu bytes", isa,
                      variant, in_passes(shape), plan->strip_rows, shape->rows.out, scratch, info->weight_bytes);
    return mbconv_succeed(error);
  }
  *length = mbconv_format(
      text, size,
      "%s, %s exp, %s%s%s: strips of %zu of %zu rows, %zu groups of %zu channels, ring of %zu rows x %zu pixels, "
      "scratch %zu bytes, weights %zu bytes",
      isa, variant, strategy_of(plan, shape), in_passes(shape), plan->ring_in_y ? ", the ring in y" : "",
      plan->strip_rows, shape->rows.out, plan->groups, plan->group_channels, plan->ring_rows, plan->ring_width, scratch,
      info->weight_bytes);
  return mbconv_succeed(error);
}
