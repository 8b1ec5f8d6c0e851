// SPDX-License-Identifier: MIT
// What the contenders of the driver share.
#ifndef MBCONV_COMPARE_CONTENDER_H
#define MBCONV_COMPARE_CONTENDER_H

#include <pthreadpool.h>

#include <memory>
#include <string>

#include "driver.h"
#include "floats.h"
#include "mbconv_i8.h"

// Constructors throw std::exception if the contender cannot do it.
struct compare_contender {
  virtual ~compare_contender() = default;
  virtual size_t copies() const = 0;
  virtual void run(size_t copy) = 0;
  virtual void output(size_t copy, float *y) = 0;  // NHWC
  virtual size_t scratch_bytes() const = 0;
  virtual std::string describe() const = 0;

  size_t next_copy = 0;
  size_t output_floats = 0;  // set when it is made
};

namespace compare {

struct Shape {
  size_t height, width, channels;
  size_t pixels() const { return height * width; }
  size_t floats() const { return height * width * channels; }
};

Shape input_shape(const compare_request &request);
Shape expanded_shape(const compare_request &request);            // the depthwise's input
Shape depthwise_shape(const compare_request &request);           // and output
Shape stage_shape(const Shape &in, const compare_stage &stage);  // the stage's output
Shape output_shape(const compare_request &request);

// The threads of mbconv and of XNNPACK; NULL, as both want it, for one.
struct DeletePool {
  void operator()(pthreadpool *pool) const { pthreadpool_destroy(pool); }
};
using Pool = std::unique_ptr<pthreadpool, DeletePool>;
Pool make_pool(size_t threads);

// A copy with room behind it, since XNNPACK reads up to 16 bytes too far.
bench::Floats padded_floats(size_t size);
bench::Floats padded_copy(const float *data, size_t size);

std::unique_ptr<compare_contender> make_ours(const compare_request &request);
std::unique_ptr<compare_contender> make_onednn(const compare_request &request);
std::unique_ptr<compare_contender> make_xnnpack(const compare_request &request);
std::unique_ptr<compare_contender> make_ours_network(const compare_network_request &request);
// Of int8: `x` is an image of the description's type. Results are bytes, given as floats. onednn computes them with the
// same scales and zero points.
std::unique_ptr<compare_contender> make_ours_i8(const mbconv_i8_desc &desc, const void *x, size_t threads, int isa);
std::unique_ptr<compare_contender> make_onednn_i8(const mbconv_i8_desc &desc, const void *x, size_t threads);
size_t i8_output_bytes(const mbconv_i8_desc &desc);
void floats_of_bytes(const void *bytes, size_t size, bool is_signed, float *y);

std::string onednn_version();

}  // namespace compare

#endif
