/* SPDX-License-Identifier: MIT
 *
 * A CPU for which there is no set but scalar, which needs nothing of it.
 */
#include "dispatch.h"

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  *cpu = (struct mbconv_cpu){.name = "CPU of an architecture without vector kernels"};
}
