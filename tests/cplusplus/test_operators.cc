/* SPDX-License-Identifier: MIT
 *
 * The operators of mbconv.hpp, each method beside the function of mbconv.h that it calls.
 */
#include <array>

#include "wrapped.h"

namespace wrapped {

void check_pointwise(test *t, const operands &o) {
  test_at(t, "pointwise");
  mbconv::pointwise_desc desc;
  desc.in_channels = channels;
  desc.out_channels = expanded;
  desc.conv = &o.conv;
  desc.activation = MBCONV_ACTIVATION_RELU;
  const auto make = [&](const mbconv_options *how) { return mbconv::pointwise(desc, how); };
  check_ownership<mbconv::pointwise>(t, make);
  check_options<mbconv::pointwise>(t, make, mbconv_pointwise_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::pointwise object = make(&how);
  constexpr std::size_t pixels = height * width;
  const float *x = o.x.data();
  for (const float *added : {static_cast<const float *>(nullptr), o.residual.data()})
    check_run(
        t, pixels * expanded,
        [&](float *y, const mbconv_threads *threads) { object.run(pixels, x, y, added, threads); },
        [&](float *y, const mbconv_threads *threads) {
          return mbconv_pointwise_run(object.get(), pixels, x, 0, y, 0, added, 0, threads, nullptr);
        });
  floats y(pixels * expanded);
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) {
        return mbconv_pointwise_run(object.get(), 1, nullptr, 0, y.data(), 0, nullptr, 0, nullptr, report);
      },
      [&] { object.run(1, nullptr, y.data()); });
  desc.out_channels = 0;
  mbconv_pointwise *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_pointwise_create(&desc, nullptr, &none, report); },
      [&] { make(nullptr); });
}

void check_depthwise(test *t, const operands &o) {
  test_at(t, "depthwise");
  mbconv::depthwise_desc desc;
  desc.height = height;
  desc.width = width;
  desc.channels = channels;
  desc.kernel = 3;
  desc.stride = 2;
  desc.pad = {1, 0, 2, 1};
  desc.conv = &o.conv;
  const auto make = [&](const mbconv_options *how) { return mbconv::depthwise(desc, how); };
  check_ownership<mbconv::depthwise>(t, make);
  check_options<mbconv::depthwise>(t, make, mbconv_depthwise_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::depthwise object = make(&how);
  check_sizes(t, object, mbconv_depthwise_scratch_size, mbconv_depthwise_output_size);
  const mbconv::scratch scratch(object.scratch_size(7));
  const auto [rows, columns] = object.output_size();
  check_run(
      t, batch * rows * columns * channels,
      [&](float *y, const mbconv_threads *threads) { object.run(batch, o.x.data(), y, scratch, threads); },
      [&](float *y, const mbconv_threads *threads) {
        return mbconv_depthwise_run(object.get(), batch, o.x.data(), y, scratch.data(), scratch.size(), threads,
                                    nullptr);
      });
  floats y(batch * rows * columns * channels);
  const mbconv::scratch small(object.scratch_size() - 1);
  check_throws(
      t, MBCONV_SCRATCH_TOO_SMALL,
      [&](mbconv_error *report) {
        return mbconv_depthwise_run(object.get(), batch, o.x.data(), y.data(), small.data(), small.size(), nullptr,
                                    report);
      },
      [&] { object.run(batch, o.x.data(), y.data(), small); });
  desc.stride = 3;
  mbconv_depthwise *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_depthwise_create(&desc, nullptr, &none, report); },
      [&] { make(nullptr); });
}

void check_convolution(test *t, const operands &o) {
  test_at(t, "convolution");
  mbconv::convolution_desc desc;
  desc.height = height;
  desc.width = width;
  desc.in_channels = channels;
  desc.out_channels = expanded;
  desc.kernel = 3;
  desc.stride = 1;
  desc.pad = {1, 0, 1, 2};
  desc.conv = &o.conv;
  desc.activation = MBCONV_ACTIVATION_SILU;
  desc.layout = MBCONV_NCHW;
  const auto make = [&](const mbconv_options *how) { return mbconv::convolution(desc, how); };
  check_ownership<mbconv::convolution>(t, make);
  check_options<mbconv::convolution>(t, make, mbconv_convolution_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::convolution object = make(&how);
  check_sizes(t, object, mbconv_convolution_scratch_size, mbconv_convolution_output_size);
  const mbconv::scratch scratch(object.scratch_size(7));
  const auto [rows, columns] = object.output_size();
  const float *x = o.x.data();
  for (const float *added : {static_cast<const float *>(nullptr), o.residual.data()})
    check_run(
        t, batch * rows * columns * expanded,
        [&](float *y, const mbconv_threads *threads) { object.run(batch, x, y, scratch, added, threads); },
        [&](float *y, const mbconv_threads *threads) {
          return mbconv_convolution_run(object.get(), batch, x, y, added, scratch.data(), scratch.size(), threads,
                                        nullptr);
        });
  floats y(batch * rows * columns * expanded);
  const mbconv::scratch small(object.scratch_size() - 1);
  check_throws(
      t, MBCONV_SCRATCH_TOO_SMALL,
      [&](mbconv_error *report) {
        return mbconv_convolution_run(object.get(), batch, x, y.data(), nullptr, small.data(), small.size(), nullptr,
                                      report);
      },
      [&] { object.run(batch, x, y.data(), small); });
  desc.kernel = 8;
  mbconv_convolution *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_convolution_create(&desc, nullptr, &none, report); },
      [&] { make(nullptr); });
}

void check_global_pool(test *t, const operands &o) {
  test_at(t, "global_pool");
  mbconv::global_pool_desc desc;
  desc.height = height;
  desc.width = width;
  desc.channels = channels;
  const auto make = [&](const mbconv_options *how) { return mbconv::global_pool(desc, how); };
  check_ownership<mbconv::global_pool>(t, make);
  check_options<mbconv::global_pool>(t, make, mbconv_global_pool_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::global_pool object = make(&how);
  check_run(
      t, batch * channels, [&](float *y, const mbconv_threads *threads) { object.run(batch, o.x.data(), y, threads); },
      [&](float *y, const mbconv_threads *threads) {
        return mbconv_global_pool_run(object.get(), batch, o.x.data(), y, threads, nullptr);
      });
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) {
        return mbconv_global_pool_run(object.get(), batch, o.x.data(), nullptr, nullptr, report);
      },
      [&] { object.run(batch, o.x.data(), nullptr); });
  desc.width = 0;
  mbconv_global_pool *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_global_pool_create(&desc, nullptr, &none, report); },
      [&] { make(nullptr); });
}

void check_activation(test *t, const operands &o) {
  test_at(t, "activation");
  const auto make = [&](const mbconv_options *how) { return mbconv::activation(MBCONV_ACTIVATION_HARD_SWISH, how); };
  check_ownership<mbconv::activation>(t, make);
  check_options<mbconv::activation>(t, make, mbconv_activation_info);
  mbconv::options how;
  how.isa = t->isa;
  for (int kind = MBCONV_ACTIVATION_NONE; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) {
    const mbconv::activation object(static_cast<mbconv_activation_kind>(kind), &how);
    floats got(o.x.size(), test_poison()), want(got);
    object.run(o.x.size(), o.x.data(), got.data());
    mbconv_activation_run(object.get(), o.x.size(), o.x.data(), want.data(), nullptr);
    test_check_equal(t, got.data(), want.data(), got.size(), "against mbconv.h");
    got = o.x;
    object.run(got.size(), got.data(), got.data());
    test_check_equal(t, got.data(), want.data(), got.size(), "in place");
  }
  const mbconv::activation object = make(&how);
  floats y(4);
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_activation_run(object.get(), 3, y.data(), y.data() + 1, report); },
      [&] { object.run(3, y.data(), y.data() + 1); });
  mbconv::activation_desc none_such;
  none_such.kind = static_cast<mbconv_activation_kind>(MBCONV_ACTIVATION_PRELU + 1);
  mbconv_activation *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_activation_create(&none_such, nullptr, &none, report); },
      [&] { mbconv::activation made(none_such); });
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_activation_create(&none_such, nullptr, &none, report); },
      [&] { mbconv::activation made(none_such.kind); });
}

void check_block(test *t, const operands &o) {
  test_at(t, "block");
  mbconv::block_desc desc;
  mbconv::squeeze_excite squeeze_excite;
  mbconv::conv project = o.conv;
  desc.height = height;
  desc.width = width;
  desc.in_channels = desc.out_channels = channels;
  desc.expanded_channels = expanded;
  desc.expand = desc.depthwise = &o.conv;
  desc.project = &project;
  squeeze_excite.width = 5;
  squeeze_excite.reduce = squeeze_excite.expand = &o.conv;
  squeeze_excite.gate = MBCONV_ACTIVATION_SIGMOID;
  desc.squeeze_excite = &squeeze_excite;
  desc.kernel = 3;
  desc.stride = 2;
  desc.pad = {0, 1, 2, 1};
  desc.activation = MBCONV_ACTIVATION_SILU;
  const auto make = [&](const mbconv_options *how) { return mbconv::block(desc, how); };
  check_ownership<mbconv::block>(t, make);
  check_options<mbconv::block>(t, make, mbconv_block_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::block object = make(&how);
  check_sizes(t, object, mbconv_block_scratch_size, mbconv_block_output_size);
  const mbconv::scratch scratch(object.scratch_size(7));
  const auto [rows, columns] = object.output_size();
  check_run(
      t, batch * rows * columns * channels,
      [&](float *y, const mbconv_threads *threads) { object.run(batch, o.x.data(), y, scratch, threads); },
      [&](float *y, const mbconv_threads *threads) {
        return mbconv_block_run(object.get(), batch, o.x.data(), y, scratch.data(), scratch.size(), threads, nullptr);
      });
  for (const std::size_t threads : {1, 2, 7}) {
    std::array<char, 512> text;
    mbconv_block_describe(object.get(), threads, text.data(), text.size());
    test_check(t, object.describe(threads) == text.data(), "describe(%zu): \"%s\", not \"%s\"", threads,
               object.describe(threads).c_str(), text.data());
  }
  test_check(t, object.describe() == object.describe(1), "describe() is not that of one thread");
  floats y(batch * rows * columns * channels);
  const mbconv::scratch small(object.scratch_size() - 1);
  check_throws(
      t, MBCONV_SCRATCH_TOO_SMALL,
      [&](mbconv_error *report) {
        return mbconv_block_run(object.get(), batch, o.x.data(), y.data(), small.data(), small.size(), nullptr, report);
      },
      [&] { object.run(batch, o.x.data(), y.data(), small); });
  desc.project = nullptr;
  mbconv_block *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_block_create(&desc, nullptr, &none, report); }, [&] { make(nullptr); });
}

void check_stages(test *t, const operands &o) {
  test_at(t, "a list of stages");
  constexpr std::size_t residual_channels = 7;
  std::vector<mbconv::stage_desc> stages(3);
  stages[0].kind = MBCONV_STAGE_DENSE;
  stages[0].out_channels = expanded;
  stages[0].conv = &o.conv;
  stages[0].kernel = 3;
  stages[0].stride = 2;
  stages[0].pad = {0, 1, 2, 1};
  stages[0].activation = MBCONV_ACTIVATION_GELU;
  stages[1].kind = MBCONV_STAGE_DEPTHWISE;
  stages[1].conv = &o.conv;
  stages[1].kernel = 3;
  stages[1].stride = 1;
  stages[1].pad = mbconv::pad(1);
  stages[2].kind = MBCONV_STAGE_POINTWISE;
  stages[2].out_channels = channels;
  stages[2].conv = &o.conv;
  mbconv::stages_desc desc;
  desc.height = height;
  desc.width = width;
  desc.in_channels = channels;
  desc.count = stages.size();
  desc.stages = stages.data();
  desc.residual = MBCONV_RESIDUAL_GIVEN;
  desc.residual_channels = residual_channels;
  const auto make = [&](const mbconv_options *how) { return mbconv::block(desc, how); };
  check_ownership<mbconv::block>(t, make);
  check_options<mbconv::block>(t, make, mbconv_block_info);
  mbconv::options how;
  how.isa = t->isa;
  const mbconv::block object = make(&how);
  check_sizes(t, object, mbconv_block_scratch_size, mbconv_block_output_size);
  const mbconv::scratch scratch(object.scratch_size(7));
  const auto [rows, columns] = object.output_size();
  const std::size_t y_size = batch * rows * columns * channels;
  const float *const x = o.x.data(), *const residual = o.residual.data();
  check_run(
      t, y_size,
      [&](float *y, const mbconv_threads *threads) { object.run_residual(batch, x, residual, y, scratch, threads); },
      [&](float *y, const mbconv_threads *threads) {
        return mbconv_block_run_residual(object.get(), batch, x, residual, y, scratch.data(), scratch.size(), threads,
                                         nullptr);
      });
  constexpr mbconv::size image = {5, 6};
  const mbconv::scratch scratch_at(object.scratch_size(image, 7));
  const mbconv::size out = object.output_size(image);
  check_run(
      t, batch * out.height * out.width * channels,
      [&](float *y, const mbconv_threads *threads) {
        object.run_residual(batch, image, x, residual, y, scratch_at, threads);
      },
      [&](float *y, const mbconv_threads *threads) {
        return mbconv_block_run_residual_at(object.get(), batch, image.height, image.width, x, residual, y,
                                            scratch_at.data(), scratch_at.size(), threads, nullptr);
      });
  floats y(y_size);
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) {
        return mbconv_block_run_residual(object.get(), batch, x, y.data(), y.data(), scratch.data(), scratch.size(),
                                         nullptr, report);
      },
      [&] { object.run_residual(batch, x, y.data(), y.data(), scratch); });
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) {
        return mbconv_block_run_residual_at(object.get(), batch, 0, 6, x, residual, y.data(), scratch.data(),
                                            scratch.size(), nullptr, report);
      },
      [&] {
        object.run_residual(batch, {0, 6}, x, residual, y.data(), scratch);
      });
  stages[1].kernel = 4;
  mbconv_block *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_block_create_stages(&desc, nullptr, &none, report); },
      [&] { make(nullptr); });
}

}  // namespace wrapped
