/* SPDX-License-Identifier: MIT
 *
 * The version, as everything that knows it says it.
 */
#include <mbconv.h>
#include <stdio.h>

int main(void) {
  printf("%s %s %d.%d.%d\n", mbconv_version(), MBCONV_VERSION_STRING, MBCONV_VERSION_MAJOR, MBCONV_VERSION_MINOR,
         MBCONV_VERSION_PATCH);
}
