/* SPDX-License-Identifier: MIT */
#include "measure.h"

double cli_peak_loop(mbconv_isa isa, size_t steps) {
  (void)isa;
  (void)steps;
  return 0;
}
