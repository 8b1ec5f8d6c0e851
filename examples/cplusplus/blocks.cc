/* SPDX-License-Identifier: MIT
 *
 * Two blocks of MobileNetV2 one after the other, run by two threads at once, each on an image of its own. The weights
 * are arbitrary numbers where a program would load trained ones.
 */
#include <cstdio>
#include <mbconv.hpp>
#include <random>
#include <thread>
#include <vector>

namespace {

std::vector<float> numbers(std::size_t n, float scale) {
  static std::minstd_rand random;
  std::uniform_real_distribution<float> range(-scale, scale);
  std::vector<float> result(n);
  for (float &number : result) number = range(random);
  return result;
}

/* create copies the weights, so that they live no longer than this call. */
mbconv::block make_block(std::size_t side, std::size_t in, std::size_t out, std::size_t stride) {
  const std::size_t expanded = 6 * in;
  const auto w1 = numbers(expanded * in, 0.3f), w2 = numbers(expanded * 9, 0.3f), w3 = numbers(out * expanded, 0.1f);
  mbconv::conv expand, depthwise, project;
  expand.weight = w1.data();
  depthwise.weight = w2.data();
  project.weight = w3.data();
  mbconv::block_desc desc;
  desc.height = desc.width = side;
  desc.in_channels = in;
  desc.expanded_channels = expanded;
  desc.out_channels = out;
  desc.expand = &expand;
  desc.depthwise = &depthwise;
  desc.project = &project;
  desc.kernel = 3;
  desc.stride = stride;
  desc.pad = mbconv::pad(1);
  desc.activation = MBCONV_ACTIVATION_RELU6;
  return mbconv::block(desc);
}

/* The output of the last block. */
std::vector<float> run(const std::vector<mbconv::block> &blocks, std::vector<float> x, std::size_t channels) {
  for (const mbconv::block &block : blocks) {
    const auto [height, width] = block.output_size();
    std::vector<float> y(height * width * channels);
    mbconv::scratch scratch(block.scratch_size());
    block.run(1, x.data(), y.data(), scratch);
    x = std::move(y);
  }
  return x;
}

}  // namespace

int main() try {
  std::vector<mbconv::block> blocks;
  blocks.push_back(make_block(56, 24, 32, 2));
  blocks.push_back(make_block(28, 32, 32, 1)); /* with residual */
  for (const mbconv::block &block : blocks) std::printf("%s\n", block.describe().c_str());

  const auto image = numbers(56 * 56 * 24, 1.0f);
  std::vector<float> first, second;
  std::thread other([&] { second = run(blocks, image, 32); });
  first = run(blocks, image, 32);
  other.join();
  std::printf("y: %g %g ... %g, %s on both threads\n", first[0], first[1], first.back(),
              first == second ? "the same" : "DIFFERENT");

  try {
    make_block(56, 24, 32, 3);
  } catch (const mbconv::error &error) {
    std::printf("as expected: %s\n", error.what());
  }
  return first == second ? 0 : 1;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
