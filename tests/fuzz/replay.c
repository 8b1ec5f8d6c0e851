/* SPDX-License-Identifier: MIT
 *
 * Gives the inputs of a committed corpus (a line of hex each) to a fuzzer where there is no libFuzzer: compiled by GCC,
 * for ARM64, for another sanitizer. Prints how many there were.
 *   replay_NAME FILE
 */
#include "fuzz.h"

enum { MOST_BYTES = 4096 };

static int digit(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next line as bytes; false at the end of the file. */
static bool next_input(FILE *file, unsigned char bytes[MOST_BYTES], size_t *size) {
  int high = getc(file);
  for (*size = 0; digit(high) >= 0; high = getc(file)) {
    const int low = getc(file);
    fuzz_require(digit(low) >= 0 && *size < MOST_BYTES, "a line that is not hex, or too long");
    bytes[(*size)++] = (unsigned char)(16 * digit(high) + digit(low));
  }
  fuzz_require(high == '\n' || high == EOF, "a line that is not hex");
  return *size > 0 || high != EOF;
}

int main(int count, char **words) {
  FILE *file = count == 2 ? fopen(words[1], "r") : NULL;
  if (!file) {
    fprintf(stderr, "usage: replay_NAME FILE, which must be there\n");
    return EXIT_FAILURE;
  }
  unsigned char bytes[MOST_BYTES];
  size_t size, inputs = 0;
  for (; next_input(file, bytes, &size); inputs++) {
    /* Exactly as many bytes as there are, so that a sanitizer sees who reads more. */
    unsigned char *input = fuzz_allocate(size);
    for (size_t i = 0; i < size; i++) input[i] = bytes[i];
    LLVMFuzzerTestOneInput(input, size);
    free(input);
  }
  fclose(file);
  printf("%zu inputs replayed\n", inputs);
  return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
