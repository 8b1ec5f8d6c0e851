/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <time.h>

double cli_seconds(bool several_threads) {
  struct timespec time;
  clock_gettime(several_threads ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double cli_peak(mbconv_isa isa) {
  for (size_t steps = 1024;; steps *= 2) {
    const double start = cli_seconds(false);
    const double flops = cli_peak_loop(isa, steps);
    const double seconds = cli_seconds(false) - start;
    if (flops == 0) return 0;
    if (seconds > 50e-6) return flops / seconds;
  }
}
