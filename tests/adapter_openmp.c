/* SPDX-License-Identifier: MIT */
#include "adapter.h"
#include "mbconv_openmp.h"

static mbconv_threads open_threads(size_t count) { return mbconv_openmp_threads((int)count); }

/* The threads stay OpenMP's. */
static void close_threads(const mbconv_threads *threads) { (void)threads; }

const struct adapter adapter_openmp = {"openmp", open_threads, close_threads};
