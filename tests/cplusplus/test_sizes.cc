/* SPDX-License-Identifier: MIT
 *
 * The methods of mbconv.hpp that take the size of an image, beside an object that was made for that size.
 */
#include "wrapped.h"

namespace wrapped {

namespace {

constexpr mbconv::size sizes[] = {{1, 1}, {5, 3}, {height, width}};

/* The same for operators with scratch. `any` was made for no size, `of` makes an object for one. */
template <typename Object, typename Of, typename Run>
void check_at(test *t, const operands &o, const Object &any, const Of &of, const Run &run, std::size_t out_channels) {
  for (const mbconv::size image : sizes) {
    const Object object = of(image);
    const auto [rows, columns] = any.output_size(image);
    test_check(t, rows == object.output_size().height && columns == object.output_size().width, "another output");
    for (const std::size_t threads : {1, 3})
      test_check(t, any.scratch_size(image, threads) == object.scratch_size(threads), "other scratch");
    test_check(t, any.scratch_size(image) == object.scratch_size(), "scratch_size(image) is not that of one thread");
    const mbconv::scratch scratch(object.scratch_size());
    floats is(batch * rows * columns * out_channels), expected(is.size(), 1.0f);
    run(any, image, o.x.data(), is.data(), scratch);
    object.run(batch, o.x.data(), expected.data(), scratch);
    test_check(t, is == expected, "%zu x %zu: other floats", image.height, image.width);
  }
  try {
    any.scratch_size({0, 5});
    test_check(t, false, "an image of 0 x 5 is accepted");
  } catch (const mbconv::error &error) {
    test_check(t, error.status() == MBCONV_INVALID_ARGUMENT, "status %d", static_cast<int>(error.status()));
  }
}

template <typename Object, typename Desc>
void check_windowed(test *t, const operands &o, Desc desc, const mbconv_options *how, std::size_t out_channels) {
  const auto of = [&](mbconv::size image) {
    desc.height = image.height;
    desc.width = image.width;
    return Object(desc, how);
  };
  const auto run = [](const Object &object, mbconv::size image, const float *x, float *y,
                      const mbconv::scratch &scratch) { object.run(batch, image, x, y, scratch); };
  check_at(t, o, of({0, 0}), of, run, out_channels);
}

void check_pool(test *t, const operands &o, const mbconv_options *how) {
  mbconv::global_pool_desc desc;
  desc.channels = channels;
  const mbconv::global_pool any(desc, how);
  for (const mbconv::size image : sizes) {
    desc.height = image.height;
    desc.width = image.width;
    floats is(batch * channels), expected(is.size(), 1.0f);
    any.run(batch, image, o.x.data(), is.data());
    mbconv::global_pool(desc, how).run(batch, o.x.data(), expected.data());
    test_check(t, is == expected, "%zu x %zu: other means", image.height, image.width);
  }
}

}  // namespace

void check_any_size(test *t, const operands &o) {
  mbconv::options how;
  how.isa = t->isa;
  test_at(t, "depthwise of any size");
  mbconv::depthwise_desc depthwise;
  depthwise.channels = channels;
  depthwise.kernel = 3;
  depthwise.stride = 2;
  depthwise.pad = mbconv::pad(1);
  depthwise.conv = &o.conv;
  check_windowed<mbconv::depthwise>(t, o, depthwise, &how, channels);
  test_at(t, "convolution of any size");
  mbconv::convolution_desc convolution;
  convolution.in_channels = channels;
  convolution.out_channels = expanded;
  convolution.kernel = 3;
  convolution.stride = 1;
  convolution.pad_kind = MBCONV_PAD_SAME;
  convolution.conv = &o.conv;
  check_windowed<mbconv::convolution>(t, o, convolution, &how, expanded);
  test_at(t, "block of any size");
  mbconv::block_desc block;
  block.in_channels = block.out_channels = channels;
  block.expanded_channels = expanded;
  block.expand = block.depthwise = block.project = &o.conv;
  block.kernel = 3;
  block.stride = 1;
  block.pad = mbconv::pad(1);
  check_windowed<mbconv::block>(t, o, block, &how, channels);
  const mbconv::block any(block, &how);
  block.height = height;
  block.width = width;
  for (const std::size_t threads : {1, 2})
    test_check(t, any.describe({height, width}, threads) == mbconv::block(block, &how).describe(threads),
               "another description");
  test_at(t, "global pool of any size");
  check_pool(t, o, &how);
}

}  // namespace wrapped
