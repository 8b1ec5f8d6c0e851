// SPDX-License-Identifier: MIT
// The command line of mbconv_plan_search.
#ifndef MBCONV_BENCH_PLAN_SEARCH_OPTIONS_H
#define MBCONV_BENCH_PLAN_SEARCH_OPTIONS_H

#include <string>
#include <vector>

#include "blocks.h"
#include "mbconv.h"

namespace bench {

struct SearchOptions {
  std::vector<Block> blocks;
  std::vector<mbconv_isa> isas;
  double seconds = 3;  // of each block on each set
  bool se = false;
  mbconv_layout layout = MBCONV_NHWC;
  std::string csv;  // a file's name, or empty
};

// Throws std::runtime_error, with how to call it, if it does not understand; --help ends the program.
SearchOptions parse_search_options(int argc, char **argv);

}  // namespace bench

#endif
