/* SPDX-License-Identifier: MIT
 *
 * mbconv.hpp: each function is one call of mbconv.h. So every method is called beside that function, with arguments of
 * which no two are alike (an image that is not square, a batch, threads, a residual), and must give the same; what a
 * failed call throws must be the status and the message of the C function.
 */
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mbconv.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define restrict __restrict /* of C, in kernels.h */
extern "C" {
#include "block_case.h"
#include "test.h"
void test_cplusplus(struct test *t);
}
#undef restrict

namespace {

constexpr std::size_t batch = 3, height = 9, width = 14, channels = 20, expanded = 50;

using floats = std::vector<float>;

/* ---- Descriptions ------------------------------------------------------------------------------------------------ */

/* All fields are zero but for struct_size, the first one, if there is one. The compiler may leave padding behind
 * `last`, the end of an odd int or float. */
template <typename Wrapped, typename Struct>
void check_zeroed(test *t, const char *name, std::size_t struct_size, std::size_t last = sizeof(Struct)) {
  static_assert(std::is_base_of_v<Struct, Wrapped> && sizeof(Wrapped) == sizeof(Struct), "passes for the C struct");
  test_at(t, "%s", name);
  alignas(Wrapped) std::array<unsigned char, sizeof(Wrapped)> got, want;
  got.fill(0xa5);
  want.fill(0);
  new (got.data()) Wrapped;
  if (struct_size > 0) std::memcpy(want.data(), &struct_size, sizeof struct_size);
  const std::size_t next = (last + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
  const bool equal = std::equal(got.begin(), got.begin() + last, want.begin()) &&
                     std::equal(got.begin() + next, got.end(), want.begin() + next);
  test_check(t, equal, "not zero, or of another size");
}

template <typename Wrapped, typename Struct>
void check_sized(test *t, const char *name, std::size_t last = sizeof(Struct)) {
  check_zeroed<Wrapped, Struct>(t, name, sizeof(Struct), last);
}

void check_descriptions(test *t) {
  constexpr std::size_t word = sizeof(float);
  check_zeroed<mbconv::batch_norm, mbconv_batch_norm>(t, "batch_norm", 0, offsetof(mbconv_batch_norm, epsilon) + word);
  check_zeroed<mbconv::conv, mbconv_conv>(t, "conv", 0);
  check_zeroed<mbconv::squeeze_excite, mbconv_squeeze_excite>(t, "squeeze_excite", 0);
  check_sized<mbconv::options, mbconv_options>(t, "options");
  check_sized<mbconv::pointwise_desc, mbconv_pointwise_desc>(t, "pointwise_desc",
                                                             offsetof(mbconv_pointwise_desc, activation) + word);
  check_sized<mbconv::depthwise_desc, mbconv_depthwise_desc>(t, "depthwise_desc",
                                                             offsetof(mbconv_depthwise_desc, activation) + word);
  check_sized<mbconv::convolution_desc, mbconv_convolution_desc>(t, "convolution_desc");
  check_sized<mbconv::global_pool_desc, mbconv_global_pool_desc>(t, "global_pool_desc");
  check_sized<mbconv::block_desc, mbconv_block_desc>(t, "block_desc", offsetof(mbconv_block_desc, layout) + word);
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

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

/* `wrapped` must throw what `plain`, the call of mbconv.h, reports, and that must be `expected`. */
void check_throws(test *t, mbconv_status expected, const std::function<mbconv_status(mbconv_error *)> &plain,
                  const std::function<void()> &wrapped) {
  mbconv_error report;
  test_check(t, plain(&report) == expected, "the C function's status is another");
  try {
    wrapped();
    test_check(t, false, "nothing thrown");
  } catch (const mbconv::error &error) {
    test_check(t, error.status() == expected, "status %d, not %d", (int)error.status(), (int)expected);
    test_check(t, std::string(error.what()) == report.message, "\"%s\", not \"%s\"", error.what(), report.message);
  }
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

/* ---- Ownership --------------------------------------------------------------------------------------------------- */

struct ledger {
  std::size_t allocated = 0, released = 0;
};

void *allocate(void *context, std::size_t size, std::size_t alignment) {
  static_cast<ledger *>(context)->allocated++;
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void release(void *context, void *memory) {
  static_cast<ledger *>(context)->released++;
  std::free(memory);
}

/* A move hands the C object on, and each is destroyed once. `make` takes options. */
template <typename Object, typename Make>
void check_ownership(test *t, const Make &make) {
  static_assert(std::is_nothrow_move_constructible_v<Object> && std::is_nothrow_move_assignable_v<Object>, "moves");
  static_assert(!std::is_copy_constructible_v<Object> && !std::is_copy_assignable_v<Object>, "no copies");
  ledger book;
  const mbconv_allocator allocator = {allocate, release, &book};
  mbconv::options how;
  how.isa = t->isa;
  how.allocator = &allocator;
  {
    Object first = make(&how), second = make(&how);
    const auto *one = first.get(), *two = second.get();
    test_check(t, one && two && one != two, "get() gives no object, or one for two");
    Object third = std::move(first);
    test_check(t, third.get() == one && !first.get(), "a move does not hand the object on");
    third = std::move(second);
    test_check(t, third.get() == two && book.released == 1, "an assignment keeps or loses an object");
  }
  test_check(t, book.allocated == 2 && book.released == 2, "%zu allocations, %zu releases", book.allocated,
             book.released);
}

bool same_info(const mbconv_info &a, const mbconv_info &b) {
  return a.isa == b.isa && a.silu == b.silu && a.weight_bytes == b.weight_bytes;
}

/* info() is the C function's, of the set and the SiLU that the options name. */
template <typename Object, typename Make, typename Plain>
void check_options(test *t, const Make &make, mbconv_info (*info_of)(const Plain *)) {
  for (const mbconv_silu silu : {MBCONV_SILU_SLEEF, MBCONV_SILU_INLINE}) {
    if (!mbconv_silu_usable(t->isa, silu)) continue;
    mbconv::options how;
    how.isa = t->isa;
    how.silu = silu;
    const Object object = make(&how);
    const mbconv_info info = object.info();
    test_check(t, info.isa == t->isa && info.silu == silu, "the options are lost");
    test_check(t, same_info(info, info_of(object.get())), "info() is not the C function's");
  }
  const Object plain = make(nullptr);
  test_check(t, plain.info().isa == mbconv::usable_isas().front(), "without options not the best set");
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

/* What a parallel-for was asked for. */
struct record {
  std::vector<std::size_t> counts;
};

void recorded(void *context, void (*task)(void *argument, std::size_t index), void *argument, std::size_t count) {
  static_cast<record *>(context)->counts.push_back(count);
  for (std::size_t i = count; i > 0; i--) task(argument, i - 1);
}

floats filled(std::uint64_t *state, std::size_t n) {
  floats x(n);
  test_fill(state, x.data(), n);
  return x;
}

/* `wrapped` and `plain` run the same object into y with the threads given, and must ask for the same tasks and write
 * the same floats. */
void check_run(test *t, std::size_t y_size, const std::function<void(float *y, const mbconv_threads *threads)> &wrapped,
               const std::function<mbconv_status(float *y, const mbconv_threads *threads)> &plain) {
  for (const std::size_t count : {0, 1, 2, 3, 7}) {
    record got_record, want_record;
    const mbconv_threads got_threads = {recorded, &got_record, count}, want_threads = {recorded, &want_record, count};
    floats got(y_size, test_poison()), want(got);
    wrapped(got.data(), count ? &got_threads : nullptr);
    test_check(t, plain(want.data(), count ? &want_threads : nullptr) == MBCONV_OK, "the C function fails");
    test_check_equal(t, got.data(), want.data(), y_size, "against mbconv.h");
    test_check(t, !test_is_poison(got.back()), "the last output was not written");
    test_check(t, got_record.counts == want_record.counts, "%zu threads are not passed on", count);
    test_check(t, count < 2 || !got_record.counts.empty(), "%zu threads: no parallel-for", count);
  }
}

template <typename Object, typename Plain>
void check_sizes(test *t, const Object &object, std::size_t (*scratch_size)(const Plain *, std::size_t),
                 void (*output_size)(const Plain *, std::size_t *, std::size_t *)) {
  std::size_t rows = 0, columns = 0;
  output_size(object.get(), &rows, &columns);
  test_check(t, rows != columns && object.output_size().height == rows && object.output_size().width == columns,
             "output_size() is not the C function's");
  test_check(t, object.scratch_size() == scratch_size(object.get(), 1), "scratch_size() is not that of one thread");
  for (const std::size_t threads : {0, 1, 2, 3, 7})
    test_check(t, object.scratch_size(threads) == scratch_size(object.get(), threads), "scratch for %zu threads",
               threads);
}

/* ---- The operators ----------------------------------------------------------------------------------------------- */

/* Weights for all of them, and a batch of images. */
struct operands {
  floats weights, bias, x, residual;
  mbconv::conv conv;

  explicit operands(std::uint64_t *state)
      : weights(filled(state, expanded * channels * 9)),
        bias(filled(state, expanded)),
        x(filled(state, batch * height * width * channels)),
        residual(filled(state, batch * height * width * expanded)) {
    conv.weight = weights.data();
    conv.bias = bias.data();
  }
};

void check_pointwise(test *t, const operands &o) {
  test_at(t, "pointwise");
  mbconv::pointwise_desc desc;
  desc.in_channels = channels;
  desc.out_channels = expanded;
  desc.conv = o.conv;
  desc.activation = MBCONV_RELU;
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
  desc.conv = o.conv;
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
  desc.conv = o.conv;
  desc.activation = MBCONV_SILU;
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
  const auto make = [&](const mbconv_options *how) { return mbconv::activation(MBCONV_HARD_SWISH, how); };
  check_ownership<mbconv::activation>(t, make);
  check_options<mbconv::activation>(t, make, mbconv_activation_info);
  mbconv::options how;
  how.isa = t->isa;
  for (int kind = MBCONV_NONE; kind <= MBCONV_HARD_SWISH; kind++) {
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
  const auto none_such = static_cast<mbconv_activation_kind>(7);
  mbconv_activation *none;
  check_throws(
      t, MBCONV_INVALID_ARGUMENT,
      [&](mbconv_error *report) { return mbconv_activation_create(none_such, nullptr, &none, report); },
      [&] { mbconv::activation made(none_such); });
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
  squeeze_excite.reduce = squeeze_excite.expand = o.conv;
  squeeze_excite.gate = MBCONV_SIGMOID;
  desc.squeeze_excite = &squeeze_excite;
  desc.kernel = 3;
  desc.stride = 2;
  desc.pad = {0, 1, 2, 1};
  desc.activation = MBCONV_SILU;
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
} catch (const std::exception &error) {
  test_check(t, false, "%s", error.what());
}
