// SPDX-License-Identifier: MIT
#include "block_runner.h"

#include <array>

#include "measure.h"

namespace bench {

BlockParameters::Conv::Conv(size_t out, size_t terms, uint32_t seed)
    : weight(random_weights(out * terms, terms, seed)), bias(random_floats(out, seed + 1)), conv() {
  conv.weight = weight.data();
  conv.bias = bias.data();
}

BlockParameters::BlockParameters(const Block &block, bool se)
    : expand(block.expanded, block.in, 10),
      depthwise(block.expanded, block.kernel * block.kernel, 20),
      project(block.out, block.expanded, 30),
      reduce(block.se_width, block.expanded, 40),
      gate(block.expanded, block.se_width + 1, 50) {
  const size_t pad = block.kernel / 2;
  squeeze_excite.width = block.se_width;
  squeeze_excite.reduce = &reduce.conv;
  squeeze_excite.expand = &gate.conv;
  squeeze_excite.inner = MBCONV_ACTIVATION_SILU;
  squeeze_excite.gate = MBCONV_ACTIVATION_SIGMOID;
  desc.height = block.height;
  desc.width = block.width;
  desc.in_channels = block.in;
  desc.expanded_channels = block.expanded;
  desc.out_channels = block.out;
  desc.expand = block.has_expand ? &expand.conv : nullptr;
  desc.depthwise = &depthwise.conv;
  desc.project = &project.conv;
  desc.squeeze_excite = se ? &squeeze_excite : nullptr;
  desc.kernel = block.kernel;
  desc.stride = block.stride;
  desc.pad = {pad, pad, pad, pad};
  desc.activation = block.activation;
}

void BlockParameters::drop_biases() {
  for (Conv *conv : {&expand, &depthwise, &project}) conv->conv.bias = nullptr;
}

BlockRunner::BlockRunner(const mbconv_block_desc &desc, mbconv_isa isa) {
  mbconv_options options = {};
  options.isa = isa;
  mbconv_error error;
  require_ok(mbconv_block_create(&desc, &options, &block_, &error), error);
}

BlockRunner::~BlockRunner() { mbconv_block_destroy(block_); }

size_t BlockRunner::scratch_bytes() const { return mbconv_block_scratch_size(block_, 1); }

void BlockRunner::run(const Floats &x, Floats &y, Floats &scratch) const {
  mbconv_error error;
  const size_t bytes = scratch.size() * sizeof(float);
  require_ok(mbconv_block_run(block_, 1, x.data(), y.data(), scratch.data(), bytes, nullptr, &error), error);
}

std::string BlockRunner::plan() const {
  std::array<char, 256> text;
  mbconv_block_describe(block_, 1, text.data(), text.size());
  return text.data();
}

}  // namespace bench
