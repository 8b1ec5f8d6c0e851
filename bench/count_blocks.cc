// SPDX-License-Identifier: MIT
// Runs each block once between two marks, for count/plugin.c to count. Alone it does nothing to be seen.
//
//     count_blocks [BLOCK...]    on the best set; default: all blocks
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "block_runner.h"
#include "measure.h"
#include "output.h"

namespace {

// A system call that nothing else here makes.
void mark() { static_cast<void>(getppid()); }

void count(const bench::Block &block, const char *variant, bool se) {
  const bench::BlockParameters parameters(block, se);
  const bench::BlockRunner runner(parameters.desc, MBCONV_ISA_AUTO);
  const bench::Floats x = bench::random_floats(block.height * block.width * block.in, 1);
  bench::Floats y(block.out_height() * block.out_width() * block.out);
  bench::Floats scratch(runner.scratch_bytes() / sizeof(float) + 1);
  mbconv_counts counts;
  mbconv_error error;
  bench::require_ok(mbconv_block_count(&parameters.desc, &counts, &error), error);
  std::printf("block %s %s %llu\n", block.name.c_str(), variant, static_cast<unsigned long long>(counts.multiply_adds));
  std::fflush(stdout);
  mark();
  runner.run(x, y, scratch);
  mark();
}

}  // namespace

int main(int argc, char **argv) {
  const std::vector<std::string> wanted(argv + 1, argv + argc);
  try {
    for (const bench::Block &block : bench::read_blocks()) {
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), block.name) == wanted.end()) continue;
      count(block, block.activation == MBCONV_ACTIVATION_RELU6 ? "relu6" : "silu", false);
      if (block.se_width > 0) count(block, "silu-se", true);
    }
  } catch (const std::exception &problem) {
    std::fprintf(stderr, "count_blocks: %s\n", problem.what());
    return 1;
  }
  return bench::all_written() ? 0 : 1;
}
