/* SPDX-License-Identifier: MIT
 *
 * What the shared library shows to LiteRT, which loads it as an external delegate. Apps in C have mbconv_litert.h.
 */
#ifndef MBCONV_LITERT_PLUGIN_H
#define MBCONV_LITERT_PLUGIN_H

#include <mbconv.h>

#include "host.h"

/* Below this many multiply-adds the host's calls between two nodes cost more than a block saves. */
#define LEAST_MULTIPLY_ADDS 20000

/* A delegate with `count` options, or NULL after `report` was told why. */
MBCONV_API host_delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                                        void (*report)(const char *message));
MBCONV_API void tflite_plugin_destroy_delegate(host_delegate *delegate);

#endif
