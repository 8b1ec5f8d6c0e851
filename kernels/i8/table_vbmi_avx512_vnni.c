/* SPDX-License-Identifier: MIT
 *
 * Tables of 256 bytes with AVX-512 VBMI. vpermb looks up the lower 6 bits of 64 bytes in one register; the upper two
 * bits, as masks, choose among the table's four. 13 operations for 64 bytes.
 */
#include "requantize_avx512.h"
#include "set_avx512_vnni.h"

enum { BYTES = 64 };

struct table {
  __m512i a, b, c, d;
};

ALWAYS_INLINE __m512i look_up(const struct table *table, __m512i x) {
  const __mmask64 upper = _mm512_movepi8_mask(x), odd = _mm512_movepi8_mask(_mm512_add_epi8(x, x));
  __m512i y = _mm512_permutexvar_epi8(x, table->a);
  y = _mm512_mask_permutexvar_epi8(y, odd, x, table->b);
  const __m512i z = _mm512_permutexvar_epi8(x, table->c);
  return _mm512_mask_blend_epi8(upper, y, _mm512_mask_permutexvar_epi8(z, odd, x, table->d));
}

void mbconv_i8_table_vbmi_avx512_vnni(size_t pixels, size_t channels, const void *x_, size_t x_stride,
                                      const void *table_, void *y_, size_t y_stride) {
  const char *x = x_, *from = table_;
  char *y = y_;
  const struct table table = {_mm512_loadu_si512(from), _mm512_loadu_si512(from + BYTES),
                              _mm512_loadu_si512(from + 2 * BYTES), _mm512_loadu_si512(from + 3 * BYTES)};
  if (x_stride == channels && y_stride == channels) channels *= pixels, pixels = 1;
  const size_t whole = channels / BYTES * BYTES;
  const __mmask64 rest = first_bytes(channels - whole);
  for (; pixels > 0; pixels--, x += x_stride, y += y_stride) {
    for (size_t i = 0; i < whole; i += BYTES) _mm512_storeu_si512(y + i, look_up(&table, _mm512_loadu_si512(x + i)));
    if (rest) _mm512_mask_storeu_epi8(y + whole, rest, look_up(&table, _mm512_maskz_loadu_epi8(rest, x + whole)));
  }
}
