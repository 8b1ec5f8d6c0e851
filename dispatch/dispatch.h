/* SPDX-License-Identifier: MIT
 *
 * From a CPU to a set of kernels. Detecting a CPU (cpu.c) is separate from choosing a set (select.c). The functions
 * that choose are pure, so that tests can give them CPUs that do not exist.
 */
#ifndef MBCONV_DISPATCH_H
#define MBCONV_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels.h"
#include "mbconv.h"

/* Features of a CPU and its operating system, one bit each. A bit is set only if the instructions can be executed:
 * where the system does not save the registers that they use, they fault, whatever the CPU says. */
enum {
  MBCONV_CPU_FMA = 1 << 0,
  MBCONV_CPU_AVX2 = 1 << 1,
  MBCONV_CPU_AVX_VNNI = 1 << 2, /* sums of products of bytes, on 256-bit registers and without AVX-512 */
  MBCONV_CPU_AVX512F = 1 << 3,
  MBCONV_CPU_AVX512VL = 1 << 4,
  MBCONV_CPU_AVX512BW = 1 << 5,
  MBCONV_CPU_AVX512DQ = 1 << 6,
  MBCONV_CPU_AVX512_VNNI = 1 << 7, /* sums of products of bytes */
  MBCONV_CPU_AVX512_VBMI = 1 << 8, /* any byte of a register to any place */
  MBCONV_CPU_NEON = 1 << 9,        /* Advanced SIMD */
  MBCONV_CPU_DOTPROD = 1 << 10,    /* NEON's sums of products of bytes */
  MBCONV_CPU_I8MM = 1 << 11,       /* NEON's products of matrices of bytes */
  MBCONV_CPU_FP16 = 1 << 12,       /* NEON's arithmetic on floats of 16 bits */
  MBCONV_CPU_OS_YMM = 1 << 13,     /* the system saves the 256-bit registers when it switches threads */
  MBCONV_CPU_OS_ZMM = 1 << 14,     /* and the 512-bit registers, all 32 of them, and the masks */
  MBCONV_CPU_FEATURES = 15         /* the number of features */
};

/* What sets need of a CPU: the instructions that the compiler flags of their files allow (cmake/kernels.cmake; with
 * AVX-512 the compiler may use AVX2, too), and the registers that these instructions use. */
enum {
  MBCONV_NEEDS_AVX2 = MBCONV_CPU_AVX2 | MBCONV_CPU_FMA | MBCONV_CPU_OS_YMM,
  MBCONV_NEEDS_AVX512 = MBCONV_NEEDS_AVX2 | MBCONV_CPU_AVX512F | MBCONV_CPU_AVX512VL | MBCONV_CPU_AVX512BW |
                        MBCONV_CPU_AVX512DQ | MBCONV_CPU_OS_ZMM,
  MBCONV_NEEDS_NEON = MBCONV_CPU_NEON | MBCONV_CPU_FMA,
  MBCONV_NEEDS_NEON_DOTPROD = MBCONV_NEEDS_NEON | MBCONV_CPU_DOTPROD,
  MBCONV_NEEDS_NEON_I8MM = MBCONV_NEEDS_NEON_DOTPROD | MBCONV_CPU_I8MM
};

/* What a CPU and its operating system offer. */
struct mbconv_cpu {
  uint32_t features;
  bool avx512_slow; /* one 512-bit FMA unit and a lower clock while it is in use: no faster than AVX2 */
  char name[64];    /* for messages; never empty after mbconv_cpu_detect() */
};

/* A set: the instruction set that a user asks for to get it, and the features that a CPU must have. The kernels may be
 * those of a lesser instruction set, if these are the fastest that there are; then it is not listed. */
struct mbconv_row {
  mbconv_isa isa;
  uint32_t needs;
  const struct mbconv_kernels *kernels;
};

/* The sets of a type in this build, best first. Each type has its own, so that a program contains only those that it
 * names: those of int8 are in i8_sets.h. */
struct mbconv_sets {
  const struct mbconv_row *rows;
  size_t count;
};

extern const struct mbconv_sets mbconv_f32_sets;

/* Whether `cpu` has all that `row` needs. */
bool mbconv_row_offered(const struct mbconv_row *row, const struct mbconv_cpu *cpu);

/* Fills *cpu with the machine this runs on. Keeps no state; takes up to 0.1 ms. */
void mbconv_cpu_detect(struct mbconv_cpu *cpu);

/* Bytes of a core's L2 cache as the operating system tells; 0 if it does not. */
size_t mbconv_l2_bytes(void);

/* The kernels of the best of `sets` for `isa`, whether or not this CPU can run it; NULL if there is none, for AUTO
 * and for unknown values. Plain AVX2, AVX512 and NEON mean those with VNNI, DOTPROD and I8MM, too. */
const struct mbconv_kernels *mbconv_kernels_of(const struct mbconv_sets *sets, mbconv_isa isa);

/* Whether one of `sets` is for `isa` and `cpu` can run it; false for AUTO and unknown values. */
bool mbconv_isa_usable(const struct mbconv_sets *sets, mbconv_isa isa, const struct mbconv_cpu *cpu);

/* Whether `isa` is usable, and its `variant` of the exponential, too (AUTO: any variant). */
bool mbconv_exp_variant_usable(const struct mbconv_sets *sets, mbconv_isa isa, mbconv_exp variant,
                               const struct mbconv_cpu *cpu);

/* Like mbconv_usable_isas(), but for `sets` and `cpu`. AUTO means the first. */
size_t mbconv_usable_isas_of(const struct mbconv_sets *sets, const struct mbconv_cpu *cpu, mbconv_isa *isas,
                             size_t capacity);

/* Writes the names of the instruction sets, as in "auto, scalar, avx2, avx512 or neon". */
void mbconv_list_isas(char *text, size_t size);

/* Chooses one of `sets` for `cpu`.
 *   isa, variant         what the caller asked for; if AUTO, the environment decides
 *   env_isa, env_exp     values of MBCONV_ISA and MBCONV_EXP; NULL, "" and "auto" leave the choice to the library.
 *                        Not looked at if the parameter is not AUTO.
 *   kernels, chosen_exp   receive the choice; untouched on failure
 * MBCONV_INVALID_ARGUMENT for unknown values and names, MBCONV_UNSUPPORTED_ISA for what this build or `cpu` lacks; the
 * message says what was asked for, who asked, and which sets are usable. */
mbconv_status mbconv_select(const struct mbconv_sets *sets, mbconv_isa isa, mbconv_exp variant, const char *env_isa,
                            const char *env_exp, const struct mbconv_cpu *cpu, const struct mbconv_kernels **kernels,
                            mbconv_exp *chosen_exp, mbconv_error *error);

/* Like mbconv_select(), but for this machine and its environment. `options` may be NULL: all defaults. */
mbconv_status mbconv_choose(const struct mbconv_sets *sets, const mbconv_options *options,
                            const struct mbconv_kernels **kernels, mbconv_exp *variant, mbconv_error *error);

#endif
