/* SPDX-License-Identifier: MIT
 *
 * A CPU of an architecture that has only the scalar set, which needs no features.
 */
#include "dispatch.h"

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  *cpu = (struct mbconv_cpu){.name = "CPU of an architecture without vector kernels"};
}
