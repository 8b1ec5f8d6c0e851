// SPDX-License-Identifier: MIT
// The block list of blocks.csv.
#ifndef MBCONV_BENCH_BLOCKS_H
#define MBCONV_BENCH_BLOCKS_H

#include <cstddef>
#include <string>
#include <vector>

#include "mbconv.h"

namespace bench {

struct Block {
  std::string name;
  size_t height, width, in, expanded, out, kernel, stride;
  mbconv_activation_kind activation;
  bool has_expand;
  size_t se_width;  // 0: no squeeze-excite

  // The depthwise pads kernel / 2 on each side.
  size_t out_height() const { return (height + 2 * (kernel / 2) - kernel) / stride + 1; }
  size_t out_width() const { return (width + 2 * (kernel / 2) - kernel) / stride + 1; }
};

// In the file's order. Throws std::runtime_error if the file is not what it should be.
std::vector<Block> read_blocks();

}  // namespace bench

#endif
