/* SPDX-License-Identifier: MIT
 *
 * From the description of an int8 block to what the kernels compute with.
 */
#ifndef MBCONV_OPERATORS_I8_H
#define MBCONV_OPERATORS_I8_H

#include "list_i8.h"

/* What a stage of int8 is made from, while its description is there. Bytes in it are as images are inside: unsigned. */
struct mbconv_i8_stage {
  const mbconv_i8_stage_desc *desc;
  mbconv_type type;
  mbconv_quantization input; /* of the stage, with the description's zero point */
  uint8_t padding;           /* the input's zero point */
  struct mbconv_i8_ending ending;
  uint8_t table_flip;                      /* the description's tables give bytes that are turned by it */
  const struct mbconv_i8_excited *excited; /* of squeeze-excite */
  const struct mbconv_i8_list *list;       /* of the first stage */
};

/* A zero point, or any value of the type, as an unsigned byte. */
static inline int32_t mbconv_i8_offset(mbconv_type type) { return type == MBCONV_S8 ? 128 : 0; }

/* INVALID_ARGUMENT unless it is a normal float above 0 and a value of the type; `name` is for messages. */
mbconv_status mbconv_quantization_check(const mbconv_quantization *quantization, mbconv_type type, const char *name,
                                        mbconv_error *error);

/* Sets lo and hi, unsigned bytes, for an activation that cuts off. */
mbconv_status mbconv_i8_bounds(mbconv_activation_kind activation, const mbconv_quantization *quantization,
                               mbconv_type type, const char *name, uint8_t *lo, uint8_t *hi, mbconv_error *error);

/* Narrows lo and hi to what the caller names, bytes of the type; both 0: to nothing. */
mbconv_status mbconv_i8_clamp_to(int32_t least, int32_t most, mbconv_type type, const char *name, uint8_t *lo,
                                 uint8_t *hi, mbconv_error *error);

/* m, 0 or above, as multiplier * 2^(shift - 31), 0 if it vanishes: TFLite's QuantizeMultiplier. */
void mbconv_i8_quantize_multiplier(double m, int32_t *multiplier, int32_t *shift);

/* The constants of an output channel, whose sums have k terms. `name` is the stage's in messages. */
mbconv_status mbconv_i8_channel_of(const struct mbconv_i8_stage *stage, size_t channel, size_t k, const char *name,
                                   struct mbconv_i8_channel *out, mbconv_error *error);

/* How the shortcut of quantization b is added to a; lo, hi and flips are left to the caller. */
mbconv_status mbconv_i8_add_of(mbconv_i8_add_kind kind, mbconv_type type, const mbconv_quantization *a,
                               const mbconv_quantization *b, const mbconv_quantization *y, struct mbconv_i8_add *add,
                               mbconv_error *error);

/* The layers of squeeze-excite, what it computes with, and what its lists in f32 and here have in common: the width. */
struct mbconv_i8_excited {
  struct mbconv_i8_stage reduce, expand;
  struct mbconv_i8_excite arithmetic;
  mbconv_squeeze_excite shape;
};

/* Makes a stage that writes so many channels, but for its weights and scales; of squeeze-excite, what its products
 * become. */
mbconv_status mbconv_i8_stage_make(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage,
                                   const mbconv_quantization *input, size_t channels, const char *name,
                                   struct mbconv_i8_stage *made, mbconv_error *error);

/* A caller's table, of bytes that are turned by `in`; what it gives is turned by `out`. */
void mbconv_i8_copy_table(const uint8_t *table, uint8_t in, uint8_t out, uint8_t made[256]);

/* What a pointwise stage of `in` channels and others have no use for, and its pointers. */
mbconv_status mbconv_i8_pointwise_check(const mbconv_i8_stage_desc *stage, const char *name, mbconv_error *error);
mbconv_status mbconv_i8_pointers_check(const mbconv_i8_stage_desc *stage, size_t out, const char *name,
                                       mbconv_error *error);

/* The weights and scales of a stage of `out` channels, whose sums have k terms. */
mbconv_status mbconv_i8_channels_check(const struct mbconv_i8_stage *stage, size_t out, size_t k, const char *name,
                                       mbconv_error *error);

/* Squeeze-excite of so many channels, stage `index` of the list: what is around it and in it, but for its weights; and
 * then these. `made` is made and has `excited`, which is not. */
mbconv_status mbconv_i8_excite_check(const mbconv_i8_desc *desc, const struct mbconv_i8_stage *made, size_t channels,
                                     const char *name, struct mbconv_i8_excited *excited, mbconv_error *error);
mbconv_status mbconv_i8_excite_channels_check(const struct mbconv_i8_excited *excited, size_t channels,
                                              const char *name, mbconv_error *error);

/* How the mean of an image becomes a byte of `output`. */
mbconv_status mbconv_i8_mean_of(mbconv_i8_rounding rounding, mbconv_type type, const mbconv_quantization *input,
                                const mbconv_quantization *output, const char *name, struct mbconv_i8_mean *mean,
                                mbconv_error *error);

/* How the products of a stage's input and the gates become bytes. */
mbconv_status mbconv_i8_gate_of(const struct mbconv_i8_stage *stage, const mbconv_quantization *gate, const char *name,
                                struct mbconv_i8_gate *made, mbconv_error *error);

/* `check_shape` of struct mbconv_maker. */
mbconv_status mbconv_i8_shape_check(const struct mbconv_shape *shape, mbconv_error *error);

/* What a description says. Its parts point to each other: it is not copied. */
struct mbconv_i8_described {
  struct mbconv_described described;
  struct mbconv_i8_stage stage[MBCONV_MOST_STAGES];
  struct mbconv_i8_excited excited; /* of the one squeeze-excite there can be */
  struct mbconv_i8_list list;
};

/* Checks everything that users can get wrong, and makes a list that mbconv_stages_create() takes. */
mbconv_status mbconv_i8_check(const mbconv_i8_desc *desc, struct mbconv_i8_described *made, mbconv_error *error);

/* The doors: `fetch` and `fetch_row` of struct mbconv_stages, `end` of struct mbconv_maker. */
void mbconv_i8_fetch(const struct mbconv_walk *walk, struct mbconv_strip *strip);
mbconv_fetch_row_fn mbconv_i8_fetch_row;
void mbconv_i8_end(const struct mbconv_output *output, size_t first, const struct mbconv_pixel_run *run);

/* How a list of int8 is made. */
extern const struct mbconv_maker mbconv_i8_maker;

#endif
