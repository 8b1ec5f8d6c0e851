/* SPDX-License-Identifier: MIT
 *
 * How a tile calls the subroutine of silu_tiles_neon.c, by inline assembly: `SILU_CALL("v10_to_v16")`, with the sums
 * max(x, -88) in those registers and the constants in v0 to v2 as operands, and the clobbers SILU_CLOBBERS. A linker
 * may use x16 and x17.
 */
#ifndef MBCONV_SILU_TILES_NEON_H
#define MBCONV_SILU_TILES_NEON_H

#include "set_neon.h"
#include "vec_neon.h"

#if defined(__APPLE__)
#define SILU_CALL(registers) "bl _mbconv_silu_neon_" registers
#else
#define SILU_CALL(registers) "bl mbconv_silu_neon_" registers
#endif

#define SILU_CLOBBERS "x16", "x17", "x30", "v3", "v4", "v5", "v6", "v7", "v8", "v9"

/* -log2(e), the two parts of ln(2) and the polynomial's first coefficient: v0. The next four: v1; the last is -0.5. */
enum { SILU_FLOOR = 2 * LANES, SILU_ONE };

/* The pointer is hidden from compilers: they would load the constants before a tile's loop, into registers that the
 * loop needs. */
ALWAYS_INLINE const float *silu_constants(void) {
  static const float constants[2 * LANES + 2] = {
      -1.442695040888963407359924681001892137426645954152985934135449406931f,
      0.693145751953125f,
      1.428606765330187045e-06f,
      0.000198527617612853646278381f,
      -0.00139304355252534151077271f,
      0.00833336077630519866943359f,
      -0.0416664853692054748535156f,
      0.166666671633720397949219f,
      [SILU_FLOOR] = -88.0f,
      [SILU_ONE] = 1.0f,
  };
  const float *p = constants;
  __asm__ volatile("" : "+r"(p));
  return p;
}

/* SiLU of the stored outputs, for tiles that are rarely run. */
ALWAYS_INLINE void silu_stored(const struct mbconv_pointwise_panel *panel, size_t pixels, void *const *y,
                               size_t offset) {
  NO_UNROLL
  for (size_t p = 0; p < pixels; p++) {
    float *sums = y[p];
    mbconv_silu_neon(panel->channels, sums + offset, sums + offset);
  }
}

#endif
