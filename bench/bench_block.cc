// SPDX-License-Identifier: MIT
// block/<block>/<isa>, block-se/<block>/<isa>, block-denormal/<block>/<isa>: whole blocks through the public API, one
// image, one thread, NHWC, warm.
#include <map>
#include <utility>

#include "bench.h"
#include "block_runner.h"
#include "floats.h"
#include "measure.h"

namespace bench {
namespace {

// What is run: as it is, with squeeze-excite, or on denormals. Without biases these stay denormal from x to y: the
// worst case, since one bias would make all that follows it normal.
enum class Variant { plain, squeeze_excite, denormal };

std::unique_ptr<BlockParameters> parameters_of(const Block &block, Variant variant) {
  auto parameters = std::make_unique<BlockParameters>(block, variant == Variant::squeeze_excite);
  if (variant == Variant::denormal) parameters->drop_biases();
  return parameters;
}

mbconv_counts count_of(const Block &block, Variant variant) {
  mbconv_counts counts;
  mbconv_error error;
  require_ok(mbconv_block_count(&parameters_of(block, variant)->desc, &counts, &error), error);
  return counts;
}

class BlockCase : public FmaCase {
 public:
  BlockCase(const Block &block, Variant variant, mbconv_isa isa)
      : FmaCase(isa, static_cast<double>(count_of(block, variant).multiply_adds), floats(block, variant)),
        block_(block),
        variant_(variant),
        x_(random_floats(block.height * block.width * block.in, 1, variant == Variant::denormal ? 0x1p-130f : 1)),
        y_(block.out_height() * block.out_width() * block.out),
        runner_(parameters_of(block, variant)->desc, isa),
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
    static std::map<std::pair<std::string, Variant>, Floats> results;
    const auto place = results.try_emplace({block_.name, variant_}, y_.size());
    if (place.second) {
      const BlockRunner scalar(parameters_of(block_, variant_)->desc, MBCONV_ISA_SCALAR);
      Floats scratch(scratch_floats(scalar));
      scalar.run(x_, place.first->second, scratch);
    }
    return place.first->second;
  }

  static size_t scratch_floats(const BlockRunner &runner) { return runner.scratch_bytes() / sizeof(float) + 1; }

  static double floats(const Block &block, Variant variant) {
    const size_t x = block.height * block.width * block.in, y = block.out_height() * block.out_width() * block.out;
    return static_cast<double>(x + y + count_of(block, variant).parameters);
  }

  Block block_;
  Variant variant_;
  Floats x_, y_;
  BlockRunner runner_;
  Floats scratch_;
};

void register_whole(const std::string &prefix, const Block &block, Variant variant, mbconv_isa isa) {
  register_case(prefix + block.name + "/" + mbconv_isa_name(isa), benchmark::kMicrosecond,
                [=] { return std::make_unique<BlockCase>(block, variant, isa); });
}

}  // namespace

void register_block(const Block &block, mbconv_isa isa) { register_whole("block/", block, Variant::plain, isa); }

void register_block_se(const Block &block, mbconv_isa isa) {
  if (block.se_width > 0) register_whole("block-se/", block, Variant::squeeze_excite, isa);
}

// Of the vector sets: on x86 the scalar one calls the C library for each FMA.
void register_block_denormal(const Block &block, mbconv_isa isa) {
  if (isa != MBCONV_ISA_SCALAR) register_whole("block-denormal/", block, Variant::denormal, isa);
}

}  // namespace bench
