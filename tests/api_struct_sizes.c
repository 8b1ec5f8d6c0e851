/* SPDX-License-Identifier: MIT
 *
 * struct_size: what programs of other versions may hand to this library.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

enum { APPENDED = 16 }; /* bytes that a later version has more */

/* A description or options as a later version may have them. */
union grown {
  size_t struct_size;
  mbconv_pointwise_desc pointwise;
  mbconv_depthwise_desc depthwise;
  mbconv_block_desc block;
  mbconv_convolution_desc convolution;
  mbconv_global_pool_desc pool;
  mbconv_options options;
  unsigned char bytes[512];
};

static mbconv_status create(enum api_kind kind, const union grown *desc, const mbconv_options *options, void **out,
                            mbconv_error *error) {
  switch (kind) {
    case POINTWISE: return mbconv_pointwise_create(&desc->pointwise, options, (mbconv_pointwise **)out, error);
    case DEPTHWISE: return mbconv_depthwise_create(&desc->depthwise, options, (mbconv_depthwise **)out, error);
    case BLOCK: return mbconv_block_create(&desc->block, options, (mbconv_block **)out, error);
    case CONVOLUTION: return mbconv_convolution_create(&desc->convolution, options, (mbconv_convolution **)out, error);
    case GLOBAL_POOL: return mbconv_global_pool_create(&desc->pool, options, (mbconv_global_pool **)out, error);
    case ACTIVATION:
    case KINDS: break;
  }
  return MBCONV_INVALID_ARGUMENT;
}

/* `varied` is `desc` or `options`; all sizes are tried on it. */
static void try_sizes(struct test *t, enum api_kind kind, union grown *varied, size_t known, const union grown *desc,
                      const mbconv_options *options) {
  const struct {
    size_t size;
    int appended; /* the byte that the caller's own fields are full of */
    mbconv_status expected;
  } cases[] = {
      {0, 1, MBCONV_OK}, /* what lies beyond is not looked at */
      {known, 1, MBCONV_OK},
      {known + APPENDED, 0, MBCONV_OK},
      {known + APPENDED, 1, MBCONV_INVALID_ARGUMENT},
      {known - sizeof(size_t), 0, MBCONV_INVALID_ARGUMENT},
      {1, 0, MBCONV_INVALID_ARGUMENT},
      {SIZE_MAX, 0, MBCONV_INVALID_ARGUMENT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char what[64];
    snprintf(what, sizeof what, "struct_size %zu of %zu, then bytes of %d", cases[i].size, known, cases[i].appended);
    varied->struct_size = cases[i].size;
    memset(varied->bytes + known, cases[i].appended, APPENDED);
    mbconv_error error = api_stale_error();
    void *object = NULL;
    api_check_error(t, what, create(kind, desc, options, &object, &error), cases[i].expected, &error);
    test_check(t, (object != NULL) == (cases[i].expected == MBCONV_OK), "%s: an object or none", what);
    test_check(t, object || strstr(error.message, "struct_size"), "%s: \"%s\"", what, error.message);
    api_destroy(kind, object);
  }
  varied->struct_size = 0;
}

void api_struct_sizes(struct test *t, const struct api_fixture *f) {
  const struct {
    enum api_kind kind;
    const void *desc;
    size_t known;
  } descs[] = {{POINTWISE, &f->pointwise, sizeof f->pointwise},
               {DEPTHWISE, &f->depthwise, sizeof f->depthwise},
               {BLOCK, &f->c.desc, sizeof f->c.desc},
               {CONVOLUTION, &f->convolution, sizeof f->convolution},
               {GLOBAL_POOL, &f->global_pool, sizeof f->global_pool}};
  for (size_t i = 0; i < sizeof descs / sizeof *descs; i++) {
    union grown desc = {0}, options = {.options = f->options};
    memcpy(&desc, descs[i].desc, descs[i].known);
    test_at(t, "struct_size of the description of %s", api_kind_names[descs[i].kind]);
    try_sizes(t, descs[i].kind, &desc, descs[i].known, &desc, &options.options);
    test_at(t, "struct_size of the options of %s", api_kind_names[descs[i].kind]);
    try_sizes(t, descs[i].kind, &options, sizeof options.options, &desc, &options.options);
  }
  test_check(t, f->ledger.live == 0 && !f->ledger.bad_request, "%zu allocations left", f->ledger.live);
}
