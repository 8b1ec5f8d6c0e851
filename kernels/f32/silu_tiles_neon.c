/* SPDX-License-Identifier: MIT
 *
 * SiLU of a tile's sums in their registers. It is a subroutine in assembly that the tiles share: a call by C's rules
 * would keep no vector, and a copy in each tile would be 88 bytes for each of its vectors. The arithmetic is that of
 * activation_neon.c without its load, store and loop: 23 uops for each vector and about 10 for each call. In blocks
 * that saves 1 to 6% of the uops. This is counted, not timed: no ARM64 core was at hand.
 *
 *     v10 to v31    sums, 22 at most: c = max(x, -88) on entry, SiLU on return
 *     v3 to v9      changed
 *     v0, v1        the constants, taken by element. A coefficient that FMLA overwrites is a DUP from there; where it
 *                   is a vector of its own, it is copied.
 *     v2            1.0
 *
 * Two vectors are computed side by side, for CPUs that execute in order. That takes 7 registers besides the constants,
 * so that a tile of 22 sums uses all 32. Sums are in the upper registers because compilers keep weights in the lower
 * ones: with sums in v0 to v21, gcc 12 copied three of a depthwise's. Each entry falls into the next one.
 * silu_tiles_neon.h says how an entry is called.
 *
 * llvm-mca's cycles for each vector, with its load and store, of 14 vectors: 41.8 on Cortex-A55 (activation_neon.c:
 * 44.5), 8.9 on Apple M1 (10.9); on Neoverse N1 as there, 15.5, which its two vector units bound.
 */
#include "silu_tiles_neon.h"

/* Apple's linker may take apart what follows a symbol, but for alternate entries. On Windows 2 is an external symbol,
 * 32 a function. */
#if defined(__APPLE__)
#define START ".private_extern _mbconv_silu_neon_sums\n_mbconv_silu_neon_sums:\n"
#define ENTRY(registers)                                                                     \
  ".private_extern _mbconv_silu_neon_" registers "\n.alt_entry _mbconv_silu_neon_" registers \
  "\n_mbconv_silu_neon_" registers ":\n"
#define END(registers) ""
#elif defined(_WIN32)
#define START ""
#define ENTRY(registers)                                                    \
  ".globl mbconv_silu_neon_" registers "\n.def mbconv_silu_neon_" registers \
  "\n.scl 2\n.type 32\n.endef\nmbconv_silu_neon_" registers ":\n"
#define END(registers) ""
#else
#define START ""
#define ENTRY(registers)                                                                                             \
  ".globl mbconv_silu_neon_" registers "\n.hidden mbconv_silu_neon_" registers "\n.type mbconv_silu_neon_" registers \
  ", %function\nmbconv_silu_neon_" registers ":\n"
#define END(registers) ".size mbconv_silu_neon_" registers ", . - mbconv_silu_neon_" registers "\n"
#endif

/* clang-format off */
__asm__(
    ".text\n.balign 16\n" START

    /* q = -c log2(e), rounded; s = c + q ln(2); p a polynomial in s; u = |1 - (s + s s p)|; c / (1 + u 2^q) */
    ".macro mbconv_silu_pair a, b\n"
    "fmul v3.4s, \\a\\().4s, v0.s[0]\n"    "fmul v4.4s, \\b\\().4s, v0.s[0]\n"
    "frintn v3.4s, v3.4s\n"                "frintn v4.4s, v4.4s\n"
    "mov v5.16b, \\a\\().16b\n"            "mov v6.16b, \\b\\().16b\n"
    "fmla v5.4s, v3.4s, v0.s[1]\n"         "fmla v6.4s, v4.4s, v0.s[1]\n"
    "dup v7.4s, v1.s[0]\n"                 "dup v8.4s, v1.s[0]\n"
    "fmla v5.4s, v3.4s, v0.s[2]\n"         "fmla v6.4s, v4.4s, v0.s[2]\n"
    "dup v9.4s, v1.s[1]\n"
    "fmla v7.4s, v5.4s, v0.s[3]\n"         "fmla v8.4s, v6.4s, v0.s[3]\n"
    "fmla v9.4s, v7.4s, v5.4s\n"           "dup v7.4s, v1.s[1]\n"
    "fmla v7.4s, v8.4s, v6.4s\n"           "dup v8.4s, v1.s[2]\n"
    "fmla v8.4s, v9.4s, v5.4s\n"           "dup v9.4s, v1.s[2]\n"
    "fmla v9.4s, v7.4s, v6.4s\n"           "dup v7.4s, v1.s[3]\n"
    "fmla v7.4s, v8.4s, v5.4s\n"           "dup v8.4s, v1.s[3]\n"
    "fmla v8.4s, v9.4s, v6.4s\n"           "fmov v9.4s, #-0.5\n"
    "fmla v9.4s, v7.4s, v5.4s\n"           "fmov v7.4s, #-0.5\n"
    "fmla v7.4s, v8.4s, v6.4s\n"           "fmul v8.4s, v5.4s, v5.4s\n"
    "fmla v5.4s, v8.4s, v9.4s\n"           "fmul v9.4s, v6.4s, v6.4s\n"
    "fcvtzs v3.4s, v3.4s, #23\n"           "fmla v6.4s, v9.4s, v7.4s\n"
    "fabd v5.4s, v2.4s, v5.4s\n"           "fcvtzs v4.4s, v4.4s, #23\n"
    "fabd v6.4s, v2.4s, v6.4s\n"           "usqadd v5.4s, v3.4s\n"
    "usqadd v6.4s, v4.4s\n"                "fadd v5.4s, v2.4s, v5.4s\n"
    "fadd v6.4s, v2.4s, v6.4s\n"           "fdiv \\a\\().4s, \\a\\().4s, v5.4s\n"
    "fdiv \\b\\().4s, \\b\\().4s, v6.4s\n"
    ".endm\n"

    ENTRY("v10_to_v23") "mbconv_silu_pair v22, v23\n"
    ENTRY("v10_to_v21") "mbconv_silu_pair v20, v21\n"
    "mbconv_silu_pair v18, v19\n"
    "mbconv_silu_pair v16, v17\n"
    "1: mbconv_silu_pair v14, v15\n"
    ENTRY("v10_to_v13") "mbconv_silu_pair v12, v13\n"
    ENTRY("v10_to_v11") "mbconv_silu_pair v10, v11\n"
    "ret\n"
    END("v10_to_v23")

    ENTRY("v22_to_v31") "mbconv_silu_pair v30, v31\n"
    ENTRY("v22_to_v29") "mbconv_silu_pair v28, v29\n"
    ENTRY("v22_to_v27") "mbconv_silu_pair v26, v27\n"
    ENTRY("v22_to_v25") "mbconv_silu_pair v24, v25\n"
    ENTRY("v22_to_v23") "mbconv_silu_pair v22, v23\n"
    "ret\n"
    END("v22_to_v31")

    /* The seventh sum, which has no pair. */
    ENTRY("v10_to_v16")
    "fmul v3.4s, v16.4s, v0.s[0]\n"
    "frintn v3.4s, v3.4s\n"
    "mov v5.16b, v16.16b\n"
    "fmla v5.4s, v3.4s, v0.s[1]\n"
    "dup v7.4s, v1.s[0]\n"
    "fmla v5.4s, v3.4s, v0.s[2]\n"
    "dup v8.4s, v1.s[1]\n"
    "fmla v7.4s, v5.4s, v0.s[3]\n"
    "dup v9.4s, v1.s[2]\n"
    "fmla v8.4s, v7.4s, v5.4s\n"
    "dup v7.4s, v1.s[3]\n"
    "fmla v9.4s, v8.4s, v5.4s\n"
    "fmov v8.4s, #-0.5\n"
    "fmla v7.4s, v9.4s, v5.4s\n"
    "fmul v9.4s, v5.4s, v5.4s\n"
    "fmla v8.4s, v7.4s, v5.4s\n"
    "fcvtzs v3.4s, v3.4s, #23\n"
    "fmla v5.4s, v9.4s, v8.4s\n"
    "fabd v5.4s, v2.4s, v5.4s\n"
    "usqadd v5.4s, v3.4s\n"
    "fadd v5.4s, v2.4s, v5.4s\n"
    "fdiv v16.4s, v16.4s, v5.4s\n"
    "b 1b\n"
    END("v10_to_v16"));
/* clang-format on */
