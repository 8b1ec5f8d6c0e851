// SPDX-License-Identifier: MIT
// pointwise/<block>/<expand|project>/<isa>: the 1x1 convolutions of the blocks, through the public API.
//
// Expand of a ReLU6 block has its clamp, which the kernel does; that of a SiLU block has no activation, which is timed
// apart (silu/...): so all of them measure the kernel. Where x and y together pass 1 MB, as in the first blocks, the
// layer runs in strips of whole image rows on the memory of one strip, as a fused block would: cache stays the subject.
#include <algorithm>
#include <cstddef>

#include "bench.h"
#include "floats.h"
#include "measure.h"

namespace bench {
namespace {

constexpr size_t whole_floats = (1 << 20) / sizeof(float);
constexpr size_t strip_floats = whole_floats / 4;
// The scalar set takes some 5 ns per multiply-add: the check compares no more than 20 ms of it.
constexpr size_t check_multiply_adds = 4000000;

struct Layer {
  size_t height, width, in, out;
  mbconv_activation_kind activation;

  size_t pixels() const { return height * width; }
  size_t strip_pixels() const {
    if (pixels() * (in + out) <= whole_floats) return pixels();
    return std::max<size_t>(1, strip_floats / (width * (in + out))) * width;
  }
};

class Pointwise {
 public:
  Pointwise(const Layer &layer, const float *weight, const float *bias, mbconv_isa isa) {
    mbconv_conv conv = {};
    conv.weight = weight;
    conv.bias = bias;
    mbconv_pointwise_desc desc = {};
    desc.in_channels = layer.in;
    desc.out_channels = layer.out;
    desc.conv = &conv;
    desc.activation = layer.activation;
    mbconv_options options = {};
    options.isa = isa;
    mbconv_error error;
    require_ok(mbconv_pointwise_create(&desc, &options, &pointwise_, &error), error);
  }
  ~Pointwise() { mbconv_pointwise_destroy(pointwise_); }
  Pointwise(const Pointwise &) = delete;
  Pointwise &operator=(const Pointwise &) = delete;

  void run(size_t pixels, const float *x, float *y) const {
    mbconv_error error;
    require_ok(mbconv_pointwise_run(pointwise_, pixels, x, 0, y, 0, nullptr, 0, nullptr, &error), error);
  }

 private:
  mbconv_pointwise *pointwise_ = nullptr;
};

class PointwiseCase : public FmaCase {
 public:
  PointwiseCase(const Layer &layer, mbconv_isa isa)
      : FmaCase(isa, static_cast<double>(layer.pixels() * layer.in * layer.out),
                static_cast<double>(layer.pixels() * (layer.in + layer.out) + layer.in * layer.out + layer.out)),
        layer_(layer),
        weight_(random_weights(layer.in * layer.out, layer.in, 1)),
        bias_(random_floats(layer.out, 2)),
        x_(random_floats(layer.strip_pixels() * layer.in, 3)),
        y_(layer.strip_pixels() * layer.out),
        pointwise_(layer, weight_.data(), bias_.data(), isa) {}

  void run() override {
    for (size_t done = 0; done < layer_.pixels(); done += layer_.strip_pixels()) {
      pointwise_.run(std::min(layer_.strip_pixels(), layer_.pixels() - done), x_.data(), y_.data());
    }
  }

  // The first and the last pixels of a strip, as many as the scalar set has time for.
  std::string check() override {
    const size_t strip = layer_.strip_pixels();
    const size_t pixels = std::min(strip, std::max<size_t>(1, check_multiply_adds / (2 * layer_.in * layer_.out)));
    const Pointwise scalar(layer_, weight_.data(), bias_.data(), MBCONV_ISA_SCALAR);
    Floats expected(pixels * layer_.out);
    pointwise_.run(strip, x_.data(), y_.data());
    for (const size_t first : {size_t{0}, strip - pixels}) {
      scalar.run(pixels, x_.data() + first * layer_.in, expected.data());
      const std::string found = difference(y_.data() + first * layer_.out, expected.data(), expected.size());
      if (!found.empty()) return found + " from pixel " + std::to_string(first);
    }
    return {};
  }

 private:
  Layer layer_;
  Floats weight_, bias_, x_, y_;
  Pointwise pointwise_;
};

void register_layer(const std::string &name, const Layer &layer, mbconv_isa isa) {
  register_case("pointwise/" + name + "/" + mbconv_isa_name(isa), benchmark::kMicrosecond,
                [=] { return std::make_unique<PointwiseCase>(layer, isa); });
}

}  // namespace

void register_pointwise(const Block &block, mbconv_isa isa) {
  if (block.has_expand) {
    const mbconv_activation_kind clamp =
        block.activation == MBCONV_ACTIVATION_SILU ? MBCONV_ACTIVATION_NONE : block.activation;
    register_layer(block.name + "/expand", {block.height, block.width, block.in, block.expanded, clamp}, isa);
  }
  register_layer(block.name + "/project",
                 {block.out_height(), block.out_width(), block.expanded, block.out, MBCONV_ACTIVATION_NONE}, isa);
}

}  // namespace bench
