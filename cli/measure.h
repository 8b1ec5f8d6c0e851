/* SPDX-License-Identifier: MIT
 *
 * Time, and what a core can do at best.
 */
#ifndef MBCONV_CLI_MEASURE_H
#define MBCONV_CLI_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "mbconv.h"

/* Seconds: of the calling thread's CPU time, which leaves out what a hypervisor or another process took; or, where
 * several threads work, on a monotonic clock. */
double cli_seconds(bool several_threads);

/* FLOP/s of FMAs on registers as the set does them, two per FMA, measured for some 50 us; 0 if it cannot be measured
 * for the set. Disturbances slow down: repeat it and take the largest. */
double cli_peak(mbconv_isa isa);

/* `steps` steps of independent FMAs on registers; returns the FLOPs done, 0 if the set is not of this architecture. One
 * file per architecture. */
double cli_peak_loop(mbconv_isa isa, size_t steps);

#endif
