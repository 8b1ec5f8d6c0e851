/* SPDX-License-Identifier: MIT
 *
 * Up to 16 channels that are not whole or need the scalar requantization, by way of the stack; behind the walk of 16.
 */

/* The channels from c on, of one row of outputs or of two. */
ALWAYS_INLINE void rest_16(const size_t kernel, const size_t stride, const bool pair,
                           const struct mbconv_depthwise_group *group, size_t c, const char *unit, size_t pixels,
                           const void *const *rows, char *y0, char *y1) {
  const size_t channels = group->channels - c < 16 ? group->channels - c : 16;
  char outputs[2][MBCONV_I8_CHUNK * 16];
  struct walk_16 walk = walk_of_16(group, rows);
  walk.y_stride = 16;
  for (size_t first = 0, n; first < pixels; first += n) {
    n = pixels - first < MBCONV_I8_CHUNK ? pixels - first : MBCONV_I8_CHUNK;
    walk.x_first = c + first * stride * group->x_stride;
    walk.y[0] = outputs[0];
    walk.y[1] = outputs[1];
    __asm__("" : "+r"(walk.y[0]), "+r"(walk.y[1])); /* tests/check_binary.py: stores to these are no spills */
    half_16(kernel, stride, pair, 0, walk, group->ending.i8, unit, n, channels);
    if (channels > 8) half_16(kernel, stride, pair, 1, walk, group->ending.i8, unit, n, channels);
    char *y[2] = {y0 + c + first * group->y_stride, y1 + c + first * group->y_stride};
    for (size_t row = 0; row < (pair ? 2 : 1); row++)
      for (size_t p = 0; p < n; p++) memcpy(y[row] + p * group->y_stride, outputs[row] + p * 16, channels);
  }
}
