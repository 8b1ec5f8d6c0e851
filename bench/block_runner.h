// SPDX-License-Identifier: MIT
// Whole blocks through the public API: random parameters, and an object with its runs.
#ifndef MBCONV_BENCH_BLOCK_RUNNER_H
#define MBCONV_BENCH_BLOCK_RUNNER_H

#include <string>

#include "blocks.h"
#include "floats.h"
#include "mbconv.h"

namespace bench {

// A block's random parameters, the same for every call, and its description, which points to them.
struct BlockParameters {
  struct Conv {
    Floats weight, bias;
    mbconv_conv conv;

    Conv(size_t out, size_t terms, uint32_t seed);
  };

  Conv expand, depthwise, project, reduce, gate;
  mbconv_squeeze_excite squeeze_excite = {};
  mbconv_block_desc desc = {};

  BlockParameters(const Block &block, bool se);
  void drop_biases();
  BlockParameters(const BlockParameters &) = delete;
  BlockParameters &operator=(const BlockParameters &) = delete;
};

// One thread, one image. Scratch is the caller's, at least scratch_bytes().
class BlockRunner {
 public:
  BlockRunner(const mbconv_block_desc &desc, mbconv_isa isa);
  ~BlockRunner();
  BlockRunner(const BlockRunner &) = delete;
  BlockRunner &operator=(const BlockRunner &) = delete;

  size_t scratch_bytes() const;
  void run(const Floats &x, Floats &y, Floats &scratch) const;
  std::string plan() const;  // as mbconv_block_describe tells

 private:
  mbconv_block *block_ = nullptr;
};

}  // namespace bench

#endif
