// SPDX-License-Identifier: MIT
// block/<block>/<isa>, block-se/<block>/<isa>: whole blocks through the public API, one image, one thread, NHWC, warm.
#include <map>
#include <utility>

#include "bench.h"
#include "block_runner.h"
#include "floats.h"
#include "measure.h"

namespace bench {
namespace {

mbconv_counts count_of(const Block &block, bool se) {
  const BlockParameters parameters(block, se);
  mbconv_counts counts;
  mbconv_error error;
  require_ok(mbconv_block_count(&parameters.desc, &counts, &error), error);
  return counts;
}

class BlockCase : public FmaCase {
 public:
  BlockCase(const Block &block, bool se, mbconv_isa isa)
      : FmaCase(isa, static_cast<double>(count_of(block, se).multiply_adds), floats(block, se)),
        block_(block),
        se_(se),
        x_(random_floats(block.height * block.width * block.in, 1)),
        y_(block.out_height() * block.out_width() * block.out),
        runner_(BlockParameters(block, se).desc, isa),
        scratch_(scratch_floats(runner_)) {}

  void run() override { runner_.run(x_, y_, scratch_); }

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
    if (place.second) {
      const BlockRunner scalar(BlockParameters(block_, se_).desc, MBCONV_ISA_SCALAR);
      Floats scratch(scratch_floats(scalar));
      scalar.run(x_, place.first->second, scratch);
    }
    return place.first->second;
  }

  static size_t scratch_floats(const BlockRunner &runner) { return runner.scratch_bytes() / sizeof(float) + 1; }

  static double floats(const Block &block, bool se) {
    const size_t x = block.height * block.width * block.in, y = block.out_height() * block.out_width() * block.out;
    return static_cast<double>(x + y + count_of(block, se).parameters);
  }

  Block block_;
  bool se_;
  Floats x_, y_;
  BlockRunner runner_;
  Floats scratch_;
};

void register_whole(const std::string &prefix, const Block &block, bool se, mbconv_isa isa) {
  register_case(prefix + block.name + "/" + mbconv_isa_name(isa), benchmark::kMicrosecond,
                [=] { return std::make_unique<BlockCase>(block, se, isa); });
}

}  // namespace

void register_block(const Block &block, mbconv_isa isa) { register_whole("block/", block, false, isa); }

void register_block_se(const Block &block, mbconv_isa isa) {
  if (block.se_width > 0) register_whole("block-se/", block, true, isa);
}

}  // namespace bench
