// SPDX-License-Identifier: MIT
// block/<block>/<isa>, block-se/<block>/<isa>: whole blocks through the public API, one image, one thread, NHWC, warm.
#include <array>
#include <map>
#include <utility>

#include "bench.h"
#include "floats.h"
#include "measure.h"

namespace bench {
namespace {

// A block's random parameters, and its descriptor pointing to them.
struct Parameters {
  struct Conv {
    Floats weight, bias;
    mbconv_conv conv;

    Conv(size_t out, size_t terms, uint32_t seed)
        : weight(random_weights(out * terms, terms, seed)), bias(random_floats(out, seed + 1)), conv() {
      conv.weight = weight.data();
      conv.bias = bias.data();
    }
  };

  Conv expand, depthwise, project, reduce, gate;
  mbconv_squeeze_excite squeeze_excite = {};
  mbconv_block_desc desc = {};

  Parameters(const Block &block, bool se)
      : expand(block.expanded, block.in, 10),
        depthwise(block.expanded, block.kernel * block.kernel, 20),
        project(block.out, block.expanded, 30),
        reduce(block.se_width, block.expanded, 40),
        gate(block.expanded, block.se_width + 1, 50) {
    const size_t pad = block.kernel / 2;
    squeeze_excite.width = block.se_width;
    squeeze_excite.reduce = reduce.conv;
    squeeze_excite.expand = gate.conv;
    squeeze_excite.inner = MBCONV_SILU;
    squeeze_excite.gate = MBCONV_SIGMOID;
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
  Parameters(const Parameters &) = delete;
  Parameters &operator=(const Parameters &) = delete;
};

mbconv_counts count_of(const Block &block, bool se) {
  const Parameters parameters(block, se);
  mbconv_counts counts;
  mbconv_error error;
  require_ok(mbconv_block_count(&parameters.desc, &counts, &error), error);
  return counts;
}

class Runner {
 public:
  Runner(const mbconv_block_desc &desc, mbconv_isa isa) {
    mbconv_options options = {};
    options.isa = isa;
    mbconv_error error;
    require_ok(mbconv_block_create(&desc, &options, &block_, &error), error);
    scratch_ = Floats(scratch_bytes() / sizeof(float) + 1);
  }
  ~Runner() { mbconv_block_destroy(block_); }
  Runner(const Runner &) = delete;
  Runner &operator=(const Runner &) = delete;

  size_t scratch_bytes() const { return mbconv_block_scratch_size(block_, 1); }

  void run(const Floats &x, Floats &y) {
    mbconv_error error;
    require_ok(mbconv_block_run(block_, 1, x.data(), y.data(), scratch_.data(), scratch_bytes(), nullptr, &error),
               error);
  }

  std::string plan() const {
    std::array<char, 256> text;
    mbconv_block_describe(block_, text.data(), text.size());
    return text.data();
  }

 private:
  mbconv_block *block_ = nullptr;
  Floats scratch_;
};

class BlockCase : public FmaCase {
 public:
  BlockCase(const Block &block, bool se, mbconv_isa isa)
      : FmaCase(isa, static_cast<double>(count_of(block, se).multiply_adds), floats(block, se)),
        block_(block),
        se_(se),
        x_(random_floats(block.height * block.width * block.in, 1)),
        y_(block.out_height() * block.out_width() * block.out),
        runner_(Parameters(block, se).desc, isa) {}

  void run() override { runner_.run(x_, y_); }

  std::string check() override {
    const Floats &expected = scalar_result();
    run();
    return difference(y_.data(), expected.data(), expected.size());
  }

  void count(benchmark::State &state, const Best &best) const override {
    FmaCase::count(state, best);
    state.counters["scratch_bytes"] = static_cast<double>(runner_.scratch_bytes());
    state.SetLabel(runner_.plan());
  }

 private:
  // Computed once for all sets: it takes the scalar set up to 0.2 s.
  const Floats &scalar_result() const {
    static std::map<std::pair<std::string, bool>, Floats> results;
    const auto place = results.try_emplace({block_.name, se_}, y_.size());
    if (place.second) Runner(Parameters(block_, se_).desc, MBCONV_ISA_SCALAR).run(x_, place.first->second);
    return place.first->second;
  }

  static double floats(const Block &block, bool se) {
    const size_t x = block.height * block.width * block.in, y = block.out_height() * block.out_width() * block.out;
    return static_cast<double>(x + y + count_of(block, se).parameters);
  }

  Block block_;
  bool se_;
  Floats x_, y_;
  Runner runner_;
};

void register_whole(const std::string &prefix, const Block &block, bool se, mbconv_isa isa) {
  register_case(prefix + block.name + "/" + mbconv_isa_name(isa), benchmark::kMicrosecond,
                [=] { return std::make_unique<BlockCase>(block, se, isa); });
}

}  // namespace

void register_block(const Block &block, mbconv_isa isa) {
  register_whole("block/", block, false, isa);
}

void register_block_se(const Block &block, mbconv_isa isa) {
  if (block.se_width > 0) register_whole("block-se/", block, true, isa);
}

}  // namespace bench
