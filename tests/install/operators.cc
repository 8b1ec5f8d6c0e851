/* SPDX-License-Identifier: MIT
 *
 * Every operator of mbconv.hpp against the C functions that it stands for, moved, and made of what is wrong.
 */
#include <cstdio>
#include <mbconv.hpp>
#include <type_traits>
#include <vector>

namespace {

int failures = 0;

void expect(bool right, const char *what) {
  if (right) return;
  std::printf("FAILED: %s\n", what);
  failures++;
}

constexpr std::size_t side = 9, channels = 20, expanded = 40;

std::vector<float> numbers(std::size_t n) {
  static unsigned state = 3;
  std::vector<float> result(n);
  for (float &number : result) {
    state = state * 1664525u + 1013904223u;
    number = static_cast<float>(state >> 8) / 16777216.0f - 0.5f;
  }
  return result;
}

const std::vector<float> weights = numbers(expanded * channels * 9), x = numbers(side * side * expanded);

mbconv::conv conv() {
  mbconv::conv result;
  result.weight = weights.data();
  return result;
}

/* A type that is moved and never copied, the size of one pointer. */
template <typename Operator>
constexpr bool owns() {
  return std::is_nothrow_move_constructible_v<Operator> && std::is_nothrow_move_assignable_v<Operator> &&
         !std::is_copy_constructible_v<Operator> && sizeof(Operator) == sizeof(void *);
}
static_assert(owns<mbconv::block>() && owns<mbconv::pointwise>() && owns<mbconv::depthwise>());
static_assert(owns<mbconv::convolution>() && owns<mbconv::global_pool>() && owns<mbconv::activation>());

/* What `run` writes through an object that was moved, against what `c` writes. */
template <typename Operator, typename Run, typename C>
void same(const char *what, Operator &made, std::size_t floats, Run run, C c) {
  Operator moved = std::move(made);
  made = std::move(moved);
  std::vector<float> y(floats, 7), want(floats, 8);
  run(y.data());
  c(want.data());
  expect(y == want, what);
  expect(made.info().isa == mbconv::usable_isas().front(), what);
}

mbconv::block_desc block_desc() {
  static const mbconv::conv part = conv();
  mbconv::block_desc desc;
  desc.height = desc.width = side;
  desc.in_channels = desc.out_channels = channels;
  desc.expanded_channels = expanded;
  desc.expand = desc.depthwise = desc.project = &part;
  desc.kernel = 3;
  desc.stride = 1;
  desc.pad = mbconv::pad(1);
  desc.activation = MBCONV_ACTIVATION_SILU;
  return desc;
}

void blocks() {
  mbconv::block block(block_desc());
  const mbconv::scratch scratch(block.scratch_size());
  same(
      "block", block, side * side * channels, [&](float *y) { block.run(1, x.data(), y, scratch); },
      [&](float *y) {
        mbconv_block_run(block.get(), 1, x.data(), y, scratch.data(), scratch.size(), nullptr, nullptr);
      });
  expect(block.output_size().height == side && block.output_size().width == side, "the size of a block's output");
  char text[512];
  mbconv_block_describe(block.get(), 2, text, sizeof text);
  expect(block.describe(2) == text, "a block's description");
}

void convolutions() {
  mbconv::pointwise_desc point;
  point.in_channels = channels;
  point.out_channels = expanded;
  const mbconv::conv part = conv();
  point.conv = &part;
  mbconv::pointwise pointwise(point);
  const std::vector<float> residual = numbers(side * expanded);
  same(
      "pointwise", pointwise, side * expanded, [&](float *y) { pointwise.run(side, x.data(), y, residual.data()); },
      [&](float *y) {
        mbconv_pointwise_run(pointwise.get(), side, x.data(), 0, y, 0, residual.data(), 0, nullptr, nullptr);
      });

  mbconv::depthwise_desc depth;
  depth.height = depth.width = side;
  depth.channels = channels;
  depth.kernel = 5;
  depth.stride = 2;
  depth.pad = mbconv::pad(2);
  depth.conv = &part;
  mbconv::depthwise depthwise(depth);
  const mbconv::scratch scratch(depthwise.scratch_size());
  same(
      "depthwise", depthwise, 25 * channels, [&](float *y) { depthwise.run(1, x.data(), y, scratch); },
      [&](float *y) {
        mbconv_depthwise_run(depthwise.get(), 1, x.data(), y, scratch.data(), scratch.size(), nullptr, nullptr);
      });
  expect(depthwise.output_size().height == 5, "the size of a depthwise's output");

  mbconv::convolution_desc dense;
  dense.height = dense.width = side;
  dense.in_channels = channels;
  dense.out_channels = 8;
  dense.kernel = 3;
  dense.stride = 2;
  dense.conv = &part;
  mbconv::convolution convolution(dense);
  const mbconv::scratch room(convolution.scratch_size());
  same(
      "convolution", convolution, 16 * 8, [&](float *y) { convolution.run(1, x.data(), y, room, residual.data()); },
      [&](float *y) {
        mbconv_convolution_run(convolution.get(), 1, x.data(), y, residual.data(), room.data(), room.size(), nullptr,
                               nullptr);
      });
  expect(convolution.output_size().width == 4, "the size of a convolution's output");
}

void others() {
  mbconv::global_pool_desc desc;
  desc.height = desc.width = side;
  desc.channels = channels;
  mbconv::global_pool pool(desc);
  same(
      "global pool", pool, channels, [&](float *y) { pool.run(1, x.data(), y); },
      [&](float *y) { mbconv_global_pool_run(pool.get(), 1, x.data(), y, nullptr, nullptr); });
  mbconv::activation activation(MBCONV_ACTIVATION_HARD_SWISH);
  same(
      "activation", activation, 33, [&](float *y) { activation.run(33, x.data(), y); },
      [&](float *y) { mbconv_activation_run(activation.get(), 33, x.data(), y, nullptr); });
}

/* `call` must throw, with this status and a message. */
template <typename Call>
void throws(const char *what, mbconv_status status, Call call) {
  try {
    call();
    expect(false, what);
  } catch (const mbconv::error &error) {
    expect(error.status() == status && error.what()[0] != '\0', what);
  }
}

void errors() {
  throws("an empty description", MBCONV_INVALID_ARGUMENT, [] { mbconv::block{mbconv::block_desc()}; });
  throws("a set of another CPU", MBCONV_UNSUPPORTED_ISA, [] {
    mbconv::options options;
    options.isa = mbconv::usable_isas().front() == MBCONV_ISA_NEON ? MBCONV_ISA_AVX2 : MBCONV_ISA_NEON;
    mbconv::activation{MBCONV_ACTIVATION_SILU, &options};
  });
  throws("too little scratch", MBCONV_SCRATCH_TOO_SMALL, [] {
    const mbconv::block block(block_desc());
    std::vector<float> y(side * side * channels);
    block.run(1, x.data(), y.data(), mbconv::scratch(8));
  });
}

}  // namespace

int main() {
  blocks();
  convolutions();
  others();
  errors();
  std::printf("%d failures\n", failures);
  return failures != 0;
}
