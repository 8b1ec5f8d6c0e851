/* SPDX-License-Identifier: MIT
 *
 * What an x86 CPU offers, without cpu_features (MBCONV_CPU_FEATURES=OFF, or where it is not found).
 */
#include "x86.h"

void mbconv_cpu_detect(struct mbconv_cpu *cpu) { mbconv_x86_detect(&mbconv_x86_here, cpu); }
