// SPDX-License-Identifier: MIT
#include "floats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>
#include <random>

namespace bench {
namespace {
constexpr std::align_val_t cache_line{64};
}

Floats::Floats(size_t size)
    : size_(size), data_(static_cast<float *>(::operator new[](size * sizeof(float), cache_line))) {
  std::fill_n(data_.get(), size, 0.0f);
}

void Floats::Release::operator()(float *data) const {
  ::operator delete[](data, cache_line);
}

Floats random_floats(size_t size, uint32_t seed, float scale) {
  Floats floats(size);
  std::mt19937 generator(seed);
  for (size_t i = 0; i < size; ++i) {
    floats.data()[i] = scale * (static_cast<float>(generator() >> 8) / 8388608.0f - 1.0f);
  }
  return floats;
}

Floats random_weights(size_t size, size_t terms, uint32_t seed) {
  return random_floats(size, seed, std::sqrt(3.0f / static_cast<float>(terms)));
}

std::string difference(const float *got, const float *expected, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i]))) continue;
    char text[128];
    std::snprintf(text, sizeof text, "differs from scalar: %a instead of %a at %zu", got[i], expected[i], i);
    return text;
  }
  return {};
}

}  // namespace bench
