# SPDX-License-Identifier: MIT
"""Networks with random weights and batch normalisations that matter, for tests and comparisons."""

import re

import torch
import torchvision
from other_networks import NETWORKS

CALIBRATION = 8, 3, 160, 160  # images, channels, height, width
SPOT = 32  # pixels


def random_network(name, seed):
    """A network in evaluation mode. `name` is torchvision's, or one of other_networks.py; mobilenet_v2_0.5 has half the
    width: from 0.1 to 4, with up to three decimals, as tables_mobilenet.c has it."""
    width = re.fullmatch(r"mobilenet_v2_(\d(?:\.\d{1,3})?)", name)
    base, width = ("mobilenet_v2", width[1]) if width else (name, None)
    make = NETWORKS.get(base) or getattr(torchvision.models, base, None)
    if not callable(make):
        raise SystemExit(f"export: neither torchvision nor other_networks.py has a network {base}")
    if width and not 0.1 <= float(width) <= 4:
        raise SystemExit(f"export: the width {width} is not from 0.1 to 4")
    torch.manual_seed(seed)
    network = make(**({"width_mult": float(width)} if width else {}))
    randomise(network, random_images(*CALIBRATION))
    return network


def random_images(count, channels, height, width):
    """Spots of colour under noise, of about unit variance: unlike noise alone, each gives logits of its own."""
    grid = torch.randn(count, channels, height // SPOT + 2, width // SPOT + 2)
    spots = torch.nn.functional.interpolate(grid, (height, width), mode="bicubic")
    return spots + 0.5 * torch.randn(count, channels, height, width)


@torch.no_grad()
def randomise(network, images):
    """Gives every parameter of the normalisations, and every bias, a random value that matters.

    Running statistics are those that `images` have on their way through the network, shaken: each normalisation sees
    what the shaken ones before it put out. So activations stay near unit variance however deep the network is, ReLU6
    clips some of them, and the logits depend on every tensor.
    """

    def shake(norm, inputs):
        h = inputs[0]
        mean, variance = h.mean(dim=(0, 2, 3)), h.var(dim=(0, 2, 3))
        variance = variance.clamp(min=0.3 * variance.mean())
        norm.running_mean.copy_(mean + 0.3 * variance.sqrt() * torch.randn_like(mean))
        norm.running_var.copy_(variance * (0.5 + torch.rand_like(variance)))
        norm.weight.copy_(0.5 + 2 * torch.rand_like(mean))
        norm.bias.copy_(0.5 * torch.randn_like(mean))

    network.eval()
    hooks = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(shake))
        elif getattr(module, "bias", None) is not None:
            module.bias.copy_(0.5 * torch.randn_like(module.bias))
            if isinstance(module, torch.nn.Conv2d):  # of a squeeze-excite: gates that open wide multiply up
                module.weight.mul_(0.5)
    network(images)
    for hook in hooks:
        hook.remove()
