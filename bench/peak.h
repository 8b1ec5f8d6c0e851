// SPDX-License-Identifier: MIT
// What the core can do at best, to divide by: loops that touch no memory, timed by the thread's CPU time.
#ifndef MBCONV_BENCH_PEAK_H
#define MBCONV_BENCH_PEAK_H

#include <cstddef>

#include "mbconv.h"

namespace bench {

// CPU time of the calling thread in seconds: time stolen by a hypervisor or another process is not in it.
double thread_seconds();

// One probe of about 50 us: FLOP/s (two per FMA), or Hz. One probe may be disturbed: repeat it and take the largest.
using Probe = double (*)();

// FMAs as the set does them: full vectors from registers; scalar: fmaf (on x86 a call into the C library, which the set
// itself does without). NULL if the set is not in this build.
Probe fma_probe(mbconv_isa isa);

// The clock rate, by a chain of dependent additions of registers, one per cycle on every core that we know.
double clock_probe();

// Do `steps` steps of independent FMAs; return the FLOPs done. One file each, compiled with the set's flags.
double fma_loop_scalar(size_t steps);
double fma_loop_avx2(size_t steps);
double fma_loop_avx512(size_t steps);
double fma_loop_neon(size_t steps);

}  // namespace bench

#endif
