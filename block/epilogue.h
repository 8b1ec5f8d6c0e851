/* SPDX-License-Identifier: MIT
 *
 * An activation as the kernels apply it: a clamp where that suffices, SiLU where a set's tiles can, else a function
 * over the stored elements.
 */
#ifndef MBCONV_EPILOGUE_H
#define MBCONV_EPILOGUE_H

#include "i8/i8.h"
#include "kernels.h"

#ifdef MBCONV_I8_SCALAR
enum { MBCONV_HAS_I8 = 1 };
#else
enum { MBCONV_HAS_I8 = 0 }; /* MBCONV_TYPES is f32: what asks for it is compiled away */
#endif

struct mbconv_epilogue {
  struct mbconv_ending ending; /* what the tiles do */
  mbconv_activation_fn *map;   /* run in place afterwards; NULL if that was all */
  mbconv_prelu_fn *prelu;      /* in its stead, of activations with slopes; else NULL */
  char *slopes;                /* of all channels; in int8 tables, or one that they share */
};

/* INVALID_ARGUMENT for an unknown kind, and for those of struct mbconv_more_kernels unless `more`; `name` says in
 * messages whose activation it is. */
mbconv_status mbconv_activation_check(mbconv_activation_kind kind, const char *name, bool more, mbconv_error *error);

/* Whether a kind has slopes. */
static inline bool mbconv_activation_sloped(mbconv_activation_kind kind) {
  return kind == MBCONV_ACTIVATION_LEAKY_RELU || kind == MBCONV_ACTIVATION_PRELU;
}

/* `more` is NULL if only kinds that need none were let through by the check. The slopes are left to the caller. */
struct mbconv_epilogue mbconv_epilogue_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                          const struct mbconv_more_kernels *more, mbconv_exp variant);

/* Whether something is left to do when the tiles have run. */
static inline bool mbconv_epilogue_maps(const struct mbconv_epilogue *epilogue) {
  return epilogue->map || epilogue->prelu;
}

/* Does it, for channels [first, first + channels) of some pixels of y, `stride` apart: all of these bytes may be
 * written. */
static inline void mbconv_epilogue_map(const struct mbconv_epilogue *epilogue, size_t pixels, size_t first,
                                       size_t channels, void *y, size_t stride) {
  const size_t slope_bytes = MBCONV_HAS_I8 && epilogue->ending.i8 ? epilogue->ending.i8->table_bytes : sizeof(float);
  if (epilogue->prelu)
    epilogue->prelu(pixels, channels, y, stride, epilogue->slopes + first * slope_bytes, y, stride);
  else
    epilogue->map(pixels * stride, y, y);
}

/* The function over a buffer, for every kind that has no slopes. */
mbconv_activation_fn *mbconv_activation_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                           const struct mbconv_more_kernels *more, mbconv_exp variant);

#endif
