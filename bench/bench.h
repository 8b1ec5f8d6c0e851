// SPDX-License-Identifier: MIT
// The benchmarks by file: each function registers those of one instruction set.
#ifndef MBCONV_BENCH_BENCH_H
#define MBCONV_BENCH_BENCH_H

#include "blocks.h"
#include "mbconv.h"

namespace bench {

void register_pointwise(const Block &block, mbconv_isa isa);       // pointwise/<block>/<expand|project>/<isa>
void register_depthwise(const Block &block, mbconv_isa isa);       // depthwise3x3/<block>/<isa>, depthwise5x5/...
void register_block(const Block &block, mbconv_isa isa);           // block/<block>/<isa>
void register_block_se(const Block &block, mbconv_isa isa);        // block-se/<block>/<isa>, if it has squeeze-excite
void register_block_denormal(const Block &block, mbconv_isa isa);  // block-denormal/<block>/<isa>
void register_silu(mbconv_exp variant, mbconv_isa isa);            // silu/<sleef|inline>/<isa>

}  // namespace bench

#endif
