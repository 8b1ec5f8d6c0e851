/* SPDX-License-Identifier: MIT
 *
 * mbconv_plans: prints plans.txt.
 */
#include <stdio.h>

#include "table.h"

static void print(void *context, const char *line) {
  (void)context;
  puts(line);
}

int main(void) {
  puts(
      "# How blocks and operators are cut for each set, and the calls of kernels of one run. README.md tells when and "
      "how");
  puts("# it is made anew.");
  for (size_t i = 0; i < SET_SHAPES; i++) table_of(&set_shapes[i], print, NULL);
  return 0;
}
