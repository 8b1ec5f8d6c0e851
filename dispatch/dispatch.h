/* SPDX-License-Identifier: MIT
 *
 * From a CPU to a set of kernels. Detection (cpu.c) is apart from choice (select.c), whose functions are pure: tests
 * give them CPUs that do not exist.
 */
#ifndef MBCONV_DISPATCH_H
#define MBCONV_DISPATCH_H

#include <stdbool.h>

#include "kernels.h"
#include "mbconv.h"

/* What a CPU and its operating system offer. The os_ flags say that the system saves the vector registers when it
 * switches threads; without them the instructions fault, whatever the CPU says. */
struct mbconv_cpu {
  bool fma, avx2, avx512f, avx512vl, avx512bw, avx512dq, neon;
  bool os_ymm, os_zmm; /* 256-bit registers; 512-bit registers, all 32 of them, and masks */
  bool avx512_slow;    /* one 512-bit FMA unit and a lower clock while it is in use: no faster than AVX2 */
  char name[64];       /* for messages; never empty after mbconv_cpu_detect */
};

/* Fills *cpu with the machine this runs on. Keeps no state; takes up to 0.1 ms. */
void mbconv_cpu_detect(struct mbconv_cpu *cpu);

/* Bytes of a core's L2 cache as the operating system tells; 0 if it does not. */
size_t mbconv_l2_bytes(void);

/* The kernels of `isa`; NULL if they are not in this build, for AUTO and for unknown values. */
const struct mbconv_kernels *mbconv_kernels_of(mbconv_isa isa);

/* Whether `isa` is in this build and `cpu` can run it; false for AUTO and unknown values. */
bool mbconv_isa_usable(mbconv_isa isa, const struct mbconv_cpu *cpu);

/* Whether `isa` is usable and its `variant` of the exponential too (AUTO: any variant). */
bool mbconv_exp_variant_usable(mbconv_isa isa, mbconv_exp variant, const struct mbconv_cpu *cpu);

/* Like mbconv_usable_isas(), but for `cpu`. AUTO means the first. */
size_t mbconv_usable_isas_of(const struct mbconv_cpu *cpu, mbconv_isa *isas, size_t capacity);

/* Chooses for `cpu`.
 *   isa, variant         what the caller asked for; if AUTO, the environment decides
 *   env_isa, env_exp     values of MBCONV_ISA and MBCONV_EXP; NULL, "" and "auto" leave the choice to the library.
 *                        Not looked at if the parameter is not AUTO.
 *   kernels, chosen_exp   receive the choice; untouched on failure
 * MBCONV_INVALID_ARGUMENT for unknown values and names, MBCONV_UNSUPPORTED_ISA for what this build or `cpu` lacks; the
 * message says what was asked for, by whom, and what there is. */
mbconv_status mbconv_select(mbconv_isa isa, mbconv_exp variant, const char *env_isa, const char *env_exp,
                            const struct mbconv_cpu *cpu, const struct mbconv_kernels **kernels, mbconv_exp *chosen_exp,
                            mbconv_error *error);

/* Like mbconv_select(), but for this machine and its environment. `options` may be NULL: all defaults. */
mbconv_status mbconv_choose(const mbconv_options *options, const struct mbconv_kernels **kernels, mbconv_exp *variant,
                            mbconv_error *error);

#endif
