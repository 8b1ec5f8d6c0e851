/* SPDX-License-Identifier: MIT
 *
 * One decoder for each format. Each does what image_decode() does, for files of its own format.
 */
#ifndef MBCONV_CLI_IMAGE_DECODERS_H
#define MBCONV_CLI_IMAGE_DECODERS_H

#include "image_memory.h"

mbconv_status image_decode_png(const void *data, size_t size, struct image *image, mbconv_error *error);
mbconv_status image_decode_jpeg(const void *data, size_t size, struct image *image, mbconv_error *error);

#endif
