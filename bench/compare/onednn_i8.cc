// SPDX-License-Identifier: MIT
// A block of int8 as a chain of oneDNN's convolutions with zero points, in the memory format that it asks for.
//
// It rounds less often than the hosts: SiLU is a post-op on the real sums, and the shortcut is added to them before
// they become bytes. That is faster than what would give the hosts' bytes, and how it is meant to be used;
// compare_i8.py says how many bytes differ.
#include <omp.h>
#include <dnnl.hpp>

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "contender.h"

namespace compare {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

memory::dim dim(size_t size) { return static_cast<memory::dim>(size); }

// The limits of a stage's sums before its zero point is added, in units of its output; false if it has none of its own.
bool limits(const mbconv_i8_stage_desc &stage, float *lo, float *hi) {
  if (stage.activation == MBCONV_ACTIVATION_NONE) return false;
  *lo = 0;
  *hi = stage.activation == MBCONV_ACTIVATION_RELU6 ? std::round(6 / stage.output.scale) : 255;
  return true;
}

class OnednnI8 : public compare_contender {
 public:
  // The table of a stage must be SiLU's: oneDNN computes it.
  OnednnI8(const mbconv_i8_desc &desc, const void *x, size_t threads)
      : threads_(threads),
        is_signed_(desc.type == MBCONV_S8),
        residual_(desc.sum.scale > 0),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_) {
    if (desc.rounding != MBCONV_I8_FP32) throw std::runtime_error("oneDNN has another rounding");
    omp_set_num_threads(static_cast<int>(threads));
    memory::dims shape = {1, dim(desc.in_channels), dim(desc.height), dim(desc.width)};
    mbconv_quantization quantization = desc.input;
    for (size_t i = 0; i < desc.count; ++i)
      add_stage(desc.stages[i], i + 1 == desc.count ? &desc : nullptr, shape, quantization);
    std::memcpy(x_.get_data_handle(), x, x_.get_desc().get_size());
    output_floats = i8_output_bytes(desc);
    stream_.wait();
  }

  size_t copies() const override { return 1; }

  void run(size_t) override {
    omp_set_num_threads(static_cast<int>(threads_));
    if (residual_) std::memcpy(last_.get_data_handle(), x_.get_data_handle(), x_.get_desc().get_size());
    for (size_t i = 0; i < primitives_.size(); ++i) primitives_[i].execute(stream_, arguments_[i]);
    stream_.wait();
  }

  void output(size_t, float *y) override { floats_of_bytes(last_.get_data_handle(), output_floats, is_signed_, y); }

  size_t scratch_bytes() const override { return buffer_bytes_; }
  std::string describe() const override { return description_; }

 private:
  // `block`: of the last stage, where the shortcut is added. `shape` and `quantization`: of its input, then of its
  // output.
  void add_stage(const mbconv_i8_stage_desc &stage, const mbconv_i8_desc *block, memory::dims &shape,
                 mbconv_quantization &quantization) {
    const bool depthwise = stage.kind == MBCONV_STAGE_DEPTHWISE;
    const memory::dim channels = depthwise ? shape[1] : dim(stage.out_channels);
    const memory::dim k = depthwise ? dim(stage.kernel) : 1, stride = depthwise ? dim(stage.stride) : 1;
    const memory::dims out = {1, channels, (shape[2] - 1) / stride + 1, (shape[3] - 1) / stride + 1};
    const bool added = block && residual_;
    const mbconv_quantization to = stage.table ? stage.table_output : added ? block->sum : stage.output;

    std::vector<float> scales(stage.weight_scales);
    for (size_t c = 0; c < scales.size(); ++c)
      scales[c] = quantization.scale * stage.weight_scale[c] / (stage.table ? 1 : to.scale);
    dnnl::post_ops ops;
    float lo, hi;
    if (limits(stage, &lo, &hi)) ops.append_eltwise(1, algorithm::eltwise_clip, lo, hi);
    if (stage.table) {
      ops.append_eltwise(1, algorithm::eltwise_swish, 1, 0);
      ops.append_eltwise(1, algorithm::eltwise_linear, 1 / to.scale, 0);
    }
    if (added) ops.append_sum(block->input.scale / to.scale, block->input.zero_point);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(ops);
    attributes.set_output_scales(scales.size() > 1 ? 2 : 0, scales);
    attributes.set_zero_points(DNNL_ARG_SRC, 0, {quantization.zero_point});
    attributes.set_zero_points(DNNL_ARG_DST, 0, {to.zero_point});

    const memory::dims weights =
        depthwise ? memory::dims{channels, 1, 1, k, k} : memory::dims{channels, shape[1], 1, 1};
    const mbconv_pad pad = stage.pad;
    const dnnl::convolution_forward::primitive_desc desc({dnnl::prop_kind::forward_inference,
                                                          algorithm::convolution_direct,
                                                          image(shape),
                                                          {weights, Type::s8, Tag::any},
                                                          {{channels}, Type::s32, Tag::a},
                                                          image(out),
                                                          {stride, stride},
                                                          {dim(pad.top), dim(pad.left)},
                                                          {dim(pad.bottom), dim(pad.right)}},
                                                         attributes, engine_);
    primitives_.push_back(dnnl::convolution_forward(desc));
    description_ += std::string(description_.empty() ? "" : " ") + desc.impl_info_str();
    if (!last_) x_ = last_ = buffer(desc.src_desc());
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, last_}};
    arguments[DNNL_ARG_WEIGHTS] =
        filled(stage.weight, weights, Type::s8, depthwise ? Tag::goihw : Tag::oihw, desc.weights_desc());
    const std::vector<int32_t> zeros(static_cast<size_t>(channels));
    arguments[DNNL_ARG_BIAS] =
        filled(stage.bias ? stage.bias : zeros.data(), {channels}, Type::s32, Tag::a, desc.bias_desc());
    last_ = buffer(desc.dst_desc());
    arguments[DNNL_ARG_DST] = last_;
    arguments_.push_back(std::move(arguments));
    shape = out;
    quantization = to;
  }

  memory::desc image(const memory::dims &dims) const { return {dims, is_signed_ ? Type::s8 : Type::u8, Tag::nhwc}; }

  memory buffer(const memory::desc &desc) {
    buffer_bytes_ += desc.get_size();
    return memory(desc, engine_);
  }

  memory filled(const void *data, const memory::dims &dims, Type type, Tag tag, const memory::desc &desc) {
    memory from({dims, type, tag}, engine_, const_cast<void *>(data)), to(desc, engine_);
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
  }

  size_t threads_;
  bool is_signed_, residual_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<dnnl::primitive> primitives_;
  std::vector<std::unordered_map<int, memory>> arguments_;
  memory x_, last_;
  size_t buffer_bytes_ = 0;
  std::string description_;
};

}  // namespace

std::unique_ptr<compare_contender> make_onednn_i8(const mbconv_i8_desc &desc, const void *x, size_t threads) {
  return std::make_unique<OnednnI8>(desc, x, threads);
}

}  // namespace compare
