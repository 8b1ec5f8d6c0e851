/* SPDX-License-Identifier: MIT
 *
 * How `mbconv run` prepares images, and what it reports as assumed.
 */
#ifndef MBCONV_CLI_PREPROCESS_H
#define MBCONV_CLI_PREPROCESS_H

#include "image.h"
#include "mbconv_networks.h"

/* As they were given, or 0 and NULL. */
struct preprocess_options {
  size_t resize;
  const char *mean, *deviation, *interpolation;
};

/* The options, or else what the network has. cli_misused() for a bad one. */
struct image_preprocessing preprocess_how(const struct preprocess_options *options, const mbconv_network_info *info);

/* One line on standard error about what neither the model's file nor an option says; `options` is NULL if there is no
 * image. To be called when there is an answer, which it is about. */
void preprocess_tell(const char *model, const struct preprocess_options *options, const mbconv_network_info *info);

#endif
