// SPDX-License-Identifier: MIT
#include "peak.h"

#include <ctime>

namespace bench {
namespace {

constexpr double probe_seconds = 50e-6;

// Finds out once how many steps take as long as a probe should, then does so many.
template <double (*loop)(size_t)>
double fma_rate() {
  static size_t steps = 0;
  if (steps == 0) {
    double seconds = 0;
    for (steps = 16; seconds < probe_seconds; steps *= 2) {
      const double start = thread_seconds();
      loop(steps);
      seconds = thread_seconds() - start;
    }
  }
  const double start = thread_seconds();
  const double flops = loop(steps);
  return flops / (thread_seconds() - start);
}

const struct {
  mbconv_isa isa;
  Probe probe;
} probes[] = {
    {MBCONV_ISA_SCALAR, fma_rate<fma_loop_scalar>},
#ifdef MBCONV_SET_AVX2
    {MBCONV_ISA_AVX2, fma_rate<fma_loop_avx2>},
#endif
#ifdef MBCONV_SET_AVX512
    {MBCONV_ISA_AVX512, fma_rate<fma_loop_avx512>},
#endif
#ifdef MBCONV_SET_NEON
    {MBCONV_ISA_NEON, fma_rate<fma_loop_neon>},
#endif
};

// Adds a register, not a constant: some cores add small constants for free. The empty statement keeps the compiler from
// making one multiplication of several.
inline size_t add(size_t sum, size_t term) {
  sum += term;
  __asm__ volatile("" : "+r"(sum));
  return sum;
}

inline size_t add_4_times(size_t sum, size_t term) { return add(add(add(add(sum, term), term), term), term); }

}  // namespace

double thread_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Probe fma_probe(mbconv_isa isa) {
  for (const auto &known : probes) {
    if (known.isa == isa) return known.probe;
  }
  return nullptr;
}

double clock_probe() {
  constexpr size_t steps = 65536;
  size_t sum = 0;
  const double start = thread_seconds();
  for (size_t i = 0; i < steps; ++i) sum = add_4_times(add_4_times(sum, i), i);
  return static_cast<double>(8 * steps) / (thread_seconds() - start);
}

}  // namespace bench
