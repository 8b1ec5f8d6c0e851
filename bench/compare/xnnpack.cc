// SPDX-License-Identifier: MIT
// XNNPACK's operators one after the other, NHWC. It has no SiLU: a sigmoid and a multiplication, as its subgraphs have.
// Two buffers are enough for all that is between the operators; they are its workspace.
#include <xnnpack.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "contender.h"
#include "mbconv.h"

namespace compare {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

void require(xnn_status status, const char *what) {
  if (status != xnn_status_success) {
    throw std::runtime_error(std::string("XNNPACK: ") + what + ": status " + std::to_string(status));
  }
}

struct DeleteOperator {
  void operator()(xnn_operator *op) const { xnn_delete_operator(op); }
};
using Operator = std::unique_ptr<xnn_operator, DeleteOperator>;

// The operators of one copy of a block, set up on its buffers.
class Chain {
 public:
  explicit Chain(pthreadpool *pool) : pool_(pool) {}

  void run() {
    for (const Operator &op : operators_) require(xnn_run_operator(op.get(), pool_), "run");
  }

  struct Conv {
    size_t kernel = 1, stride = 1;
    bool depthwise = false;
    const float *weight, *bias;
    bool relu6 = false, relu = false;
  };

  // From an image of shape `in` to one of `out_channels`.
  void add_conv(const Conv &conv, const Shape &in, size_t out_channels, const float *x, float *y) {
    const uint32_t pad = static_cast<uint32_t>(conv.kernel / 2), kernel = static_cast<uint32_t>(conv.kernel);
    const uint32_t stride = static_cast<uint32_t>(conv.stride);
    const size_t groups = conv.depthwise ? in.channels : 1;
    const float low = conv.relu6 || conv.relu ? 0.0f : -infinity, high = conv.relu6 ? 6.0f : infinity;
    xnn_operator_t op;
    require(
        xnn_create_convolution2d_nhwc_f32(pad, pad, pad, pad, kernel, kernel, stride, stride, 1, 1,
                                          static_cast<uint32_t>(groups), in.channels / groups, out_channels / groups,
                                          in.channels, out_channels, conv.weight, conv.bias, low, high, 0, &op),
        "convolution");
    operators_.emplace_back(op);
    require(xnn_setup_convolution2d_nhwc_f32(op, 1, in.height, in.width, x, y, pool_), "convolution");
  }

  void add_sigmoid(const Shape &shape, const float *x, float *y) {
    xnn_operator_t op;
    require(xnn_create_sigmoid_nc_f32(shape.channels, shape.channels, shape.channels, 0, &op), "sigmoid");
    operators_.emplace_back(op);
    require(xnn_setup_sigmoid_nc_f32(op, shape.pixels(), x, y, pool_), "sigmoid");
  }

  // In place, through `other`.
  void add_silu(const Shape &shape, float *x, float *other) {
    add_sigmoid(shape, x, other);
    add_multiply(shape, x, shape, other);
  }

  // x *= by, whose shape is the same or one pixel.
  void add_multiply(const Shape &shape, float *x, const Shape &by_shape, const float *by) {
    const size_t dims[] = {shape.pixels(), shape.channels}, by_dims[] = {by_shape.pixels(), by_shape.channels};
    xnn_operator_t op;
    require(xnn_create_multiply_nd_f32(-infinity, infinity, 0, &op), "multiply");
    operators_.emplace_back(op);
    require(xnn_setup_multiply_nd_f32(op, 2, dims, 2, by_dims, x, by, x, pool_), "multiply");
  }

  void add_residual(const Shape &shape, float *y, const float *x) {
    const size_t dims[] = {shape.floats()};
    xnn_operator_t op;
    require(xnn_create_add_nd_f32(-infinity, infinity, 0, &op), "add");
    operators_.emplace_back(op);
    require(xnn_setup_add_nd_f32(op, 1, dims, 1, dims, y, x, y, pool_), "add");
  }

  void add_mean(const Shape &shape, const float *x, float *y) {
    xnn_operator_t op;
    require(xnn_create_global_average_pooling_nwc_f32(shape.channels, shape.channels, shape.channels, -infinity,
                                                      infinity, 0, &op),
            "mean");
    operators_.emplace_back(op);
    require(xnn_setup_global_average_pooling_nwc_f32(op, 1, shape.pixels(), x, y, pool_), "mean");
  }

 private:
  pthreadpool *pool_;
  std::vector<Operator> operators_;
};

// XNNPACK's weights are [group][out][kernel][kernel][in]: of a 1x1 and of a depthwise, PyTorch's order. This is for a
// dense convolution.
bench::Floats taps_first(const compare_stage &stage, size_t channels) {
  const size_t taps = stage.kernel * stage.kernel;
  bench::Floats weights(stage.out * taps * channels);
  for (size_t o = 0; o < stage.out; ++o)
    for (size_t c = 0; c < channels; ++c)
      for (size_t t = 0; t < taps; ++t)
        weights.data()[(o * taps + t) * channels + c] = stage.weight[(o * channels + c) * taps + t];
  return weights;
}

class Xnnpack : public compare_contender {
 public:
  explicit Xnnpack(const compare_request &request) : pool_(make_pool(request.threads)) {
    require(xnn_initialize(nullptr), "initialize");
    if (request.stage_count > 0) {
      make_list(request);
      return;
    }
    const size_t expanded = request.expand ? expanded_shape(request).floats() : 0;
    const size_t depthwise = depthwise_shape(request).floats();
    first_ = padded_floats(request.silu ? std::max(expanded, depthwise) : expanded);
    second_ = padded_floats(request.silu ? std::max(expanded, depthwise) : depthwise);
    mean_ = padded_floats(request.expanded);
    gate_ = padded_floats(request.expanded);
    reduced_ = padded_floats(2 * request.se_width);
    for (size_t i = 0; i < request.copies; ++i) {
      copies_.push_back({Chain(pool_.get()), padded_copy(request.x, input_shape(request).floats()),
                         padded_floats(output_shape(request).floats())});
      add_block(request, copies_.back());
    }
    output_floats_ = output_shape(request).floats();
  }

  size_t copies() const override { return copies_.size(); }
  void run(size_t copy) override { copies_[copy].chain.run(); }
  void output(size_t copy, float *y) override { std::copy_n(copies_[copy].y.data(), output_floats_, y); }
  size_t scratch_bytes() const override { return (first_.size() + second_.size()) * sizeof(float); }
  std::string describe() const override { return "operators, NHWC; kernels by its own choice"; }

 private:
  struct Copy {
    Chain chain;
    bench::Floats x, y;
  };

  // Stages write to two buffers by turns; SiLU goes through a third.
  void make_list(const compare_request &request) {
    size_t largest = 0;
    Shape shape = input_shape(request);
    for (size_t i = 0; i < request.stage_count; ++i) {
      shape = stage_shape(shape, request.stages[i]);
      largest = std::max(largest, shape.floats());
    }
    first_ = padded_floats(largest);
    second_ = padded_floats(largest);
    mean_ = padded_floats(largest);
    for (size_t i = 0; i < request.copies; ++i) {
      copies_.push_back({Chain(pool_.get()), padded_copy(request.x, input_shape(request).floats()),
                         padded_floats(output_shape(request).floats())});
      add_list(request, copies_.back());
    }
    output_floats_ = output_shape(request).floats();
  }

  void add_list(const compare_request &request, Copy &copy) {
    const float *from = copy.x.data();
    Shape shape = input_shape(request);
    for (size_t i = 0; i < request.stage_count; ++i) {
      const compare_stage &stage = request.stages[i];
      float *to = i + 1 == request.stage_count ? copy.y.data() : i % 2 ? second_.data() : first_.data();
      const float *weight = stage.weight;
      if (stage.kind == MBCONV_STAGE_DENSE) {
        dense_.push_back(taps_first(stage, shape.channels));
        weight = dense_.back().data();
      }
      Chain::Conv conv;
      conv.kernel = stage.kernel;
      conv.stride = stage.stride;
      conv.depthwise = stage.kind == MBCONV_STAGE_DEPTHWISE;
      conv.weight = stage.weight;
      conv.bias = stage.bias;
      conv.relu = stage.activation == MBCONV_ACTIVATION_RELU;
      if (stage.kind == MBCONV_STAGE_DENSE) {
        dense_.push_back(taps_first(stage, shape.channels));
        conv.weight = dense_.back().data();
      }
      copy.chain.add_conv(conv, shape, stage.out, from, to);
      shape = stage_shape(shape, stage);
      if (stage.activation == MBCONV_ACTIVATION_SILU) copy.chain.add_silu(shape, to, mean_.data());
      from = to;
    }
    if (request.residual) copy.chain.add_residual(shape, copy.y.data(), copy.x.data());
  }

  void add_block(const compare_request &request, Copy &copy) {
    const Shape expanded = expanded_shape(request), depthwise = depthwise_shape(request);
    const float *from = copy.x.data();
    if (request.expand) {
      Chain::Conv conv{1, 1, false, request.expand, request.expand_bias, !request.silu};
      copy.chain.add_conv(conv, input_shape(request), request.expanded, from, first_.data());
      if (request.silu) copy.chain.add_silu(expanded, first_.data(), second_.data());
      from = first_.data();
    }
    Chain::Conv conv{request.kernel, request.stride, true, request.depthwise, request.depthwise_bias, !request.silu};
    copy.chain.add_conv(conv, expanded, request.expanded, from, second_.data());
    if (request.silu) copy.chain.add_silu(depthwise, second_.data(), first_.data());
    if (request.se_width) add_squeeze_excite(request, copy.chain);
    Chain::Conv project{1, 1, false, request.project, request.project_bias, false};
    copy.chain.add_conv(project, depthwise, request.out, second_.data(), copy.y.data());
    if (request.residual) copy.chain.add_residual(output_shape(request), copy.y.data(), copy.x.data());
  }

  void add_squeeze_excite(const compare_request &request, Chain &chain) {
    const Shape depthwise = depthwise_shape(request), pixel{1, 1, request.expanded}, narrow{1, 1, request.se_width};
    chain.add_mean(depthwise, second_.data(), mean_.data());
    chain.add_conv({1, 1, false, request.reduce, request.reduce_bias, false}, pixel, request.se_width, mean_.data(),
                   reduced_.data());
    chain.add_silu(narrow, reduced_.data(), reduced_.data() + request.se_width);
    chain.add_conv({1, 1, false, request.gate, request.gate_bias, false}, narrow, request.expanded, reduced_.data(),
                   gate_.data());
    chain.add_sigmoid(pixel, gate_.data(), gate_.data());
    chain.add_multiply(depthwise, second_.data(), pixel, gate_.data());
  }

  Pool pool_;
  bench::Floats first_, second_, mean_, gate_, reduced_;
  std::vector<bench::Floats> dense_;  // XNNPACK packs them at once
  std::vector<Copy> copies_;
  size_t output_floats_ = 0;
};

}  // namespace

std::unique_ptr<compare_contender> make_xnnpack(const compare_request &request) {
  return std::make_unique<Xnnpack>(request);
}

}  // namespace compare
