// SPDX-License-Identifier: MIT
// pointwise-i8/<block>/<expand|project>/<row>, depthwise3x3-i8/<block>/<row>, block-i8/<block>/<row>,
// block-se-i8/<block>/<row>: the same in int8, through the public API, on int8_t, one image, one thread, NHWC, warm. A
// layer alone is a block of one stage, on the whole image. ReLU6 is a clamp, SiLU a table, which a layer has, too.
// Results must be the scalar row's bytes.
#include <map>
#include <string>
#include <vector>

#include "bench.h"
#include "i8_runner.h"
#include "measure.h"

namespace bench {
namespace {

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
    if (place.second) I8Runner(parameters_, MBCONV_ISA_SCALAR).run(x_.data(), place.first->second.data());
    return place.first->second;
  }

  std::string name_;
  I8Parameters parameters_;
  Bytes x_, y_;
  I8Runner runner_;
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
  each([](const Block &block, mbconv_isa row) {
    if (block.se_width > 0) register_part("block-se-i8/" + block.name, block, Part::block_se, row);
  });
}

}  // namespace bench
