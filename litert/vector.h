/* SPDX-License-Identifier: MIT
 *
 * Vectors: one per image, [batch][1][1][channels] or [batch][channels], and the operators that make and turn them.
 */
#ifndef MBCONV_LITERT_VECTOR_H
#define MBCONV_LITERT_VECTOR_H

#include "match.h"

typedef struct match_vector {
  int tensor, batch, channels;
} match_vector;

/* Whether the tensor is a vector per image, of the chain's type. */
bool match_vector_at(const litert_matcher *matcher, int tensor, match_vector *read);

/* Whether the operator writes a vector for as many images; then *at is that. */
bool match_vector_after(const litert_matcher *matcher, const graph_op *op, match_vector *at);

/* RESHAPE of the vector, if there is one, whose shape is a constant, or is made of the batch by SHAPE, STRIDED_SLICE
 * and PACK. False if there is one of which it is not known that it gives a vector again. */
bool match_reshape(litert_matcher *matcher, match_vector *at);

/* FULLY_CONNECTED of the vector: then *at is what it writes. */
bool match_connected(litert_matcher *matcher, const graph_op *op, match_vector *at, chain_conv *layer);

#endif
