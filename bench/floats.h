// SPDX-License-Identifier: MIT
// Arrays of floats aligned to a cache line, and their comparison.
#ifndef MBCONV_BENCH_FLOATS_H
#define MBCONV_BENCH_FLOATS_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace bench {

class Floats {
 public:
  explicit Floats(size_t size = 0);  // zeros
  float *data() { return data_.get(); }
  const float *data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Release {
    void operator()(float *data) const;
  };
  size_t size_;
  std::unique_ptr<float[], Release> data_;
};

// Uniform in [-scale, scale), always the same for one seed.
Floats random_floats(size_t size, uint32_t seed, float scale = 1.0f);

// The weights of a chain of `terms` multiply-adds, such that outputs are as large as inputs.
Floats random_weights(size_t size, size_t terms, uint32_t seed);

// Empty if the arrays are equal (==, or NaN in both), else a sentence that names the first difference.
std::string difference(const float *got, const float *expected, size_t size);

}  // namespace bench

#endif
