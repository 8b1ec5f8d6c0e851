// SPDX-License-Identifier: MIT
// mbconv through its public API.
#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "contender.h"
#include "mbconv_pthreadpool.h"

namespace compare {
namespace {

void require_ok(mbconv_status status, const mbconv_error &error) {
  if (status != MBCONV_OK) throw std::runtime_error(error.message);
}

struct DestroyBlock {
  void operator()(mbconv_block *block) const { mbconv_block_destroy(block); }
};
using Block = std::unique_ptr<mbconv_block, DestroyBlock>;

mbconv_conv conv(const float *weight, const float *bias) {
  mbconv_conv conv = {};
  conv.weight = weight;
  conv.bias = bias;
  return conv;
}

Block make_list(const compare_request &request) {
  std::array<mbconv_conv, COMPARE_MOST_STAGES> convs;
  std::array<mbconv_stage_desc, COMPARE_MOST_STAGES> stages = {};
  for (size_t i = 0; i < request.stage_count; ++i) {
    const compare_stage &from = request.stages[i];
    const size_t pad = from.kernel / 2;
    convs[i] = conv(from.weight, from.bias);
    stages[i].kind = static_cast<mbconv_stage_kind>(from.kind);
    stages[i].out_channels = from.out;
    stages[i].conv = &convs[i];
    stages[i].activation = static_cast<mbconv_activation_kind>(from.activation);
    stages[i].kernel = from.kernel;
    stages[i].stride = from.stride;
    stages[i].pad = {pad, pad, pad, pad};
  }
  mbconv_stages_desc desc = {};
  desc.height = request.height;
  desc.width = request.width;
  desc.in_channels = request.in;
  desc.count = request.stage_count;
  desc.stages = stages.data();
  desc.residual = request.residual ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_OFF;
  desc.residual_place = MBCONV_RESIDUAL_AFTER_ACTIVATION;
  mbconv_options options = {};
  options.isa = static_cast<mbconv_isa>(request.isa);
  mbconv_block *block;
  mbconv_error error;
  require_ok(mbconv_block_create_stages(&desc, &options, &block, &error), error);
  return Block(block);
}

Block make_block(const compare_request &request) {
  if (request.stage_count > 0) return make_list(request);
  const mbconv_conv expand = conv(request.expand, request.expand_bias);
  const mbconv_conv depthwise = conv(request.depthwise, request.depthwise_bias);
  const mbconv_conv project = conv(request.project, request.project_bias);
  const mbconv_conv reduce = conv(request.reduce, request.reduce_bias);
  const mbconv_conv gate = conv(request.gate, request.gate_bias);
  mbconv_squeeze_excite squeeze_excite = {};
  squeeze_excite.width = request.se_width;
  squeeze_excite.reduce = &reduce;
  squeeze_excite.expand = &gate;
  squeeze_excite.inner = MBCONV_ACTIVATION_SILU;
  squeeze_excite.gate = MBCONV_ACTIVATION_SIGMOID;

  const size_t pad = request.kernel / 2;
  mbconv_block_desc desc = {};
  desc.height = request.height;
  desc.width = request.width;
  desc.in_channels = request.in;
  desc.expanded_channels = request.expanded;
  desc.out_channels = request.out;
  desc.expand = request.expand ? &expand : nullptr;
  desc.depthwise = &depthwise;
  desc.project = &project;
  desc.squeeze_excite = request.se_width ? &squeeze_excite : nullptr;
  desc.kernel = request.kernel;
  desc.stride = request.stride;
  desc.pad = {pad, pad, pad, pad};
  desc.activation = request.silu ? MBCONV_ACTIVATION_SILU : MBCONV_ACTIVATION_RELU6;
  desc.residual = request.residual ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_OFF;
  mbconv_options options = {};
  options.isa = static_cast<mbconv_isa>(request.isa);
  mbconv_block *block;
  mbconv_error error;
  require_ok(mbconv_block_create(&desc, &options, &block, &error), error);
  return Block(block);
}

class Ours : public compare_contender {
 public:
  explicit Ours(const compare_request &request)
      : pool_(make_pool(request.threads)), threads_(mbconv_pthreadpool_threads(pool_.get())) {
    for (size_t i = 0; i < request.copies; ++i) {
      copies_.push_back({make_block(request), padded_copy(request.x, input_shape(request).floats()),
                         bench::Floats(output_shape(request).floats())});
    }
    scratch_ = bench::Floats(scratch_bytes() / sizeof(float) + 1);
  }

  size_t copies() const override { return copies_.size(); }

  void run(size_t index) override {
    Copy &copy = copies_[index];
    mbconv_error error;
    require_ok(mbconv_block_run(copy.block.get(), 1, copy.x.data(), copy.y.data(), scratch_.data(), scratch_bytes(),
                                &threads_, &error),
               error);
  }

  void output(size_t index, float *y) override {
    const bench::Floats &from = copies_[index].y;
    std::copy_n(from.data(), from.size(), y);
  }

  size_t scratch_bytes() const override { return mbconv_block_scratch_size(copies_[0].block.get(), threads_.count); }

  std::string describe() const override {
    std::array<char, 256> text;
    mbconv_block_describe(copies_[0].block.get(), 1, text.data(), text.size());
    return text.data();
  }

 private:
  struct Copy {
    Block block;
    bench::Floats x, y;
  };
  Pool pool_;
  mbconv_threads threads_;
  std::vector<Copy> copies_;
  bench::Floats scratch_;
};

}  // namespace

std::unique_ptr<compare_contender> make_ours(const compare_request &request) { return std::make_unique<Ours>(request); }

}  // namespace compare
