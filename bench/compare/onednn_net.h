// SPDX-License-Identifier: MIT
// A block as a chain of oneDNN primitives, in one of the ways that oneDNN offers.
#ifndef MBCONV_COMPARE_ONEDNN_NET_H
#define MBCONV_COMPARE_ONEDNN_NET_H

#include <dnnl.hpp>

#include <string>
#include <unordered_map>
#include <vector>

#include "contender.h"

namespace compare {

enum class Residual { none, binary, sum };  // a binary post-op that reads x, or a sum post-op onto a copy of x

struct Way {
  dnnl::memory::format_tag format;  // of the images
  std::string format_name;
  bool fuse_depthwise;  // a post-op of the expand
  Residual residual;
};

// Throws dnnl::error where oneDNN has no such primitive. The copies share what lies between the primitives.
class Net {
 public:
  Net(const compare_request &request, const Way &way, size_t copies);
  void run(size_t copy);
  void output(size_t copy, float *y);
  size_t scratch_bytes() const { return buffer_bytes_ + scratchpad_bytes_; }
  std::string describe() const { return way_.format_name + ":" + description_; }

 private:
  using Convolution = dnnl::convolution_forward;

  // The weights of one convolution as they come, to be reordered for the primitive.
  struct Weights {
    const float *weight, *bias;
    dnnl::memory::dims dims;
    dnnl::memory::dim outputs() const { return dims.size() == 5 ? dims[0] * dims[1] : dims[0]; }
  };

  void build();
  void build_expand(const Weights &expand, const Weights &depthwise);
  void build_depthwise(const Weights &depthwise);
  void build_squeeze_excite();
  void build_project(const Weights &project);
  void build_list();
  void build_last(const dnnl::memory::desc &src, const Weights &project, size_t stride, size_t pad, dnnl::post_ops ops);

  dnnl::memory::desc image(const Shape &shape) const;
  Convolution::primitive_desc convolution(const dnnl::memory::desc &src, const Weights &weights,
                                          const dnnl::memory::desc &dst, size_t stride, size_t pad,
                                          const dnnl::post_ops &ops);
  dnnl::memory filled(const float *data, const dnnl::memory::dims &dims, dnnl::memory::format_tag tag,
                      const dnnl::memory::desc &desc);
  dnnl::memory buffer(const dnnl::memory::desc &desc);  // what lies between two primitives

  // Adds a primitive; the others give arguments to the one added last.
  template <class Primitive>
  void add(const typename Primitive::primitive_desc &desc);
  void add_shared(int name, const dnnl::memory &value);
  void add_weights(const Weights &weights, const dnnl::memory::desc &desc, int prefix = 0);
  void add_x(const dnnl::memory::desc &desc);

  const compare_request request_;
  const Way way_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<dnnl::primitive> primitives_;
  std::vector<std::vector<std::unordered_map<int, dnnl::memory>>> arguments_;  // [copy][primitive]
  std::vector<dnnl::memory> x_, y_;                                            // [copy]
  dnnl::memory expanded_, h_;                                                  // the outputs of expand and depthwise
  size_t buffer_bytes_ = 0, scratchpad_bytes_ = 0;
  std::string description_;
};

}  // namespace compare

#endif
