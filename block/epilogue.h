/* SPDX-License-Identifier: MIT
 *
 * An activation as the kernels apply it: a clamp where that suffices, SiLU where a set's tiles can, else a function
 * over the stored floats.
 */
#ifndef MBCONV_EPILOGUE_H
#define MBCONV_EPILOGUE_H

#include "kernels.h"

struct mbconv_epilogue {
  struct mbconv_ending ending; /* what the tiles do */
  mbconv_activation_fn *map;   /* run in place afterwards; NULL if that was all */
};

/* INVALID_ARGUMENT for an unknown kind; `name` says in messages whose activation it is. */
mbconv_status mbconv_activation_check(mbconv_activation_kind kind, const char *name, mbconv_error *error);

struct mbconv_epilogue mbconv_epilogue_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                          mbconv_exp variant);

/* The function over a buffer, for every kind. */
mbconv_activation_fn *mbconv_activation_of(mbconv_activation_kind kind, const struct mbconv_kernels *kernels,
                                           mbconv_exp variant);

#endif
