// SPDX-License-Identifier: MIT
// pointwise-i8/<block>/<expand|project>/<row>, depthwise3x3-i8/<block>/<row>, block-i8/<block>/<row>: the same in int8,
// through the public API, on int8_t, one image, one thread, NHWC, warm. A layer alone is a block of one stage, on the
// whole image. ReLU6 is a clamp, SiLU a table, which a layer has, too. Results must be the scalar row's bytes.
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "floats.h"
#include "mbconv_i8.h"
#include "measure.h"

namespace bench {
namespace {

using Bytes = std::vector<int8_t>;

constexpr float input_scale = 0.05f, six = 6.0f / 255, silu_scale = 0.03f, sum_scale = 0.1f;
constexpr int lowest = -128;

Bytes random_bytes(size_t size, uint32_t seed) {
  Bytes bytes(size);
  std::mt19937 generator(seed);
  for (int8_t &byte : bytes) byte = static_cast<int8_t>(generator() >> 24);
  return bytes;
}

// From a byte of silu_scale to SiLU of it, a byte of the same scale.
std::array<uint8_t, 256> silu_table() {
  std::array<uint8_t, 256> table;
  for (int q = lowest; q <= 127; ++q) {
    const double x = static_cast<double>(silu_scale) * q;
    table[static_cast<uint8_t>(q)] = static_cast<uint8_t>(std::lround(x / (1 + std::exp(-x)) / silu_scale));
  }
  return table;
}

// Which stages of the block are run, and its shortcut only if all are.
enum class Part { block, expand, depthwise, project };

// The stages of a part with random weights, and the description, which points to them.
struct Parameters {
  std::vector<Bytes> weights;
  std::vector<std::vector<int32_t>> biases;
  std::vector<float> weight_scales;
  std::array<uint8_t, 256> table = silu_table();
  std::vector<mbconv_i8_stage_desc> stages;
  mbconv_i8_desc desc = {};
  double multiply_adds = 0;
  size_t outputs = 0;  // bytes

  Parameters(const Block &block, Part part) {
    const bool whole = part == Part::block;
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
    if (part == Part::project || whole) add(block, 1, block.expanded, block.out, out_pixels, false);
    for (size_t i = 0; i < stages.size(); ++i) {
      stages[i].weight = weights[i].data();
      stages[i].bias = biases[i].data();
      stages[i].weight_scale = &weight_scales[i];
    }
    desc.count = stages.size();
    desc.stages = stages.data();
    const bool added = whole && block.stride == 1 && block.in == block.out;
    desc.residual = added ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_OFF;
    if (added) desc.sum = {sum_scale, 5};
    outputs = (part == Part::expand ? pixels : out_pixels) * stages.back().out_channels;
  }
  Parameters(const Parameters &) = delete;
  Parameters &operator=(const Parameters &) = delete;

 private:
  // A stage whose sums have `terms` products. Kernel 1: pointwise; others: depthwise.
  void add(const Block &block, size_t kernel, size_t terms, size_t channels, size_t pixels, bool activated) {
    const auto seed = static_cast<uint32_t>(stages.size());
    const float x_scale = stages.empty() ? desc.input.scale : output_of(stages.back()).scale;
    const bool depthwise = kernel > 1, silu = block.activation == MBCONV_ACTIVATION_SILU;
    mbconv_i8_stage_desc stage = {};
    stage.kind = depthwise ? MBCONV_STAGE_DEPTHWISE : MBCONV_STAGE_POINTWISE;
    stage.out_channels = channels;
    stage.weight_scales = 1;
    stage.kernel = kernel;
    stage.stride = depthwise ? block.stride : 1;
    if (depthwise) stage.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    stage.output = {sum_scale, 7};
    if (activated && silu) {
      stage.output = stage.table_output = {silu_scale, 0};
      stage.table = table.data();
    } else if (activated) {
      stage.output = {six, lowest};
      stage.activation = block.activation;
    }
    // Such that sums spread over some 40 bytes: weights and inputs deviate by 74 from 0.
    weight_scales.push_back(stage.output.scale * 40 / (x_scale * 74 * 74 * std::sqrt(static_cast<float>(terms))));
    weights.push_back(random_bytes(channels * terms, 10 + seed));
    std::vector<int32_t> bias(channels);
    std::mt19937 generator(20 + seed);
    for (int32_t &value : bias) value = static_cast<int32_t>(generator() % 4001) - 2000;
    biases.push_back(std::move(bias));
    stages.push_back(stage);
    multiply_adds += static_cast<double>(pixels * channels * terms);
  }

  static mbconv_quantization output_of(const mbconv_i8_stage_desc &stage) {
    return stage.table ? stage.table_output : stage.output;
  }
};

class Runner {
 public:
  Runner(const Parameters &parameters, mbconv_isa row) {
    mbconv_options options = {};
    options.isa = row;
    mbconv_error error;
    require_ok(mbconv_block_create_i8(&parameters.desc, &options, &block_, &error), error);
    scratch_ = Floats(scratch_bytes() / sizeof(float) + 1);
  }
  ~Runner() { mbconv_block_destroy(block_); }
  Runner(const Runner &) = delete;
  Runner &operator=(const Runner &) = delete;

  size_t scratch_bytes() const { return mbconv_block_scratch_size(block_, 1); }

  void run(const int8_t *x, int8_t *y) {
    mbconv_error error;
    require_ok(mbconv_block_run(block_, 1, x, y, scratch_.data(), scratch_bytes(), nullptr, &error), error);
  }

  std::string plan() const {
    std::array<char, 256> text;
    mbconv_block_describe(block_, 1, text.data(), text.size());
    return text.data();
  }

 private:
  mbconv_block *block_ = nullptr;
  Floats scratch_;
};

class I8Case : public Case {
 public:
  I8Case(const std::string &name, const Block &block, Part part, mbconv_isa row)
      : name_(name),
        parameters_(block, part),
        x_(random_bytes(parameters_.desc.height * parameters_.desc.width * parameters_.desc.in_channels, 1)),
        y_(parameters_.outputs),
        runner_(parameters_, row) {}

  void run() override { runner_.run(x_.data(), y_.data()); }

  std::string check() override {
    const Bytes &expected = scalar_result();
    run();
    for (size_t i = 0; i < expected.size(); ++i) {
      if (y_[i] != expected[i]) {
        return "differs from scalar: " + std::to_string(y_[i]) + " instead of " + std::to_string(expected[i]) + " at " +
               std::to_string(i);
      }
    }
    return {};
  }

  Probe probe() const override { return clock_probe; }

  void count(benchmark::State &state, const Best &best) const override {
    size_t bytes = x_.size() + y_.size();
    for (const Bytes &weight : parameters_.weights) bytes += weight.size();
    state.counters["GMACS"] = parameters_.multiply_adds / best.seconds * 1e-9;
    state.counters["macs_per_cycle"] = parameters_.multiply_adds / (best.seconds * best.rate);
    state.counters["clock_GHz"] = best.rate * 1e-9;
    state.counters["bytes"] = static_cast<double>(bytes);
    state.counters["scratch_bytes"] = static_cast<double>(runner_.scratch_bytes());
    state.SetLabel(runner_.plan());
  }

 private:
  // Computed once for all rows.
  const Bytes &scalar_result() const {
    static std::map<std::string, Bytes> results;
    const auto place = results.try_emplace(name_, y_.size());
    if (place.second) Runner(parameters_, MBCONV_ISA_SCALAR).run(x_.data(), place.first->second.data());
    return place.first->second;
  }

  std::string name_;
  Parameters parameters_;
  Bytes x_, y_;
  Runner runner_;
};

void register_part(const std::string &name, const Block &block, Part part, mbconv_isa row) {
  register_case(name + "/" + mbconv_isa_name(row), benchmark::kMicrosecond,
                [=] { return std::make_unique<I8Case>(name, block, part, row); });
}

}  // namespace

void register_i8(const std::vector<Block> &blocks) {
  std::vector<mbconv_isa> rows(mbconv_usable_isas_i8(nullptr, 0));
  mbconv_usable_isas_i8(rows.data(), rows.size());
  const auto each = [&](const auto &add) {
    for (const Block &block : blocks) {
      for (const mbconv_isa row : rows) add(block, row);
    }
  };
  each([](const Block &block, mbconv_isa row) {
    if (block.has_expand) register_part("pointwise-i8/" + block.name + "/expand", block, Part::expand, row);
    register_part("pointwise-i8/" + block.name + "/project", block, Part::project, row);
  });
  each([](const Block &block, mbconv_isa row) {
    const std::string kernel = std::to_string(block.kernel);
    register_part("depthwise" + kernel + "x" + kernel + "-i8/" + block.name, block, Part::depthwise, row);
  });
  each([](const Block &block, mbconv_isa row) { register_part("block-i8/" + block.name, block, Part::block, row); });
}

}  // namespace bench
