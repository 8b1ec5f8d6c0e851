/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_MORE_H
#define MBCONV_MORE_H
#include "kernels.h"
const struct mbconv_more_kernels *mbconv_more_of(const struct mbconv_kernels *kernels);
#endif
