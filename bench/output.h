// SPDX-License-Identifier: MIT
// How the programs end: not as if all were well when what they printed is lost, on a full disk for one.
#ifndef MBCONV_BENCH_OUTPUT_H
#define MBCONV_BENCH_OUTPUT_H

#include <cstdio>
#include <iostream>

namespace bench {

// Whether all of standard output was written; if not, says so.
inline bool all_written() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  std::fprintf(stderr, "standard output: not all of it could be written\n");
  return false;
}

}  // namespace bench

#endif
