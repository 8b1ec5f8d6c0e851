// SPDX-License-Identifier: MIT
#include "contender.h"

#include <algorithm>
#include <stdexcept>

namespace compare {
namespace {
constexpr size_t floats_behind = 16;
}

Shape input_shape(const compare_request &request) { return {request.height, request.width, request.in}; }

Shape expanded_shape(const compare_request &request) { return {request.height, request.width, request.expanded}; }

// Padding kernel / 2 on each side, kernel odd: one output pixel for each input pixel, or for every second one.
Shape depthwise_shape(const compare_request &request) {
  return {(request.height - 1) / request.stride + 1, (request.width - 1) / request.stride + 1, request.expanded};
}

Shape stage_shape(const Shape &in, const compare_stage &stage) {
  return {(in.height - 1) / stage.stride + 1, (in.width - 1) / stage.stride + 1, stage.out};
}

Shape output_shape(const compare_request &request) {
  if (request.stage_count > 0) {
    Shape shape = input_shape(request);
    for (size_t i = 0; i < request.stage_count; ++i) shape = stage_shape(shape, request.stages[i]);
    return shape;
  }
  const Shape depthwise = depthwise_shape(request);
  return {depthwise.height, depthwise.width, request.out};
}

Pool make_pool(size_t threads) {
  if (threads < 2) return nullptr;
  Pool pool(pthreadpool_create(threads));
  if (!pool) throw std::runtime_error("pthreadpool_create failed");
  return pool;
}

bench::Floats padded_floats(size_t size) { return bench::Floats(size + floats_behind); }

bench::Floats padded_copy(const float *data, size_t size) {
  bench::Floats floats = padded_floats(size);
  std::copy_n(data, size, floats.data());
  return floats;
}

}  // namespace compare
