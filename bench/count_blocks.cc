// SPDX-License-Identifier: MIT
// Runs each block once between two marks, for count/plugin.c to count. Alone it does nothing to be seen.
//
//     count_blocks [i8] [BLOCK...]    on the best set; default: all blocks
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "block_runner.h"
#ifdef MBCONV_BENCH_I8
#include "i8_runner.h"
#endif
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

#ifdef MBCONV_BENCH_I8
void count_i8(const bench::Block &block, const char *variant) {
  const bench::I8Parameters parameters(block, bench::Part::block);
  bench::I8Runner runner(parameters, MBCONV_ISA_AUTO);
  const bench::Bytes x = bench::random_bytes(block.height * block.width * block.in, 1);
  bench::Bytes y(parameters.outputs);
  std::printf("block %s %s %.0f\n", block.name.c_str(), variant, parameters.multiply_adds);
  std::fflush(stdout);
  mark();
  runner.run(x.data(), y.data());
  mark();
}
#else
void count_i8(const bench::Block &, const char *) { throw std::runtime_error("this build is without int8"); }
#endif

}  // namespace

int main(int argc, char **argv) {
  const bool i8 = argc > 1 && std::string(argv[1]) == "i8";
  const std::vector<std::string> wanted(argv + 1 + i8, argv + argc);
  try {
    for (const bench::Block &block : bench::read_blocks()) {
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), block.name) == wanted.end()) continue;
      const char *variant = block.activation == MBCONV_ACTIVATION_RELU6 ? "relu6" : "silu";
      if (i8) {
        count_i8(block, variant);
        continue;
      }
      count(block, variant, false);
      if (block.se_width > 0) count(block, "silu-se", true);
    }
  } catch (const std::exception &problem) {
    std::fprintf(stderr, "count_blocks: %s\n", problem.what());
    return 1;
  }
  return bench::all_written() ? 0 : 1;
}
