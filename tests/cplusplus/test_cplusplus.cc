/* SPDX-License-Identifier: MIT
 *
 * mbconv.hpp: each function is one call of mbconv.h. So every method is called beside that function, with arguments of
 * which no two are alike (an image that is not square, a batch, threads, a residual), and must give the same; what a
 * failed call throws must be the status and the message of the C function.
 */
#include <algorithm>
#include <array>
#include <cstring>

#include "wrapped.h"

extern "C" void test_cplusplus(struct test *t);

void check_i8(test *t);

using namespace wrapped;

namespace {

/* ---- Descriptions ------------------------------------------------------------------------------------------------ */

/* All fields are zero but for struct_size, the first one. The compiler may leave padding behind `ends`, the ends of odd
 * ints and floats. */
template <typename Wrapped, typename Struct>
void check_sized(test *t, const char *name, std::initializer_list<std::size_t> ends = {}) {
  static_assert(std::is_base_of_v<Struct, Wrapped> && sizeof(Wrapped) == sizeof(Struct), "passes for the C struct");
  test_at(t, "%s", name);
  alignas(Wrapped) std::array<unsigned char, sizeof(Wrapped)> got, want;
  got.fill(0xa5);
  want.fill(0);
  new (got.data()) Wrapped;
  const std::size_t struct_size = sizeof(Struct);
  std::memcpy(want.data(), &struct_size, sizeof struct_size);
  for (const std::size_t end : ends) {
    const std::size_t next = (end + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    std::copy(want.begin() + end, want.begin() + next, got.begin() + end);
  }
  test_check(t, got == want, "not zero, or of another size");
}

void check_descriptions(test *t) {
  constexpr std::size_t word = sizeof(float);
  constexpr std::size_t type = offsetof(mbconv_block_desc, type) + word; /* the same place in all of them */
  check_sized<mbconv::batch_norm, mbconv_batch_norm>(t, "batch_norm", {offsetof(mbconv_batch_norm, epsilon) + word});
  check_sized<mbconv::conv, mbconv_conv>(t, "conv");
  check_sized<mbconv::squeeze_excite, mbconv_squeeze_excite>(t, "squeeze_excite");
  check_sized<mbconv::options, mbconv_options>(t, "options");
  check_sized<mbconv::pointwise_desc, mbconv_pointwise_desc>(
      t, "pointwise_desc", {type, offsetof(mbconv_pointwise_desc, activation) + word});
  check_sized<mbconv::depthwise_desc, mbconv_depthwise_desc>(
      t, "depthwise_desc", {type, offsetof(mbconv_depthwise_desc, activation) + word});
  check_sized<mbconv::convolution_desc, mbconv_convolution_desc>(t, "convolution_desc", {type});
  check_sized<mbconv::global_pool_desc, mbconv_global_pool_desc>(t, "global_pool_desc", {type});
  check_sized<mbconv::activation_desc, mbconv_activation_desc>(t, "activation_desc");
  check_sized<mbconv::block_desc, mbconv_block_desc>(t, "block_desc",
                                                     {type, offsetof(mbconv_block_desc, layout) + word});
  check_sized<mbconv::stage_desc, mbconv_stage_desc>(
      t, "stage_desc",
      {offsetof(mbconv_stage_desc, kind) + word, offsetof(mbconv_stage_desc, activation) + word,
       offsetof(mbconv_stage_desc, pad_kind) + word});
  check_sized<mbconv::i8_desc, mbconv_i8_desc>(t, "i8_desc");
  check_sized<mbconv::i8_stage_desc, mbconv_i8_stage_desc>(
      t, "i8_stage_desc",
      {offsetof(mbconv_i8_stage_desc, kind) + word, offsetof(mbconv_i8_stage_desc, clamp_hi) + word,
       offsetof(mbconv_i8_stage_desc, pad_kind) + word});
  check_sized<mbconv::i8_addition_desc, mbconv_i8_addition_desc>(t, "i8_addition_desc",
                                                                 {offsetof(mbconv_i8_addition_desc, clamp_hi) + word});
  check_sized<mbconv::stages_desc, mbconv_stages_desc>(t, "stages_desc",
                                                       {type, offsetof(mbconv_stages_desc, layout) + word});
  test_at(t, "pad");
  for (std::size_t p = 0; p < 7; p++) {
    const mbconv_pad pad = mbconv::pad(p);
    test_check(t, pad.top == p && pad.left == p && pad.bottom == p && pad.right == p, "not %zu on all sides", p);
  }
}

void check_usable_isas(test *t) {
  test_at(t, "usable_isas");
  const std::vector<mbconv_isa> got = mbconv::usable_isas();
  std::vector<mbconv_isa> want(16);
  want.resize(mbconv_usable_isas(want.data(), want.size()));
  test_check(t, got == want, "%zu sets, not the %zu of mbconv_usable_isas(), best first", got.size(), want.size());
}

void check_check(test *t) {
  test_at(t, "check");
  mbconv_error report = {MBCONV_OK, "old news"};
  bool thrown = false;
  try {
    mbconv::check(MBCONV_OK, report);
  } catch (...) {
    thrown = true;
  }
  test_check(t, !thrown, "throws in spite of MBCONV_OK");
  report = {MBCONV_BAD_FILE, "some file"};
  for (int status = MBCONV_INVALID_ARGUMENT; status <= MBCONV_BAD_FILE; status++) {
    const auto known = static_cast<mbconv_status>(status);
    check_throws(
        t, known,
        [&](mbconv_error *out) {
          *out = report;
          return known;
        },
        [&] { mbconv::check(known, report); });
  }
}

void check_scratch(test *t) {
  test_at(t, "scratch");
  for (const std::size_t size : {0, 1, 100, 4097}) {
    mbconv::scratch scratch(size);
    test_check(t, scratch.size() == size, "%zu bytes, not %zu", scratch.size(), size);
    test_check(t, reinterpret_cast<std::uintptr_t>(scratch.data()) % alignof(std::max_align_t) == 0, "misaligned");
    if (size > 0) std::memset(scratch.data(), 0xff, size); /* the sanitizers see whether they are there */
    void *data = scratch.data();
    const mbconv::scratch moved = std::move(scratch);
    test_check(t, moved.data() == data && moved.size() == size, "lost by a move");
  }
}

}  // namespace

void test_cplusplus(test *t) try {
  std::uint64_t state = t->seed;
  const operands o(&state);
  check_descriptions(t);
  check_usable_isas(t);
  check_check(t);
  check_scratch(t);
  check_pointwise(t, o);
  check_depthwise(t, o);
  check_convolution(t, o);
  check_global_pool(t, o);
  check_activation(t, o);
  check_block(t, o);
  check_stages(t, o);
#ifdef MBCONV_I8_SCALAR
  check_i8(t);
#endif
  check_any_size(t, o);
} catch (const std::exception &error) {
  test_check(t, false, "%s", error.what());
}
