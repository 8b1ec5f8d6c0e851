/* SPDX-License-Identifier: MIT
 *
 * A program of a project that has the networks: it loads a file that is not there.
 */
#include <mbconv_networks.h>
#include <stdio.h>

int main(void) {
  mbconv_network *network;
  mbconv_error error;
  const mbconv_status status = mbconv_network_load("no such file", NULL, &network, &error);
  return puts(error.message) == EOF || status == MBCONV_OK;
}
