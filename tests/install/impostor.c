/* SPDX-License-Identifier: MIT
 *
 * A shared object that is loaded before the library and has functions of the same names: whoever calls these has been
 * disturbed. See copies.c.
 */
#include <stdlib.h>

const char *mbconv_isa_name(int isa);
size_t mbconv_block_scratch_size(const void *block, size_t threads);

const char *mbconv_isa_name(int isa) {
  (void)isa;
  return "impostor";
}

size_t mbconv_block_scratch_size(const void *block, size_t threads) {
  (void)block;
  (void)threads;
  abort();
}
