// SPDX-License-Identifier: MIT
// Blocks of int8 and their parts through the public API, on int8_t: random parameters, and an object with its runs.
#ifndef MBCONV_BENCH_I8_RUNNER_H
#define MBCONV_BENCH_I8_RUNNER_H

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "blocks.h"
#include "floats.h"
#include "mbconv_i8.h"

namespace bench {

using Bytes = std::vector<int8_t>;

Bytes random_bytes(size_t size, uint32_t seed);

// Which stages of the block are run, and its shortcut only if all are: block_se has squeeze-excite, too.
enum class Part { block, block_se, expand, depthwise, project };

// The stages of a part with random weights, and the description, which points to them.
struct I8Parameters {
  std::vector<Bytes> weights;
  std::vector<std::vector<int32_t>> biases;
  std::deque<float> weight_scales;  // they stay where they are
  std::array<uint8_t, 256> table, gates;
  mbconv_i8_stage_desc reduce = {}, gate = {};
  mbconv_i8_squeeze_excite excite = {};
  std::vector<mbconv_i8_stage_desc> stages;
  mbconv_i8_desc desc = {};
  double multiply_adds = 0;
  size_t outputs = 0;  // bytes

  I8Parameters(const Block &block, Part part);
  I8Parameters(const I8Parameters &) = delete;
  I8Parameters &operator=(const I8Parameters &) = delete;

 private:
  // A pointwise stage whose sums, of `terms` products, become `output`.
  mbconv_i8_stage_desc stage_of(float x_scale, size_t terms, size_t channels, mbconv_quantization output);

  void add_excite(const Block &block);

  // Kernel 1: pointwise; others: depthwise.
  void add(const Block &block, size_t kernel, size_t terms, size_t channels, size_t pixels, bool activated);
};

// One thread, one image.
class I8Runner {
 public:
  I8Runner(const I8Parameters &parameters, mbconv_isa row);
  ~I8Runner() { mbconv_block_destroy(block_); }
  I8Runner(const I8Runner &) = delete;
  I8Runner &operator=(const I8Runner &) = delete;

  size_t scratch_bytes() const { return mbconv_block_scratch_size(block_, 1); }
  void run(const int8_t *x, int8_t *y);
  std::string plan() const;

 private:
  mbconv_block *block_ = nullptr;
  Floats scratch_;
};

}  // namespace bench

#endif
