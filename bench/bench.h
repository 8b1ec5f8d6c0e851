// SPDX-License-Identifier: MIT
// The benchmarks by file: each function registers those of one instruction set.
#ifndef MBCONV_BENCH_BENCH_H
#define MBCONV_BENCH_BENCH_H

#include <vector>

#include "blocks.h"
#include "mbconv.h"

namespace bench {

void register_pointwise(const Block &block, mbconv_isa isa);       // pointwise/<block>/<expand|project>/<isa>
void register_depthwise(const Block &block, mbconv_isa isa);       // depthwise3x3/<block>/<isa>, depthwise5x5/...
void register_block(const Block &block, mbconv_isa isa);           // block/<block>/<isa>
void register_block_se(const Block &block, mbconv_isa isa);        // block-se/<block>/<isa>, if it has squeeze-excite
void register_block_denormal(const Block &block, mbconv_isa isa);  // block-denormal/<block>/<isa>
void register_silu(mbconv_exp variant, mbconv_isa isa);            // silu/<sleef|inline>/<isa>

// All of int8, on all of its rows: pointwise-i8/..., depthwise3x3-i8/..., block-i8/... Not in builds of f32 alone.
void register_i8(const std::vector<Block> &blocks);

}  // namespace bench

#endif
