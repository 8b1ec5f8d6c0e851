/* SPDX-License-Identifier: MIT
 *
 * What the tests of mbconv.hpp share: an object's ownership, options and runs beside the calls of mbconv.h.
 */
#ifndef MBCONV_WRAPPED_H
#define MBCONV_WRAPPED_H

#include <cstddef>
#include <cstdlib>
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
}
#undef restrict

namespace wrapped {

constexpr std::size_t batch = 3, height = 9, width = 14, channels = 20, expanded = 50;

using floats = std::vector<float>;

static_assert(std::is_base_of_v<std::runtime_error, mbconv::error>, "as the header says");

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

/* `wrapped` must throw what `plain`, the call of mbconv.h, reports, and that must be `expected`. */
inline void check_throws(test *t, mbconv_status expected, const std::function<mbconv_status(mbconv_error *)> &plain,
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

/* ---- Ownership --------------------------------------------------------------------------------------------------- */

struct ledger {
  std::size_t allocated = 0, released = 0;
};

inline void *allocate(void *context, std::size_t size, std::size_t alignment) {
  static_cast<ledger *>(context)->allocated++;
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

inline void release(void *context, void *memory) {
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

inline bool same_info(const mbconv_info &a, const mbconv_info &b) {
  return a.isa == b.isa && a.exp == b.exp && a.type == b.type && a.weight_bytes == b.weight_bytes;
}

/* info() is the C function's, of the set and the exponential that the options name. */
template <typename Object, typename Make, typename Plain>
void check_options(test *t, const Make &make, mbconv_status (*info_of)(const Plain *, mbconv_info *, mbconv_error *)) {
  for (const mbconv_exp variant : {MBCONV_EXP_SLEEF, MBCONV_EXP_INLINE}) {
    if (!mbconv_exp_usable(t->isa, variant)) continue;
    mbconv::options how;
    how.isa = t->isa;
    how.exp = variant;
    const Object object = make(&how);
    const mbconv_info info = object.info();
    test_check(t, info.isa == t->isa && info.exp == variant, "the options are lost");
    mbconv_info plain_info = {};
    test_check(t, info_of(object.get(), &plain_info, nullptr) == MBCONV_OK && same_info(info, plain_info),
               "info() is not the C function's");
  }
  const Object plain = make(nullptr);
  test_check(t, plain.info().isa == mbconv::usable_isas().front(), "without options not the best set");
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

/* What a parallel-for was asked for. */
struct record {
  std::vector<std::size_t> counts;
};

inline void recorded(void *context, void (*task)(void *argument, std::size_t index), void *argument,
                     std::size_t count) {
  static_cast<record *>(context)->counts.push_back(count);
  for (std::size_t i = count; i > 0; i--) task(argument, i - 1);
}

inline floats filled(std::uint64_t *state, std::size_t n) {
  floats x(n);
  test_fill(state, x.data(), n);
  return x;
}

/* `wrapped` and `plain` run the same object into y with the threads given, and must ask for the same tasks and write
 * the same floats. */
inline void check_run(test *t, std::size_t y_size,
                      const std::function<void(float *y, const mbconv_threads *threads)> &wrapped,
                      const std::function<mbconv_status(float *y, const mbconv_threads *threads)> &plain) {
  for (const std::size_t count : {0, 1, 2, 3, 7}) {
    record got_record, want_record;
    mbconv_threads got_threads = {}, want_threads = {};
    got_threads.parallel_for = want_threads.parallel_for = recorded;
    got_threads.context = &got_record;
    want_threads.context = &want_record;
    got_threads.count = want_threads.count = count;
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

/* test_operators.cc */
void check_pointwise(test *t, const operands &o);
void check_depthwise(test *t, const operands &o);
void check_convolution(test *t, const operands &o);
void check_global_pool(test *t, const operands &o);
void check_activation(test *t, const operands &o);
void check_block(test *t, const operands &o);
void check_stages(test *t, const operands &o);

/* test_sizes.cc */
void check_any_size(test *t, const operands &o);

}  // namespace wrapped

#endif
