/* SPDX-License-Identifier: MIT
 *
 * What a list of int8 has beside its stages. Here is all that the engine knows of it: bytes that are turned on the way
 * in, as the set wants them, the shortcut, which is a function of two bytes, and floats at the doors.
 */
#ifndef MBCONV_LIST_I8_H
#define MBCONV_LIST_I8_H

#include "i8/i8.h"
#include "stage.h"

struct mbconv_i8_list {
  bool flips;               /* the input's bytes must be turned: in what operators/stages_i8.c makes, those of s8; in
                             * what create makes of it, those that the set does not take */
  struct mbconv_i8_add add; /* of the shortcut, if there is one */
  bool maps_sum;            /* what it gives goes through this table */
  uint8_t sum_table[256];
  struct mbconv_i8_converter x, residual, y; /* of kind BYTES where these are no floats */
};

/* Floats become bytes, and bytes floats, this many pixels at a time; up to MBCONV_DOOR_ROOM, rather than leave a few.
 */
enum { MBCONV_DOOR_PIXELS = 64, MBCONV_DOOR_ROOM = 72 };

static inline bool mbconv_floats_in(const struct mbconv_i8_list *list) { return list->x.kind != MBCONV_I8_DOOR_BYTES; }
static inline bool mbconv_floats_out(const struct mbconv_i8_list *list) { return list->y.kind != MBCONV_I8_DOOR_BYTES; }

/* Whether the input's bytes must be turned before a kernel reads them. */
static inline bool mbconv_flips_input(const struct mbconv_stages *stages) {
  return MBCONV_HAS_I8 && stages->i8 && stages->i8->flips;
}

/* y[i] = x[i] ^ 0x80, i < n; y may be x. */
static inline void mbconv_flip(const struct mbconv_stages *stages, size_t n, const void *x, void *y) {
  stages->base.kernels->i8->flip(n, x, y);
}

#endif
