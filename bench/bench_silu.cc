// SPDX-License-Identifier: MIT
// silu/<sleef|inline>/<isa>: SiLU over 2048 floats in the L1 cache, from one buffer to another.
#include "bench.h"
#include "floats.h"
#include "measure.h"

namespace bench {
namespace {

constexpr size_t elements = 2048;
constexpr float largest_input = 8.0f;  // what expand and depthwise with folded BN give

class Silu {
 public:
  Silu(mbconv_exp variant, mbconv_isa isa) {
    mbconv_options options = {};
    options.isa = isa;
    options.exp = variant;
    mbconv_error error;
    mbconv_activation_desc desc = {};
    desc.kind = MBCONV_ACTIVATION_SILU;
    require_ok(mbconv_activation_create(&desc, &options, &activation_, &error), error);
  }
  ~Silu() { mbconv_activation_destroy(activation_); }
  Silu(const Silu &) = delete;
  Silu &operator=(const Silu &) = delete;

  void run(const float *x, float *y) const {
    mbconv_error error;
    require_ok(mbconv_activation_run(activation_, elements, x, y, &error), error);
  }

 private:
  mbconv_activation *activation_ = nullptr;
};

class SiluCase : public Case {
 public:
  SiluCase(mbconv_exp variant, mbconv_isa isa)
      : x_(random_floats(elements, 1, largest_input)), y_(elements), silu_(variant, isa) {}

  void run() override { silu_.run(x_.data(), y_.data()); }

  // The scalar set's inline variant runs on every CPU.
  std::string check() override {
    Floats expected(elements);
    Silu(MBCONV_EXP_INLINE, MBCONV_ISA_SCALAR).run(x_.data(), expected.data());
    run();
    return difference(y_.data(), expected.data(), elements);
  }

  Probe probe() const override { return clock_probe; }

  void count(benchmark::State &state, const Best &best) const override {
    const double seconds = best.seconds / elements;
    state.counters["elements_per_second"] = 1 / seconds;
    state.counters["ns_per_8"] = 8e9 * seconds;
    state.counters["cycles_per_8"] = 8 * seconds * best.rate;
    state.counters["clock_GHz"] = best.rate * 1e-9;
    state.counters["bytes"] = 2 * elements * sizeof(float);
  }

 private:
  Floats x_, y_;
  Silu silu_;
};

}  // namespace

void register_silu(mbconv_exp variant, mbconv_isa isa) {
  if (!mbconv_exp_usable(isa, variant)) return;
  register_case(std::string("silu/") + mbconv_exp_name(variant) + "/" + mbconv_isa_name(isa), benchmark::kNanosecond,
                [=] { return std::make_unique<SiluCase>(variant, isa); });
}

}  // namespace bench
