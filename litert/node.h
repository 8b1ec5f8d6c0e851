/* SPDX-License-Identifier: MIT
 *
 * A node of ours in the host's graph: one block.
 */
#ifndef MBCONV_LITERT_NODE_H
#define MBCONV_LITERT_NODE_H

#include "chain.h"

typedef struct litert_node litert_node;

/* What the nodes of one graph share, which run one after the other: the memory in which they work, and `threads`
 * threads, which sleep when there is nothing to do. It lives until the last of the nodes, and its maker, have released
 * it. */
typedef struct litert_scratch litert_scratch;

litert_scratch *node_scratch_create(size_t threads); /* NULL if memory is lacking */
void node_scratch_release(litert_scratch *scratch);

/* Notes that the context's threads were `kept`, and are `lent` until the host has made its kernels of the rest: which
 * it has when it prepares a node of ours. Then they are `kept` again, so that a graph that is prepared anew is as
 * before. */
void node_scratch_lend(litert_scratch *scratch, int kept, int lent);

/* Takes the block, also if it fails for lack of memory: then it returns NULL. */
litert_node *node_create(mbconv_block *block, const litert_chain *chain, const host_ints *size,
                         litert_scratch *scratch);
void node_destroy(litert_node *node); /* NULL is allowed */

/* The host's calls: before the first run and whenever shapes have changed, and for a run. */
int node_prepare(host_context *context, host_node *host);
int node_invoke(host_context *context, host_node *host);

#endif
