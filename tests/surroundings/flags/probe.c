/* SPDX-License-Identifier: MIT
 *
 * What careless flags would change, on every instruction set, as bits: special values of the activations, the order of
 * a sum, a fused multiply-add that rounds once; and denormals, if the process has them. Compares nothing itself: with
 * -ffast-math it would not do so rightly.
 */
#include <mbconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(mbconv_status status, const mbconv_error *error) {
  if (status == MBCONV_OK) return;
  fprintf(stderr, "probe: %s\n", error->message);
  exit(2);
}

static void show(const char *what, mbconv_isa isa, size_t count, const float *y) {
  printf("%s: %s", mbconv_isa_name(isa), what);
  for (size_t i = 0; i < count; i++) {
    unsigned bits;
    memcpy(&bits, &y[i], sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
      printf(" NaN");
    else
      printf(" %08x", bits);
  }
  printf("\n");
}

static void activations(const mbconv_options *options) {
  /* 1, -1, -0, NaN, +inf, -inf, 6.5, -3, 100, -100, 0.1 */
  static const unsigned bits[] = {0x3f800000, 0xbf800000, 0x80000000, 0x7fc00000, 0x7f800000, 0xff800000,
                                  0x40d00000, 0xc0400000, 0x42c80000, 0xc2c80000, 0x3dcccccd};
  enum { COUNT = sizeof bits / sizeof *bits };
  float x[COUNT], y[COUNT];
  memcpy(x, bits, sizeof x);
  for (int kind = MBCONV_ACTIVATION_RELU; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) {
    mbconv_error error;
    mbconv_activation *object;
    const mbconv_activation_desc desc = {.kind = (mbconv_activation_kind)kind};
    require(mbconv_activation_create(&desc, options, &object, &error), &error);
    require(mbconv_activation_run(object, COUNT, x, y, &error), &error);
    mbconv_activation_destroy(object);
    char name[16];
    snprintf(name, sizeof name, "activation %d", kind);
    show(name, options->isa, COUNT, y);
  }
}

static void chain(const char *what, const mbconv_options *options, size_t count, const float *weight, const float *x) {
  mbconv_error error;
  mbconv_pointwise *object;
  const mbconv_pointwise_desc desc = {
      .in_channels = count, .out_channels = 1, .conv = &(mbconv_conv){.weight = weight}};
  float y;
  require(mbconv_pointwise_create(&desc, options, &object, &error), &error);
  require(mbconv_pointwise_run(object, 1, x, 0, &y, 0, NULL, 0, NULL, &error), &error);
  mbconv_pointwise_destroy(object);
  show(what, options->isa, 1, &y);
}

int main(void) {
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t count = mbconv_usable_isas(isas, MBCONV_ISA_COUNT);
  for (size_t i = 0; i < count; i++) {
    const mbconv_options options = {.isa = isas[i], .exp = MBCONV_EXP_INLINE};
    activations(&options);
    chain("order", &options, 5, (const float[]){1e20f, 1, -1e20f, 1, 0.1f}, (const float[]){1, 1, 1, 1, 1});
    chain("fused", &options, 2, (const float[]){-1, 0x1.000002p0f}, (const float[]){1, 0x1.fffffcp-1f});
    chain("denormal", &options, 1, (const float[]){0x1p-100f}, (const float[]){0x1.8p-30f});
  }
  return 0;
}
