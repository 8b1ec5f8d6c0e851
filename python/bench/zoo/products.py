# SPDX-License-Identifier: MIT
"""Which block multiply-adds belong to, by the names of their weights."""


def is_shortcut(name, block):
    """Of MaxViT's and CoAtNet's blocks, whose shortcut is pooled and, where there are more channels, convolved."""
    return any(name.startswith((f"{module}.shortcut.", f"{module}.proj.")) for module in block)


def by_block(done, blocks):
    """A list of the products of each block, and the products of the rest: a shortcut's own convolution among them."""
    sums, rest = [0] * len(blocks), 0
    owners = {module: index for index, block in enumerate(blocks) for module in block}
    for name, number in done.items():
        parts = name.split(".")
        above = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        owner = next((owners[module] for module in above if module in owners), None)
        if owner is None or is_shortcut(name, blocks[owner]):
            rest += number
        else:
            sums[owner] += number
    return sums, rest
