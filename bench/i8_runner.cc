// SPDX-License-Identifier: MIT
#include "i8_runner.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "measure.h"

namespace bench {
namespace {

constexpr float input_scale = 0.05f, six = 6.0f / 255, silu_scale = 0.03f, sum_scale = 0.1f;
constexpr int lowest = -128;

// From a byte of silu_scale to SiLU of it, a byte of the same scale.
std::array<uint8_t, 256> silu_table() {
  std::array<uint8_t, 256> table;
  for (int q = lowest; q <= 127; ++q) {
    const double x = static_cast<double>(silu_scale) * q;
    table[static_cast<uint8_t>(q)] = static_cast<uint8_t>(std::lround(x / (1 + std::exp(-x)) / silu_scale));
  }
  return table;
}

// From a byte of sum_scale to a gate, a byte of 1 / 256.
std::array<uint8_t, 256> logistic_table() {
  std::array<uint8_t, 256> table;
  for (int q = lowest; q <= 127; ++q)
    table[static_cast<uint8_t>(q)] = static_cast<uint8_t>(
        std::min(std::lround(256 / (1 + std::exp(-static_cast<double>(sum_scale) * q))), 255l) + lowest);
  return table;
}

mbconv_quantization output_of(const mbconv_i8_stage_desc &stage) {
  return stage.table ? stage.table_output : stage.output;
}

}  // namespace

Bytes random_bytes(size_t size, uint32_t seed) {
  Bytes bytes(size);
  std::mt19937 generator(seed);
  for (int8_t &byte : bytes) byte = static_cast<int8_t>(generator() >> 24);
  return bytes;
}

I8Parameters::I8Parameters(const Block &block, Part part) : table(silu_table()), gates(logistic_table()) {
  const bool whole = part == Part::block || part == Part::block_se;
  const size_t k = block.kernel;
  const bool after = part == Part::project;
  desc.in_channels = whole || part == Part::expand ? block.in : block.expanded;
  desc.type = MBCONV_S8;
  desc.height = after ? block.out_height() : block.height;
  desc.width = after ? block.out_width() : block.width;
  desc.input = {input_scale, -3};
  const size_t out_pixels = block.out_height() * block.out_width(), pixels = desc.height * desc.width;
  if (part == Part::expand || (whole && block.has_expand)) add(block, 1, block.in, block.expanded, pixels, true);
  if (part == Part::depthwise || whole) add(block, k, k * k, block.expanded, out_pixels, true);
  if (part == Part::block_se) add_excite(block);
  if (part == Part::project || whole) add(block, 1, block.expanded, block.out, out_pixels, false);
  desc.count = stages.size();
  desc.stages = stages.data();
  const bool added = whole && block.stride == 1 && block.in == block.out;
  desc.residual = added ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_OFF;
  if (added) desc.sum = {sum_scale, 5};
  outputs = (part == Part::expand ? pixels : out_pixels) * stages.back().out_channels;
}

mbconv_i8_stage_desc I8Parameters::stage_of(float x_scale, size_t terms, size_t channels, mbconv_quantization output) {
  const auto seed = static_cast<uint32_t>(weights.size());
  // Such that sums spread over some 40 bytes: weights and inputs deviate by 74 from 0.
  weight_scales.push_back(output.scale * 40 / (x_scale * 74 * 74 * std::sqrt(static_cast<float>(terms))));
  weights.push_back(random_bytes(channels * terms, 10 + seed));
  std::vector<int32_t> bias(channels);
  std::mt19937 generator(20 + seed);
  for (int32_t &value : bias) value = static_cast<int32_t>(generator() % 4001) - 2000;
  biases.push_back(std::move(bias));
  mbconv_i8_stage_desc stage = {};
  stage.kind = MBCONV_STAGE_POINTWISE;
  stage.out_channels = channels;
  stage.weight = weights.back().data();
  stage.bias = biases.back().data();
  stage.weight_scale = &weight_scales.back();
  stage.weight_scales = 1;
  stage.output = output;
  return stage;
}

// As EfficientNet has it: SiLU within, LOGISTIC as the gate.
void I8Parameters::add_excite(const Block &block) {
  const mbconv_quantization x = output_of(stages.back()), silu = {silu_scale, 0};
  excite.mean = {x.scale / 4, x.zero_point};
  reduce = stage_of(excite.mean.scale, block.expanded, block.se_width, silu);
  reduce.table = table.data();
  reduce.table_output = silu;
  gate = stage_of(silu_scale, block.se_width, block.expanded, {sum_scale, 7});
  gate.table = gates.data();
  gate.table_output = {1.0f / 256, lowest};
  excite.reduce = &reduce;
  excite.expand = &gate;
  mbconv_i8_stage_desc stage = {};
  stage.kind = MBCONV_STAGE_SQUEEZE_EXCITE;
  stage.output = x;
  stage.squeeze_excite = &excite;
  stages.push_back(stage);
  multiply_adds += static_cast<double>(2 * block.expanded * block.se_width);
}

void I8Parameters::add(const Block &block, size_t kernel, size_t terms, size_t channels, size_t pixels,
                       bool activated) {
  const float x_scale = stages.empty() ? desc.input.scale : output_of(stages.back()).scale;
  const bool depthwise = kernel > 1, silu = activated && block.activation == MBCONV_ACTIVATION_SILU;
  const mbconv_quantization output = silu        ? mbconv_quantization{silu_scale, 0}
                                     : activated ? mbconv_quantization{six, lowest}
                                                 : mbconv_quantization{sum_scale, 7};
  mbconv_i8_stage_desc stage = stage_of(x_scale, terms, channels, output);
  if (depthwise) stage.kind = MBCONV_STAGE_DEPTHWISE;
  stage.kernel = kernel;
  stage.stride = depthwise ? block.stride : 1;
  if (depthwise) stage.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  if (silu) {
    stage.table_output = output;
    stage.table = table.data();
  } else if (activated) {
    stage.activation = block.activation;
  }
  stages.push_back(stage);
  multiply_adds += static_cast<double>(pixels * channels * terms);
}

I8Runner::I8Runner(const I8Parameters &parameters, mbconv_isa row) {
  mbconv_options options = {};
  options.isa = row;
  mbconv_error error;
  require_ok(mbconv_block_create_i8(&parameters.desc, &options, &block_, &error), error);
  scratch_ = Floats(scratch_bytes() / sizeof(float) + 1);
}

void I8Runner::run(const int8_t *x, int8_t *y) {
  mbconv_error error;
  require_ok(mbconv_block_run(block_, 1, x, y, scratch_.data(), scratch_bytes(), nullptr, &error), error);
}

std::string I8Runner::plan() const {
  std::array<char, 256> text;
  mbconv_block_describe(block_, 1, text.data(), text.size());
  return text.data();
}

}  // namespace bench
