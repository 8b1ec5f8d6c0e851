/* SPDX-License-Identifier: MIT
 *
 * A block is a list of stages, each of which makes an image from the one before it:
 *
 *     P  pointwise, 1x1        D  depthwise, kxk        C  dense, kxk over all channels       E  squeeze-excite
 *
 *     MBConv  P D [E] P        without expand  D [E] P        depthwise  D        convolution  C
 *
 * The engine runs a list segment by segment. A segment is one stage, or P and the D after it: these two run group by
 * group of channels, so that what P writes is still in L1 when D reads it. E belongs to no segment: the image before it
 * is stored whole, and the P after it, the last stage, scales the stored pixels first. C comes first if at all.
 */
#ifndef MBCONV_STAGE_H
#define MBCONV_STAGE_H

#include "epilogue.h"
#include "kernels.h"
#include "operator.h"
#include "pack.h"
#include "panels.h"
#include "plan.h"
#include "squeeze_excite.h"
#include "window.h"

/* A stage: the first four members say what it is, create makes the rest. */
struct mbconv_stage {
  mbconv_stage_kind kind;
  unsigned char padding; /* of D and C: every byte of the padding around its input; 0 in f32, create sets it in int8 */
  unsigned char behind;  /* bytes of each channel behind its weights; 0 in f32, create sets it in int8 */
  uint16_t tap_bytes;    /* of D: the packed weights of a channel */
  size_t in_channels, out_channels;
  struct mbconv_window window;
  const struct mbconv_dense *dense; /* of C: &mbconv_dense, so that only those that use C link it */
  struct mbconv_epilogue epilogue;
  struct mbconv_panels panels; /* of P and C */
  char *taps;                  /* of D: the packed weights */
  struct mbconv_excite excite; /* of E */
};

/* The parameters that a stage is made from. */
struct mbconv_parameters {
  const char *name; /* in messages; NULL: stages[i].conv */
  const mbconv_conv *conv;
  mbconv_activation_kind activation;
  const mbconv_squeeze_excite *excite; /* of E */
  const struct mbconv_i8_stage *i8;    /* instead of all these in int8 */
};

/* The size of an image that a call names. */
struct mbconv_size {
  size_t height, width;
};

struct mbconv_segment {
  const struct mbconv_stage *expand; /* the P before a D, or NULL */
  const struct mbconv_stage *stage;
};

/* How a list runs over images of one size, by segment. */
struct mbconv_cut {
  size_t height, width; /* of the input */
  struct mbconv_shape shape[MBCONV_MOST_STAGES];
  struct mbconv_plan plan[MBCONV_MOST_STAGES];
};

struct mbconv_stages;

struct mbconv_output;
struct mbconv_strip;
struct mbconv_walk;

/* Brings row r of the image to `to` as the pixels that a dense stage reads. */
typedef void mbconv_fetch_row_fn(const struct mbconv_strip *strip, size_t r, char *to);

/* How a list of int8 is made, and how its output ends. A list of f32 has none, so that a program which makes no other
 * does not contain it. */
struct mbconv_maker {
  const struct mbconv_sets *sets;
  /* Takes what the list and its stages need beside their weights; sets stages->i8, residual_after and what is else at
   * the doors, and the stages' epilogues and padding. */
  void (*lay_out)(struct mbconv_stages *stages, const struct mbconv_parameters *parameters,
                  struct mbconv_cursor *cursor);
  /* Packs the weights; returns their bytes. */
  size_t (*pack)(struct mbconv_stages *stages, const struct mbconv_parameters *parameters);
  /* SIZE_OVERFLOW for a shape whose sums int8 cannot hold. */
  mbconv_status (*check_shape)(const struct mbconv_shape *shape, mbconv_error *error);
  /* In the stead of mbconv_output_end(). */
  void (*end)(const struct mbconv_output *output, size_t first, const struct mbconv_pixel_run *run);
};

/* A list of stages: all of an operator that the engine runs. Immutable after create. */
struct mbconv_stages {
  struct mbconv_operator base;
  mbconv_layout layout, y_layout;     /* of the input and of the output */
  bool residual;                      /* the input is added to what the last stage gives */
  bool residual_given;                /* every run must be given what is added, and it must not be y */
  bool residual_after;                /* it is added after the last stage's activation, not before */
  bool last_activates;                /* the last stage has an activation */
  bool x_in_scratch;                  /* the input is brought to scratch first, not only planes for a P: s8, floats */
  bool y_in_scratch;                  /* the last stage writes to scratch: from there it becomes planes or floats */
  unsigned char x_element, y_element; /* bytes, of the input and the residual, and of the output: as the set's, but
                                         in int8 where they are floats */
  size_t room;                        /* bytes of scratch for what becomes of them; 0 in f32 */
  /* NULL, or where x is floats: sets x of a strip of the first segment. */
  void (*fetch)(const struct mbconv_walk *walk, struct mbconv_strip *strip);
  mbconv_fetch_row_fn *fetch_row;         /* instead of it for a dense stage, also where bytes are turned */
  size_t residual_channels;               /* it has so many channels, and is added to the first ones */
  const struct mbconv_more_kernels *more; /* NULL for a list that needs none */
  size_t strip_rows, group_channels;      /* the plan that the caller wants; 0 for the library's choice */
  size_t count;
  struct mbconv_stage stage[MBCONV_MOST_STAGES];
  size_t segments;
  struct mbconv_segment segment[MBCONV_MOST_STAGES];
  size_t planned; /* the segment whose strips are planned, the last with a window; those around it follow */
  const struct mbconv_stage *excite;        /* NULL: none */
  const struct mbconv_maker *maker;         /* NULL: f32 */
  const struct mbconv_i8_list *i8;          /* of int8; NULL in f32 */
  const struct mbconv_i8_excite *i8_excite; /* likewise, of its squeeze-excite */
  struct mbconv_target target;              /* what plans are made for */
  struct mbconv_cut cut; /* for one thread and the size that was named at create; height 0: none was */
};

/* What a description says: a list whose stages are not made yet, and what they are made from. */
struct mbconv_described {
  struct mbconv_stages stages;
  const struct mbconv_sets *sets; /* that create chooses from, unless a maker has its own; who creates names them: a
                                   * program of int8 links no kernels of f32 */
  mbconv_more_fn *more_of;        /* NULL, or mbconv_more_of: only those that may need more kernels link them */
  struct mbconv_parameters parameters[MBCONV_MOST_STAGES];
};

/* Checks the list: windows, parameters, and that all products which create, the scratch query and a run form are far
 * below the end of the address space. The image's height and width may both be 0, for any; if not, stages.cut gets its
 * shapes. Without `weights_needed` nothing behind the weights' pointers is read, and they may be NULL. */
mbconv_status mbconv_described_check(struct mbconv_described *described, size_t height, size_t width,
                                     bool weights_needed, mbconv_error *error);

/* Makes *out of a list that has been checked. */
mbconv_status mbconv_stages_create(const struct mbconv_described *described, const mbconv_options *options,
                                   struct mbconv_stages **out, mbconv_error *error);

/* Sets all of a list whose set and target.l2_bytes are chosen, but for the weights themselves: their memory is taken
 * from the cursor. */
void mbconv_stages_lay_out(struct mbconv_stages *stages, const struct mbconv_parameters *parameters,
                           struct mbconv_cursor *cursor);

/* The shapes of a list that has been checked, for images of height x width. Checks that they are not smaller than the
 * windows, and all products that the scratch query and a run form. Needs no memory. */
mbconv_status mbconv_cut_shapes(const struct mbconv_stages *stages, size_t height, size_t width, struct mbconv_cut *cut,
                                mbconv_error *error);

/* Plans a cut whose shapes are set, for one thread. */
void mbconv_cut_plan(const struct mbconv_stages *stages, struct mbconv_cut *cut);

/* Makes the plan of one thread that of `threads` threads. */
void mbconv_cut_share(const struct mbconv_stages *stages, struct mbconv_cut *cut, size_t threads);

/* The cut for one thread, for the size named: that which create made, or a new one in *made. `at` NULL: the size of the
 * description; if it names none, the call is refused. */
mbconv_status mbconv_cut_for(const struct mbconv_stages *stages, const struct mbconv_size *at, struct mbconv_cut *made,
                             const struct mbconv_cut **cut, mbconv_error *error);

/* Whether the image before the last segment is stored whole: a run has two phases then. */
static inline bool mbconv_cut_stored(const struct mbconv_stages *stages, const struct mbconv_cut *cut) {
  return stages->segments > 1 && cut->plan[stages->segments - 2].stored;
}

/* The shape of the output. */
static inline const struct mbconv_shape *mbconv_cut_last(const struct mbconv_stages *stages,
                                                         const struct mbconv_cut *cut) {
  return &cut->shape[stages->segments - 1];
}

#endif
