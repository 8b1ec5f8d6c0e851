// SPDX-License-Identifier: MIT
#include "onednn_net.h"

#include <algorithm>

#include "mbconv.h"

namespace compare {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Tag = memory::format_tag;

constexpr auto f32 = memory::data_type::f32;

memory::dims image_dims(const Shape &shape) {
  return {1, static_cast<memory::dim>(shape.channels), static_cast<memory::dim>(shape.height),
          static_cast<memory::dim>(shape.width)};
}

memory::dims dims(std::initializer_list<size_t> sizes) { return memory::dims(sizes.begin(), sizes.end()); }

// Post-ops; squeeze-excite has its own activations.
enum class Activation { none, relu, relu6, silu, sigmoid };

void append(dnnl::post_ops &ops, Activation activation) {
  if (activation == Activation::relu) ops.append_eltwise(1.0f, algorithm::eltwise_relu, 0.0f, 0.0f);
  if (activation == Activation::relu6) ops.append_eltwise(1.0f, algorithm::eltwise_clip, 0.0f, 6.0f);
  if (activation == Activation::silu) ops.append_eltwise(1.0f, algorithm::eltwise_swish, 1.0f, 0.0f);
  if (activation == Activation::sigmoid) ops.append_eltwise(1.0f, algorithm::eltwise_logistic, 0.0f, 0.0f);
}

Activation activation_of(const compare_stage &stage) {
  if (stage.activation == MBCONV_ACTIVATION_RELU) return Activation::relu;
  return stage.activation == MBCONV_ACTIVATION_SILU ? Activation::silu : Activation::none;
}

Activation activation_of(const compare_request &request) { return request.silu ? Activation::silu : Activation::relu6; }

}  // namespace

Net::Net(const compare_request &request, const Way &way, size_t copies)
    : request_(request), way_(way), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), arguments_(copies) {
  build();
  stream_.wait();
}

void Net::run(size_t copy) {
  for (size_t i = 0; i < primitives_.size(); ++i) primitives_[i].execute(stream_, arguments_[copy][i]);
  stream_.wait();
}

void Net::output(size_t copy, float *y) {
  memory to({image_dims(output_shape(request_)), f32, Tag::nhwc}, engine_, y);
  dnnl::reorder(y_[copy], to).execute(stream_, y_[copy], to);
  stream_.wait();
}

memory::desc Net::image(const Shape &shape) const { return {image_dims(shape), f32, way_.format}; }

memory Net::filled(const float *data, const memory::dims &dims, Tag tag, const memory::desc &desc) {
  memory from({dims, f32, tag}, engine_, const_cast<float *>(data)), to(desc, engine_);
  dnnl::reorder(from, to).execute(stream_, from, to);
  return to;
}

memory Net::buffer(const memory::desc &desc) {
  buffer_bytes_ += desc.get_size();
  return memory(desc, engine_);
}

Net::Convolution::primitive_desc Net::convolution(const memory::desc &src, const Weights &weights,
                                                  const memory::desc &dst, size_t stride, size_t pad,
                                                  const dnnl::post_ops &ops) {
  const memory::desc weight(weights.dims, f32, Tag::any), bias({weights.outputs()}, f32, Tag::a);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  return {{dnnl::prop_kind::forward_inference, algorithm::convolution_direct, src, weight, bias, dst,
           dims({stride, stride}), dims({pad, pad}), dims({pad, pad})},
          attributes,
          engine_};
}

template <class Primitive>
void Net::add(const typename Primitive::primitive_desc &desc) {
  primitives_.push_back(Primitive(desc));
  for (auto &copy : arguments_) copy.emplace_back();
  const auto scratchpad = static_cast<size_t>(desc.query_s64(dnnl::query::memory_consumption_s64));
  scratchpad_bytes_ = std::max(scratchpad_bytes_, scratchpad);
  description_ += std::string(" ") + desc.impl_info_str();
}

void Net::add_shared(int name, const memory &value) {
  for (auto &copy : arguments_) copy.back()[name] = value;
}

void Net::add_weights(const Weights &weights, const memory::desc &desc, int prefix) {
  const Tag tag = weights.dims.size() == 5 ? Tag::goihw : Tag::oihw;
  const memory::dims bias = {weights.outputs()};
  for (auto &copy : arguments_) {
    copy.back()[prefix | DNNL_ARG_WEIGHTS] = filled(weights.weight, weights.dims, tag, desc);
    copy.back()[prefix | DNNL_ARG_BIAS] = filled(weights.bias, bias, Tag::a, {bias, f32, Tag::a});
  }
}

// The input of the first primitive: what the block gets.
void Net::add_x(const memory::desc &desc) {
  for (auto &copy : arguments_) {
    x_.push_back(filled(request_.x, image_dims(input_shape(request_)), Tag::nhwc, desc));
    copy.back()[DNNL_ARG_SRC] = x_.back();
  }
}

void Net::build() {
  const size_t one = 1;
  const compare_request &r = request_;
  if (r.stage_count > 0) return build_list();
  const Weights expand = {r.expand, r.expand_bias, dims({r.expanded, r.in, one, one})};
  const Weights depthwise = {r.depthwise, r.depthwise_bias, dims({r.expanded, one, one, r.kernel, r.kernel})};
  const Weights project = {r.project, r.project_bias, dims({r.out, r.expanded, one, one})};
  if (r.expand) build_expand(expand, depthwise);
  if (!way_.fuse_depthwise) build_depthwise(depthwise);
  if (r.se_width) build_squeeze_excite();
  build_project(project);
}

void Net::build_expand(const Weights &expand, const Weights &depthwise) {
  dnnl::post_ops ops;
  append(ops, activation_of(request_));
  if (way_.fuse_depthwise) {
    ops.append_dw(f32, f32, f32, request_.kernel, request_.stride, request_.kernel / 2, 0, {});
    append(ops, activation_of(request_));
  }
  // Also where the depthwise is fused, the destination asked for is the expand's; the primitive tells its own.
  const auto desc = convolution(image(input_shape(request_)), expand, image(expanded_shape(request_)), 1, 0, ops);
  add<Convolution>(desc);
  add_x(desc.src_desc());
  add_weights(expand, desc.weights_desc());
  if (way_.fuse_depthwise) {
    const int prefix = DNNL_ARG_ATTR_POST_OP_DW;
    add_weights(depthwise, desc.query_md(dnnl::query::exec_arg_md, prefix | DNNL_ARG_WEIGHTS), prefix);
  }
  expanded_ = buffer(desc.dst_desc());
  add_shared(DNNL_ARG_DST, expanded_);
  h_ = expanded_;
}

void Net::build_depthwise(const Weights &depthwise) {
  dnnl::post_ops ops;
  append(ops, activation_of(request_));
  const memory::desc src = expanded_ ? expanded_.get_desc() : image(expanded_shape(request_));
  const auto desc =
      convolution(src, depthwise, image(depthwise_shape(request_)), request_.stride, request_.kernel / 2, ops);
  add<Convolution>(desc);
  if (expanded_) {
    add_shared(DNNL_ARG_SRC, expanded_);
  } else {
    add_x(desc.src_desc());
  }
  add_weights(depthwise, desc.weights_desc());
  h_ = buffer(desc.dst_desc());
  add_shared(DNNL_ARG_DST, h_);
}

// h *= gate(mean(h)), in place.
void Net::build_squeeze_excite() {
  const Shape shape = depthwise_shape(request_), pixel = {1, 1, request_.expanded}, narrow = {1, 1, request_.se_width};
  const dnnl::pooling_forward::primitive_desc mean(
      {dnnl::prop_kind::forward_inference, algorithm::pooling_avg_exclude_padding, h_.get_desc(),
       memory::desc(image_dims(pixel), f32, Tag::any), dims({1, 1}), dims({shape.height, shape.width}), dims({0, 0}),
       dims({0, 0})},
      engine_);
  add<dnnl::pooling_forward>(mean);
  add_shared(DNNL_ARG_SRC, h_);
  memory last = buffer(mean.dst_desc());
  add_shared(DNNL_ARG_DST, last);

  const Weights reduce = {request_.reduce, request_.reduce_bias, dims({request_.se_width, request_.expanded, 1, 1})};
  const Weights gate = {request_.gate, request_.gate_bias, dims({request_.expanded, request_.se_width, 1, 1})};
  const auto layer = [&](const Weights &weights, const Shape &out, Activation activation) {
    dnnl::post_ops ops;
    append(ops, activation);
    const auto desc = convolution(last.get_desc(), weights, {image_dims(out), f32, Tag::any}, 1, 0, ops);
    add<Convolution>(desc);
    add_shared(DNNL_ARG_SRC, last);
    add_weights(weights, desc.weights_desc());
    last = buffer(desc.dst_desc());
    add_shared(DNNL_ARG_DST, last);
  };
  layer(reduce, narrow, Activation::silu);
  layer(gate, pixel, Activation::sigmoid);

  const dnnl::binary::primitive_desc scale({algorithm::binary_mul, h_.get_desc(), last.get_desc(), h_.get_desc()},
                                           engine_);
  add<dnnl::binary>(scale);
  add_shared(DNNL_ARG_SRC_0, h_);
  add_shared(DNNL_ARG_SRC_1, last);
  add_shared(DNNL_ARG_DST, h_);
}

// A stage of a list; the last one is left to build_last().
void Net::build_list() {
  Shape shape = input_shape(request_);
  for (size_t i = 0; i < request_.stage_count; ++i) {
    const compare_stage &stage = request_.stages[i];
    const size_t one = 1, k = stage.kernel, pad = k / 2;
    const Weights weights = {stage.weight, stage.bias,
                             stage.kind == MBCONV_STAGE_DEPTHWISE ? dims({stage.out, one, one, k, k})
                                                                  : dims({stage.out, shape.channels, k, k})};
    dnnl::post_ops ops;
    append(ops, activation_of(stage));
    const memory::desc src = i > 0 ? h_.get_desc() : image(shape);
    shape = stage_shape(shape, stage);
    if (i + 1 == request_.stage_count) return build_last(src, weights, stage.stride, pad, ops);
    const auto desc = convolution(src, weights, image(shape), stage.stride, pad, ops);
    add<Convolution>(desc);
    if (i > 0) {
      add_shared(DNNL_ARG_SRC, h_);
    } else {
      add_x(desc.src_desc());
    }
    add_weights(weights, desc.weights_desc());
    h_ = buffer(desc.dst_desc());
    add_shared(DNNL_ARG_DST, h_);
  }
}

void Net::build_project(const Weights &project) { build_last(h_.get_desc(), project, 1, 0, {}); }

// The last convolution, with the residual behind `ops`.
void Net::build_last(const memory::desc &src, const Weights &project, size_t stride, size_t pad, dnnl::post_ops ops) {
  const int residual_op = ops.len();
  const bool only = primitives_.empty();
  // The primitive that is asked for any format must not choose another one because of the residual.
  const memory::desc from =
      only ? convolution(src, project, image(output_shape(request_)), stride, pad, ops).src_desc() : src;
  if (way_.residual == Residual::binary) ops.append_binary(algorithm::binary_add, only ? from : x_[0].get_desc());
  if (way_.residual == Residual::sum) ops.append_sum();
  const auto desc = convolution(from, project, image(output_shape(request_)), stride, pad, ops);
  if (only) {
    for (size_t i = 0; i < arguments_.size(); ++i)
      x_.push_back(filled(request_.x, image_dims(input_shape(request_)), Tag::nhwc, desc.src_desc()));
  }
  for (size_t i = 0; i < arguments_.size(); ++i) y_.emplace_back(desc.dst_desc(), engine_);
  if (way_.residual == Residual::sum) {
    add<dnnl::reorder>({x_[0], y_[0]});
    for (size_t i = 0; i < arguments_.size(); ++i)
      arguments_[i].back() = {{DNNL_ARG_FROM, x_[i]}, {DNNL_ARG_TO, y_[i]}};
  }
  add<Convolution>(desc);
  add_weights(project, desc.weights_desc());
  for (size_t i = 0; i < arguments_.size(); ++i) {
    arguments_[i].back()[DNNL_ARG_SRC] = only ? x_[i] : h_;
    arguments_[i].back()[DNNL_ARG_DST] = y_[i];
    if (way_.residual == Residual::binary) {
      arguments_[i].back()[DNNL_ARG_ATTR_MULTIPLE_POST_OP(residual_op) | DNNL_ARG_SRC_1] = x_[i];
    }
  }
}

}  // namespace compare
