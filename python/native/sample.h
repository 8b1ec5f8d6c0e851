/* SPDX-License-Identifier: MIT
 *
 * Some of the floats of a module's parameters: PyTorch does not count what is written through .data or .numpy().
 */
#ifndef MBCONV_PYTHON_SAMPLE_H
#define MBCONV_PYTHON_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "threads.h"

/* A number made of the 32-bit words at these addresses. A change of one word always changes it. */
MBCONV_PYTHON_API uint64_t mbconv_sample(const uint32_t *const *addresses, size_t count);

#endif
