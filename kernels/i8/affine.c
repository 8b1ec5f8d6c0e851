/* SPDX-License-Identifier: MIT
 *
 * All of this is exact: products of a float and a whole number of 24 bits fit into a double, and so do their distances
 * from the nearest half.
 */
#include "affine.h"

#include "requantize.h"

enum { LEAST = 1 << 23, MOST = (1 << 24) - 1, ONE_AND_A_HALF = 3 << 22, BITS_OF_LEAST = 0x4b000000 };

/* So many constants are tried. Some 200 are needed. */
enum { TRIES = 16384 };

/* The sums of a channel lie in [least, most]. */
struct range {
  int64_t least, most;
};

static struct range range_of(const struct mbconv_i8_channel *channel, size_t weights) {
  struct range range = {channel->bias, channel->bias};
  for (size_t i = 0; i < weights; i++) *(channel->weight[i] < 0 ? &range.least : &range.most) += 255 * channel->weight[i];
  return range;
}

static double power_of_two(int32_t exponent) {
  double power = 1;
  for (; exponent > 0; exponent--) power *= 2;
  for (; exponent < 0; exponent++) power /= 2;
  return power;
}

/* The byte of a sum without the flip. */
static int32_t byte_of(const struct mbconv_i8_channel *channel, int64_t sum) {
  return mbconv_requantize(channel->ending, (int32_t)sum, channel->scale, channel->shift) ^ channel->ending->flip;
}

/* The least sum in (range.least, range.most] with byte n or more; range.most + 1 if there is none, and range.least if
 * all have. It is near `guess`, or the function is not what it is thought to be, and the answer is range.least - 1. */
static int64_t first_with(const struct mbconv_i8_channel *channel, struct range range, int32_t n, double guess) {
  if (guess < (double)range.least - 2) guess = (double)range.least - 2;
  if (guess > (double)range.most + 2) guess = (double)range.most + 2;
  int64_t sum = (int64_t)guess;
  if (sum < range.least) sum = range.least;
  if (sum > range.most + 1) sum = range.most + 1;
  int steps = 8;
  while (sum > range.least && byte_of(channel, sum - 1) >= n && steps > 0) sum--, steps--;
  while (sum <= range.most && byte_of(channel, sum) < n && steps > 0) sum++, steps--;
  return steps > 0 ? sum : range.least - 1;
}

/* What is added to sum * factor must lie in [low, high], or between where open. */
struct window {
  double low, high;
  bool low_open, high_open;
};

static void raise_low(struct window *window, double low, bool open) {
  if (low < window->low || (low == window->low && !open)) return;
  window->low = low;
  window->low_open = open;
}

static void lower_high(struct window *window, double high, bool open) {
  if (high > window->high || (high == window->high && !open)) return;
  window->high = high;
  window->high_open = open;
}

static bool contains(const struct window *window, double v) {
  return (window->low_open ? v > window->low : v >= window->low) &&
         (window->high_open ? v < window->high : v <= window->high);
}

/* The window in which all steps are where they belong. `zero` is counted from the least byte, and so are the bytes. A
 * tie goes to the even one. */
static bool find_window(const struct mbconv_i8_channel *channel, struct range range, double exact, double factor,
                        struct window *window) {
  const struct mbconv_i8_ending *ending = channel->ending;
  for (int32_t n = ending->lo + 1; n <= ending->hi; n++) {
    const double half = n - ending->zero - 0.5;
    const int64_t first = first_with(channel, range, n, half / exact);
    if (first < range.least) return false;
    const bool up = (n - ending->lo) % 2 == 0;
    if (first <= range.most) raise_low(window, half - (double)first * factor, !up);
    if (first > range.least) lower_high(window, half - (double)(first - 1) * factor, up);
  }
  return window->low <= window->high;
}

/* Looks for a constant such that constant * factor is a whole number and something in the window. */
static bool find_constant(struct range range, double factor, const struct window *window, int64_t *constant,
                          int64_t *whole) {
  const int64_t least = LEAST - range.least, most = MOST - range.most;
  const double middle = (window->low + window->high) / 2;
  const int64_t first = (int64_t)((double)least * factor) + 1, last = (int64_t)((double)most * factor);
  for (*whole = first; *whole <= last && *whole < first + TRIES; ++*whole) {
    *constant = (int64_t)(((double)*whole + middle) / factor + 0.5);
    if (*constant < least || *constant > most) continue;
    if (contains(window, (double)*constant * factor - (double)*whole)) return true;
  }
  return false;
}

struct mbconv_i8_affine mbconv_i8_affine_of(const struct mbconv_i8_channel *channel, size_t weights) {
  const struct mbconv_i8_affine none = {channel->bias, 0, NAN};
  const struct mbconv_i8_ending *ending = channel->ending;
  const struct range range = range_of(channel, weights);
  double exact = channel->scale.scale;
  if (ending->rounding != MBCONV_I8_FP32)
    exact = (double)channel->scale.multiplier * power_of_two(channel->shift - 31);
  const float factor = (float)exact;
  const double reach = 32000 / (exact + 1e-9);
  if (range.most - range.least > MOST - LEAST - 1024 || !(exact > 1e-7 && exact < 0.5)) return none;
  if ((double)range.least < -reach || (double)range.most > reach) return none;
  struct window window = {-1, 1, true, true};
  int64_t constant, whole;
  if (!find_window(channel, range, exact, (double)factor, &window) ||
      !find_constant(range, (double)factor, &window, &constant, &whole))
    return none;
  return (struct mbconv_i8_affine){.start = (int32_t)(channel->bias + constant - LEAST + BITS_OF_LEAST),
                                   .factor = factor,
                                   .addend = (float)(ONE_AND_A_HALF + ending->zero - ending->lo - whole)};
}
