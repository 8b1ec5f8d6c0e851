/* SPDX-License-Identifier: MIT
 *
 * A random block of the soak, with its input and what the scalar set makes of it.
 *
 * Memory is from malloc: the sanitizers and valgrind see it as it is, scratch and outputs never written.
 */
#ifndef MBCONV_SOAK_H
#define MBCONV_SOAK_H

#include "block_case.h"
#include "mbconv.h"
#include "test.h"

struct soak_block;

/* A random block made on the set `isa`. Never NULL: ends the program if there is no memory. */
struct soak_block *soak_block_new(uint64_t *state, mbconv_isa isa);
void soak_block_free(struct soak_block *block); /* NULL is allowed */

/* Runs it on `threads` threads, with scratch of its own; false if that fails or an output differs. Any number of
 * threads may do so at once. */
bool soak_block_run(const struct soak_block *block, size_t threads);

/* Makes an object of the same description on `isa`, with a random plan and layout, runs it as above, destroys it. */
bool soak_block_run_anew(const struct soak_block *block, mbconv_isa isa, size_t threads, uint64_t *state);

/* Bytes that the library has allocated and not released, in all threads. */
size_t soak_bytes(void);

#endif
