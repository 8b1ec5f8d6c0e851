# SPDX-License-Identifier: MIT
"""What `accelerate` replaces of a model, by what PyTorch still computes afterwards."""

import torch

import mbconv.torch
from mbconv.torch._products import products

from .blocks import block_names
from .create import create
from .products import by_block


def found(row, size):
    """The blocks of which PyTorch computes no product any more, by products; with what is wrong by the table."""
    model = create(row.source, row.model)
    blocks = block_names(row.source, row.model, model)
    x = torch.randn(1, 3, size, size)
    before, rest = by_block(products(model, model, x), blocks)
    mbconv.torch.accelerate(model)
    after, _ = by_block(products(model, model, x), blocks)
    whole = [block for block, left in zip(blocks, after) if left == 0]
    result = {
        "blocks": len(blocks), "found": len(whole), "share": 1 - sum(after) / sum(before),
        "of_model": sum(before) / (sum(before) + rest),
        "left": ["+".join(block) for block, left in zip(blocks, after) if left],
    }  # fmt: skip
    return result


def falls_short(row, result):
    """In words; "" if it is what the table expects."""
    if result["blocks"] != row.blocks:
        return f"{result['blocks']} blocks by their names, {row.blocks} by the table"
    if result["found"] < row.expressible:
        return f"{result['found']} of {row.expressible} blocks found"
    if row.expressible == row.blocks and result["share"] < 0.95:
        return f"{result['share']:.0%} replaced"
    return ""
