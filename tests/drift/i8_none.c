/* SPDX-License-Identifier: MIT
 *
 * In place of i8.c where the library has f32 alone.
 */
#include "i8.h"

#include <stdlib.h>

const char *drift_i8_name(size_t index) {
  (void)index;
  abort();
}

size_t drift_i8_rows(mbconv_isa *rows, size_t capacity) {
  (void)rows;
  (void)capacity;
  return 0;
}

bool drift_i8_run(size_t index, size_t side, mbconv_isa row, mbconv_isa *ran, uint64_t *hash, mbconv_error *error) {
  (void)index;
  (void)side;
  (void)row;
  (void)ran;
  (void)hash;
  (void)error;
  abort();
}
