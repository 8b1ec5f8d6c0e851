/* SPDX-License-Identifier: MIT
 *
 * The references: see oracle.h.
 */
#include "oracle.h"

#include <float.h>
#include <math.h>

#include "oracle_arithmetic.h"

static const double unit_roundoff = 0x1p-24;

struct oracle_chain oracle_start(float start) {
  return (struct oracle_chain){.exact = start, .magnitude = fabs(start), .chain = start};
}

void oracle_term(struct oracle_chain *c, float w, float x) {
  const double product = (double)w * x; /* exact: 48 bits */
  c->exact += product;
  c->magnitude += fabs(product);
  c->chain = oracle_fma(w, x, c->chain);
  c->terms++;
}

void oracle_add(struct oracle_chain *c, float residual) {
  c->exact += residual;
  c->magnitude += fabs(residual);
  c->chain += residual;
}

struct oracle oracle_end(const struct oracle_chain *c, float lo, float hi) {
  const double steps = (double)c->terms + 2;
  struct oracle o = {.exact = c->exact, .chain = c->chain};
  /* The second part is for results that are denormal, whose rounding errors are not relative. */
  o.bound = steps * unit_roundoff * c->magnitude + steps * FLT_TRUE_MIN;
  /* Comparisons that are false for NaN let it pass. */
  if (o.exact < lo) o.exact = lo;
  if (o.exact > hi) o.exact = hi;
  if (o.chain < lo) o.chain = lo;
  if (o.chain > hi) o.chain = hi;
  return o;
}

struct oracle oracle_dot(float start, size_t k, const float *w, const float *x, const float *residual, float lo,
                         float hi) {
  struct oracle_chain c = oracle_start(start);
  for (size_t i = 0; i < k; i++) oracle_term(&c, w[i], x[i]);
  if (residual) oracle_add(&c, *residual);
  return oracle_end(&c, lo, hi);
}

struct oracle oracle_depthwise(const struct oracle_image *image, const float *weights, float start, size_t row,
                               size_t column, size_t channel) {
  const size_t k = image->kernel, dilation = image->dilation == 0 ? 1 : image->dilation;
  struct oracle_chain c = oracle_start(start);
  for (size_t i = 0; i < k; i++) {
    for (size_t j = 0; j < k; j++) {
      /* Unsigned: what lies above or left of the image wraps to huge and fails the comparison as well. */
      const size_t r = row * image->stride + i * dilation - image->pad.top;
      const size_t q = column * image->stride + j * dilation - image->pad.left;
      const bool inside = r < image->height && q < image->width;
      const float x = inside ? image->x[(r * image->width + q) * image->channels + channel] : 0.0f;
      oracle_term(&c, weights[(channel * k + i) * k + j], x);
    }
  }
  return oracle_end(&c, -INFINITY, INFINITY);
}

/* min(max(x, 0), 6) that keeps NaN. */
static double relu6(double x) {
  if (x < 0) return 0;
  return x > 6 ? 6 : x;
}

double oracle_gelu_exponent(double x) { return 2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x); }

double oracle_activation(mbconv_activation_kind kind, double x) {
  const double c = x < -88 ? -88 : x;
  switch (kind) {
    case MBCONV_ACTIVATION_NONE: return x;
    case MBCONV_ACTIVATION_RELU: return x < 0 ? 0 : x;
    case MBCONV_ACTIVATION_RELU6: return relu6(x);
    case MBCONV_ACTIVATION_SILU: return c / (1 + exp(-c));
    case MBCONV_ACTIVATION_SIGMOID: return 1 / (1 + exp(-c));
    case MBCONV_ACTIVATION_HARD_SIGMOID: return relu6(x + 3) / 6;
    case MBCONV_ACTIVATION_HARD_SWISH: return x * relu6(x + 3) / 6;
    /* Not erf, which would cancel; far below 0 the limit. */
    case MBCONV_ACTIVATION_GELU: return x < -40 ? -0.0 : x * erfc(-x * sqrt(0.5)) / 2;
    case MBCONV_ACTIVATION_GELU_TANH: return x < -40 ? -0.0 : x / (1 + exp(-oracle_gelu_exponent(x)));
    case MBCONV_ACTIVATION_LEAKY_RELU:
    case MBCONV_ACTIVATION_PRELU: return NAN; /* has slopes */
  }
  return NAN;
}

bool oracle_allows(const struct oracle *o, mbconv_activation_kind kind, float y) {
  const double want = oracle_activation(kind, o->exact);
  if (isnan(want) || isnan(y)) return isnan(want) && isnan(y);
  if (isinf(want)) return y == want;
  /* No activation is steeper than hard-swish at 3, 1.5, nor adds more than 4 roundings of its result. */
  const double slope =
      kind == MBCONV_ACTIVATION_NONE || kind == MBCONV_ACTIVATION_RELU || kind == MBCONV_ACTIVATION_RELU6 ? 1 : 1.5;
  double rounding = slope == 1 ? 0 : 8 * unit_roundoff * fabs(want) + FLT_TRUE_MIN;
  /* The exponent's own roundings become relative errors, and where e^-2u is infinite the result is 0. */
  if (kind == MBCONV_ACTIVATION_GELU_TANH)
    rounding += 6 * unit_roundoff * fabs(oracle_gelu_exponent(o->exact) * want) + 0x1p-124;
  return fabs(y - want) <= slope * o->bound + rounding;
}

double oracle_ulp(float y, double exact) {
  int exponent;
  frexp(exact, &exponent); /* |exact| in [2^(exponent-1), 2^exponent) */
  const int smallest = FLT_MIN_EXP;
  return fabs(y - exact) / ldexp(1, (exponent < smallest ? smallest : exponent) - FLT_MANT_DIG);
}
