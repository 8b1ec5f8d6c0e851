// SPDX-License-Identifier: MIT
// The FMA loop that every peak_<isa>.cc makes of its own vector type.
//
// `chains` accumulators must cover latency x FMAs per cycle (Zen and Skylake: 4 x 2; the widest ARM cores: 4 x 4) and,
// with a constant, fit into the registers: 12 of 16 on AVX2, 24 of 32 elsewhere. sum = half * half + sum, the form that
// NEON has, grows by 1/4 up to 2^22 and stays there: no denormals, infinities or NaNs.
#ifndef MBCONV_BENCH_PEAK_LOOP_H
#define MBCONV_BENCH_PEAK_LOOP_H

#include <cstddef>
#include <utility>

namespace bench {

template <class Vector, Vector (*fma)(Vector, Vector, Vector), size_t... chain>
inline void fma_steps(size_t steps, Vector (&sums)[sizeof...(chain)], Vector half, std::index_sequence<chain...>) {
  Vector registers[sizeof...(chain)] = {sums[chain]...};
  for (size_t i = 0; i < steps; ++i) {
    ((registers[chain] = fma(half, half, registers[chain])), ...);
  }
  ((sums[chain] = registers[chain]), ...);
}

// For the compiler: the value may be read and changed here. Costs nothing in the loop.
template <class Value>
inline void hide(Value &value) {
  __asm__ volatile("" : "+m"(value));
}

template <size_t chains, size_t lanes, class Vector, Vector (*fma)(Vector, Vector, Vector)>
inline double fma_loop(size_t steps, Vector half) {
  Vector sums[chains];
  for (Vector &sum : sums) sum = half;
  hide(sums);
  hide(half);
  fma_steps<Vector, fma>(steps, sums, half, std::make_index_sequence<chains>());
  hide(sums);
  return 2.0 * static_cast<double>(steps * chains * lanes);
}

}  // namespace bench

#endif
