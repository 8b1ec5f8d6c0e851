/* SPDX-License-Identifier: MIT
 *
 * load LIBRARY...: loads them, and tells whether the process still has denormals. Compiled and linked without flags.
 */
#include <dlfcn.h>
#include <float.h>
#include <stdio.h>

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    if (!dlopen(names[i], RTLD_NOW)) {
      fprintf(stderr, "%s\n", dlerror());
      return 2;
    }
  }
  volatile float least = FLT_MIN, denormal = FLT_TRUE_MIN;
  const int flushed = least / 2 == 0 || denormal * 2 == 0;
  printf("%s\n", flushed ? "denormals are zeros" : "denormals are kept");
  return flushed;
}
