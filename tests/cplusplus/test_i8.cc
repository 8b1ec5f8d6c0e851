/* SPDX-License-Identifier: MIT
 *
 * mbconv.hpp's blocks of int8 beside the calls of mbconv_i8.h.
 */
#include <algorithm>
#include <cstdint>

#include "wrapped.h"

void check_i8(test *t);

namespace {

constexpr float weight_scale = 0.01f;
const mbconv_quantization quantization = {0.05f, -3};

std::vector<std::int8_t> numbers(std::size_t n, int step) {
  std::vector<std::int8_t> made(n);
  for (std::size_t i = 0; i < n; i++) made[i] = static_cast<std::int8_t>(static_cast<int>(i) * step % 251 - 125);
  return made;
}

template <typename Y>
void check_same(test *t, const std::vector<Y> &got, const std::vector<Y> &want) {
  test_check(t, got == want && std::any_of(got.begin(), got.end(), [&](Y v) { return v != got[0]; }),
             "other elements than the C function's, or all alike");
}

/* Every way to run. `given` adds a residual of x's type. */
template <typename X, typename Y>
void check_runs(test *t, const mbconv::i8_block &object, bool given, const std::vector<X> &x, std::size_t outputs) {
  const mbconv::size image = {wrapped::height, wrapped::width};
  const mbconv::scratch scratch(object.scratch_size());
  std::vector<Y> want(outputs), got(outputs), at(outputs);
  if (given) {
    const std::vector<X> residual(x.rbegin(), x.rend());
    mbconv_block_run_residual(object.get(), wrapped::batch, x.data(), residual.data(), want.data(), scratch.data(),
                              scratch.size(), nullptr, nullptr);
    object.run_residual(wrapped::batch, x.data(), residual.data(), got.data(), scratch);
    object.run_residual(wrapped::batch, image, x.data(), residual.data(), at.data(), scratch);
  } else {
    mbconv_block_run(object.get(), wrapped::batch, x.data(), want.data(), scratch.data(), scratch.size(), nullptr,
                     nullptr);
    object.run(wrapped::batch, x.data(), got.data(), scratch);
    object.run(wrapped::batch, image, x.data(), at.data(), scratch);
  }
  check_same(t, got, want);
  check_same(t, at, want);
}

}  // namespace

void check_i8(test *t) {
  constexpr std::size_t channels = wrapped::channels,
                        elements = wrapped::batch * wrapped::height * wrapped::width * channels;
  test_at(t, "i8_block");
  const std::vector<std::int8_t> weights = numbers(channels * channels, 37), bytes = numbers(elements, 91);
  const std::vector<std::uint8_t> table =
      mbconv::i8_table(MBCONV_I8_SILU, MBCONV_S8, MBCONV_I8_FP32, quantization, quantization);
  std::vector<std::uint8_t> expected(256);
  mbconv_i8_make_table(MBCONV_I8_SILU, 0.0f, MBCONV_S8, MBCONV_I8_FP32, &quantization, &quantization, expected.data(),
                       nullptr);
  check_same(t, table, expected);
  std::vector<mbconv_isa> isas(mbconv_usable_isas_i8(nullptr, 0));
  mbconv_usable_isas_i8(isas.data(), isas.size());
  test_check(t, mbconv::usable_isas_i8() == isas, "other sets");
  mbconv::i8_stage_desc stage;
  stage.kind = MBCONV_STAGE_POINTWISE;
  stage.out_channels = channels;
  stage.weight = weights.data();
  stage.weight_scale = &weight_scale;
  stage.weight_scales = 1;
  stage.output = stage.table_output = quantization;
  stage.table = table.data();
  mbconv::i8_desc desc;
  desc.type = MBCONV_S8;
  desc.height = wrapped::height;
  desc.width = wrapped::width;
  desc.in_channels = channels;
  desc.input = quantization;
  desc.count = 1;
  desc.stages = &stage;
  check_runs<std::int8_t, std::int8_t>(t, mbconv::i8_block(desc), false, bytes, elements);
  test_check(t, mbconv::i8_block(desc).info().type == MBCONV_S8, "another type");
  desc.residual = MBCONV_RESIDUAL_GIVEN;
  desc.residual_input = desc.sum = quantization;
  desc.y_door = MBCONV_I8_DOOR_ONNX;
  check_runs<std::int8_t, float>(t, mbconv::i8_block(desc), true, bytes, elements);
  desc.x_door = MBCONV_I8_DOOR_XNNPACK;
  std::vector<float> floats(elements);
  std::transform(bytes.begin(), bytes.end(), floats.begin(), [](std::int8_t v) { return 0.07f * v; });
  check_runs<float, float>(t, mbconv::i8_block(desc), true, floats, elements);
  mbconv::i8_stage_desc layer = stage;
  mbconv::i8_squeeze_excite excite;
  excite.mean = quantization;
  excite.reduce = excite.expand = &layer;
  mbconv_i8_stage_desc list[3] = {stage, mbconv::i8_stage_desc(), stage};
  list[1].kind = MBCONV_STAGE_SQUEEZE_EXCITE;
  list[1].output = quantization;
  list[1].squeeze_excite = &excite;
  desc.stages = list;
  desc.count = 3;
  check_runs<float, float>(t, mbconv::i8_block(desc), true, floats, elements);
  mbconv::i8_global_pool_desc pooled;
  pooled.type = MBCONV_S8;
  pooled.height = wrapped::height;
  pooled.width = wrapped::width;
  pooled.channels = channels;
  pooled.input = pooled.output = quantization;
  const mbconv::i8_global_pool pool(pooled);
  std::vector<std::int8_t> want(wrapped::batch * channels), got(want.size()), at(want.size());
  mbconv_global_pool_run(pool.get(), wrapped::batch, bytes.data(), want.data(), nullptr, nullptr);
  pool.run(wrapped::batch, bytes.data(), got.data());
  pool.run(wrapped::batch, mbconv::size{wrapped::height, wrapped::width}, bytes.data(), at.data());
  check_same(t, got, want);
  check_same(t, at, want);
  mbconv::i8_activation_desc mapped;
  mapped.type = MBCONV_S8;
  mapped.table = table.data();
  const mbconv::i8_activation activation(mapped);
  want.resize(elements), got.resize(elements);
  mbconv_activation_run(activation.get(), elements, bytes.data(), want.data(), nullptr);
  activation.run(elements, bytes.data(), got.data());
  check_same(t, got, want);
  mbconv::i8_addition_desc added;
  added.type = MBCONV_S8;
  added.a = added.output = quantization;
  added.b = {quantization.scale / 2, quantization.zero_point};
  const mbconv::i8_addition add(added);
  mbconv_addition_run(add.get(), elements, bytes.data(), got.data(), want.data(), nullptr);
  std::vector<std::int8_t> sums(elements);
  add.run(elements, bytes.data(), got.data(), sums.data());
  check_same(t, sums, want);
  desc.input.scale = 0.0f;
  mbconv_block *none;
  wrapped::check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_block_create_i8(&desc, nullptr, &none, report); },
      [&] { mbconv::i8_block made(desc); });
}
