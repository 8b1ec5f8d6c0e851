/* SPDX-License-Identifier: MIT
 *
 * A list of stages as its definition reads: full tensors in double, no code of the library. Every number carries a
 * bound on how far a float computation of it may be away, propagated as in oracle_block.h; an activation with slopes is
 * as steep as the largest of them, if that is more than 1.
 */
#ifndef MBCONV_ORACLE_STAGES_H
#define MBCONV_ORACLE_STAGES_H

#include "stages_case.h"

struct oracle_bounded {
  double value, error;
};

/* The image that the list makes of x, NHWC, which is large enough for its windows; to be freed. `added` is as that of
 * stages_case_compose(). */
struct oracle_bounded *oracle_stages(const struct stages_case *c, const struct stages_image *x, const float *added);

#endif
