// SPDX-License-Identifier: MIT
// depthwise3x3/<block>/<isa>, depthwise5x5/<block>/<isa>: the depthwise kernels on the rows of the blocks.
//
// The kernel alone, called as a fused block calls it: a group of 16 or 32 channels at a time, reading a ring of padded
// rows and writing a strip of output rows, both in the L1 cache. Input row r lies in slot r % ring_rows of the ring.
// All groups use the same memory, as they do in a fused block, where expand has just written it; only weights are each
// group's own. All taps count as multiply-adds, those on the padding included.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "bench.h"
#include "floats.h"
#include "measure.h"

extern "C" {
#include "dispatch.h"
#include "pack.h"
}

namespace bench {
namespace {

// Of the ring and the strip together, so that weights find room beside them.
constexpr size_t cache_floats = 24 * 1024 / sizeof(float);
constexpr size_t largest_kernel = 7;

// How a block's depthwise is cut; the same for all sets, so that their results can be compared slot by slot.
struct Cut {
  size_t padded_width, group, ring_rows, strip_rows;

  explicit Cut(const Block &block) : padded_width(block.width + 2 * (block.kernel / 2)) {
    const size_t pair = padded_width + block.out_width();  // one row of the ring and one of the strip
    const size_t least = block.kernel * padded_width + block.out_width();
    group = least * 32 <= cache_floats ? 32 : 16;
    strip_rows = std::max<size_t>(1, std::min(cache_floats / (pair * group), block.out_height()));
    ring_rows = std::max(block.kernel, strip_rows);
  }
};

// bias[channels] and weight[channels][taps] as the kernels of a set want them.
Floats pack(const Floats &weight, const Floats &bias, size_t channels, size_t kernel, const mbconv_kernels &kernels) {
  const size_t taps = kernel * kernel;
  const size_t padded = (channels + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  Floats packed(mbconv_depthwise_channel_bytes(&kernels.packing, kernel, 1) * padded / sizeof(float));
  for (size_t c = 0; c < channels; ++c)
    kernels.pack_depthwise(packed.data(), kernels.lanes, c, taps, weight.data() + c * taps, 1.0, bias.data()[c]);
  return packed;
}

class Depthwise {
 public:
  Depthwise(const Block &block, const Floats &weight, const Floats &bias, mbconv_isa isa)
      : block_(block),
        cut_(block),
        kernel_(mbconv_kernels_of(&mbconv_f32_sets, isa)->depthwise[(block.kernel - 3) / 2][block.stride - 1]) {
    const float infinity = std::numeric_limits<float>::infinity();
    const bool clamped = block.activation == MBCONV_ACTIVATION_RELU6;
    const mbconv_kernels &kernels = *mbconv_kernels_of(&mbconv_f32_sets, isa);
    weights_ = pack(weight, bias, block.expanded, block.kernel, kernels);
    for (size_t channel = 0; channel < block.expanded; channel += cut_.group) {
      mbconv_depthwise_group group;
      group.channels = std::min(cut_.group, block.expanded - channel);
      group.x_stride = cut_.group;
      group.y_stride = cut_.group;
      group.weights = reinterpret_cast<const char *>(weights_.data()) +
                      mbconv_depthwise_channel_bytes(&kernels.packing, block.kernel, 1) * channel;
      group.ending.lo = clamped ? 0.0f : -infinity;
      group.ending.hi = clamped ? 6.0f : infinity;
      groups_.push_back(group);
    }
  }

  const std::vector<mbconv_depthwise_group> &groups() const { return groups_; }

  void row(const mbconv_depthwise_group &group, size_t output_row, const float *ring, float *y) const {
    std::array<const void *, largest_kernel> rows;
    for (size_t i = 0; i < block_.kernel; ++i) {
      rows[i] = ring + (output_row * block_.stride + i) % cut_.ring_rows * cut_.padded_width * cut_.group;
    }
    kernel_(&group, block_.out_width(), rows.data(), y);
  }

 private:
  Block block_;
  Cut cut_;
  mbconv_depthwise_fn *kernel_;
  Floats weights_;
  std::vector<mbconv_depthwise_group> groups_;
};

class DepthwiseCase : public FmaCase {
 public:
  DepthwiseCase(const Block &block, mbconv_isa isa)
      : FmaCase(isa, multiply_adds(block), floats(block)),
        block_(block),
        cut_(block),
        weight_(random_weights(block.expanded * block.kernel * block.kernel, block.kernel * block.kernel, 1)),
        bias_(random_floats(block.expanded, 2)),
        ring_(random_floats(cut_.ring_rows * cut_.padded_width * cut_.group, 3, 6.0f)),
        strip_(cut_.strip_rows * block.out_width() * cut_.group),
        depthwise_(block, weight_, bias_, isa) {}

  void run() override {
    for (const mbconv_depthwise_group &group : depthwise_.groups()) {
      size_t slot = 0;
      for (size_t row = 0; row < block_.out_height(); ++row) {
        depthwise_.row(group, row, ring_.data(), strip_.data() + slot * row_floats());
        slot = slot + 1 == cut_.strip_rows ? 0 : slot + 1;
      }
    }
  }

  // Every group, on as many output rows as there are places in the ring.
  std::string check() override {
    const Depthwise scalar(block_, weight_, bias_, MBCONV_ISA_SCALAR);
    Floats got(row_floats()), expected(row_floats());
    for (size_t g = 0; g < depthwise_.groups().size(); ++g) {
      for (size_t row = 0; row < std::min(cut_.ring_rows, block_.out_height()); ++row) {
        depthwise_.row(depthwise_.groups()[g], row, ring_.data(), got.data());
        scalar.row(scalar.groups()[g], row, ring_.data(), expected.data());
        // Where a group has fewer channels, the gaps between pixels keep the last group's floats, the same in both.
        const std::string found = difference(got.data(), expected.data(), expected.size());
        if (!found.empty()) return found + " of row " + std::to_string(row) + ", group " + std::to_string(g);
      }
    }
    return {};
  }

 private:
  size_t row_floats() const { return block_.out_width() * cut_.group; }

  static double multiply_adds(const Block &block) {
    return static_cast<double>(block.out_height() * block.out_width() * block.expanded * block.kernel * block.kernel);
  }
  static double floats(const Block &block) {
    return static_cast<double>(block.expanded * (block.height * block.width + block.out_height() * block.out_width() +
                                                 block.kernel * block.kernel + 1));
  }

  Block block_;
  Cut cut_;
  Floats weight_, bias_, ring_, strip_;
  Depthwise depthwise_;
};

}  // namespace

void register_depthwise(const Block &block, mbconv_isa isa) {
  const std::string kernel = std::to_string(block.kernel);
  register_case("depthwise" + kernel + "x" + kernel + "/" + block.name + "/" + mbconv_isa_name(isa),
                benchmark::kMicrosecond, [=] { return std::make_unique<DepthwiseCase>(block, isa); });
}

}  // namespace bench
