/* SPDX-License-Identifier: MIT
 *
 * Plans and descriptions of blocks of any shape up to 2^31 in every dimension, for any cache and any number of threads.
 *
 * No machine has the weights of most of these, so the block is put together here as create does it, without them:
 * neither the description nor the scratch query looks at weights.
 */
#include "block.h"
#include "dispatch.h"
#include "fold.h"
#include "input.h"

enum { MOST_SETS = MBCONV_ISA_COUNT, TEXT = 512 };

static size_t extent(struct fuzz_input *in) {
  const size_t size = fuzz_hostile(in) % (((size_t)1 << 31) + 1);
  return size ? size : 1;
}

static mbconv_block_desc description(struct fuzz_input *in, const mbconv_conv *conv,
                                     const mbconv_squeeze_excite *excite) {
  mbconv_block_desc desc = {
      .height = extent(in),
      .width = extent(in),
      .in_channels = extent(in),
      .expanded_channels = extent(in),
      .out_channels = extent(in),
      .expand = fuzz_flag(in) ? conv : NULL,
      .depthwise = conv,
      .project = conv,
      .squeeze_excite = fuzz_flag(in) ? excite : NULL,
      .kernel = 3 + 2 * fuzz_between(in, 0, 2),
      .stride = fuzz_between(in, 1, 2),
      .activation = (mbconv_activation_kind)fuzz_between(in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH),
      .layout = (mbconv_layout)fuzz_between(in, MBCONV_NHWC, MBCONV_NCHW),
  };
  size_t *pads[] = {&desc.pad.top, &desc.pad.left, &desc.pad.bottom, &desc.pad.right};
  for (size_t i = 0; i < 4; i++) *pads[i] = fuzz_between(in, 0, desc.kernel - 1);
  if (!desc.expand) desc.expanded_channels = desc.in_channels;
  return desc;
}

/* What block/plan.h says of every plan, and that the products which scratch is made of do not overflow. */
static void check_plan(const struct mbconv_plan *plan, const struct mbconv_shape *shape, size_t tile) {
  fuzz_require(plan->strip_rows >= 1 && plan->strip_rows <= shape->rows.out, "strips of no or too many rows");
  const size_t unit = shape->expand || tile < MBCONV_MAX_LANES ? tile : MBCONV_MAX_LANES;
  fuzz_require(plan->group_channels > 0 && plan->group_channels % unit == 0, "groups that are not whole tiles");
  fuzz_require(plan->groups * plan->group_channels >= shape->expanded_channels &&
                   (plan->groups - 1) * plan->group_channels < shape->expanded_channels,
               "groups that are not the channels");
  const size_t rows = mbconv_axis_reach(&shape->rows, mbconv_reads_whole(shape) ? 1 : plan->strip_rows);
  fuzz_require(plan->ring_rows == (rows < shape->rows.in ? rows : shape->rows.in), "a ring of other rows");
  fuzz_require(plan->ring_width >= shape->columns.before + shape->columns.in &&
                   plan->ring_width >= mbconv_axis_reach(&shape->columns, shape->columns.out),
               "a ring narrower than a padded row");
  fuzz_require(plan->stored == (shape->squeeze_excite || plan->by_groups), "stored output that nothing reads");
  const size_t out = shape->rows.out * shape->columns.out * shape->out_channels;
  fuzz_require(
      !plan->ring_in_y || (shape->squeeze_excite && plan->ring_rows <= out / plan->ring_width / plan->group_channels),
      "a ring in an output that has no room for it");
}

static void check_scratch(const mbconv_block *block, size_t threads) {
  const size_t size = mbconv_block_scratch_size(block, threads), one = mbconv_block_scratch_size(block, 1);
  fuzz_require(size >= one, "more threads need less scratch");
  fuzz_require(one < SIZE_MAX, "a shape was accepted whose scratch no memory holds");
  const struct mbconv_stages *stages = mbconv_block_stages(block);
  const struct mbconv_shape *shape = &stages->cut.shape[stages->planned];
  const size_t stored = shape->rows.out * shape->columns.out * shape->expanded_channels * sizeof(float);
  fuzz_require(!shape->squeeze_excite || one >= stored, "scratch without room for the depthwise output");
}

static void check_text(const mbconv_block *block, size_t threads) {
  char text[TEXT], cut[TEXT];
  const size_t length = mbconv_block_describe(block, threads, text, sizeof text), half = length / 2;
  fuzz_require(length < TEXT && strlen(text) == length, "a description of another length");
  fuzz_require(mbconv_block_describe(block, threads, cut, half + 1) == length && strlen(cut) == half &&
                   memcmp(text, cut, half) == 0,
               "a description cut wrongly");
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  struct fuzz_input in = {input, size};
  const mbconv_conv conv = {0};
  const mbconv_squeeze_excite excite = {.width = extent(&in),
                                        .reduce = &conv,
                                        .expand = &conv,
                                        .inner = MBCONV_ACTIVATION_SILU,
                                        .gate = MBCONV_ACTIVATION_SIGMOID};
  mbconv_block_desc desc = description(&in, &conv, &excite);
  const size_t l2_bytes = fuzz_hostile(&in), strip_rows = fuzz_hostile(&in), group_channels = fuzz_hostile(&in);
  const size_t threads = fuzz_hostile(&in);
  desc.dilation = fuzz_hostile(&in);
  if (fuzz_flag(&in)) desc.pad = (mbconv_pad){0}, desc.pad_kind = MBCONV_PAD_SAME; /* any dilation fits an image then */
  mbconv_error error = {0};
  struct mbconv_described described;
  if (mbconv_block_check(&desc, false, &described, &error) != MBCONV_OK) {
    fuzz_require(error.message[0] != '\0', "a refusal says nothing");
    return 0;
  }
  mbconv_isa sets[MOST_SETS];
  const size_t count = mbconv_usable_isas(sets, MOST_SETS);
  for (size_t i = 0; i < count; i++) {
    const struct mbconv_kernels *kernels = mbconv_kernels_of(&mbconv_f32_sets, sets[i]);
    const size_t tile = kernels->pointwise[0].channels;
    struct mbconv_stages stages = described.stages;
    struct mbconv_cursor cursor = {0};
    stages.base.info = (mbconv_info){.isa = sets[i], .exp = MBCONV_EXP_INLINE};
    stages.base.kernels = kernels;
    stages.strip_rows = strip_rows;
    stages.group_channels = group_channels;
    stages.target.l2_bytes = l2_bytes;
    mbconv_stages_lay_out(&stages, described.parameters, &cursor);
    fuzz_require(!cursor.overflow, "weights of an accepted shape do not fit into memory");
    const mbconv_status status = mbconv_cut_shapes(&stages, desc.height, desc.width, &stages.cut, NULL);
    fuzz_require(status == MBCONV_OK, "a shape was accepted, but not later");
    mbconv_cut_plan(&stages, &stages.cut);
    struct mbconv_cut shared = stages.cut;
    mbconv_cut_share(&stages, &shared, threads);
    const size_t planned = stages.planned;
    const mbconv_block *block = (const mbconv_block *)(const void *)&stages;
    check_plan(&stages.cut.plan[planned], &stages.cut.shape[planned], tile);
    check_plan(&shared.plan[planned], &stages.cut.shape[planned], tile);
    check_scratch(block, threads);
    check_text(block, threads);
  }
  return 0;
}
