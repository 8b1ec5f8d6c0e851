# SPDX-License-Identifier: MIT
"""Like test_arguments, of mbconv.torch."""

import unittest

import torch

import mbconv.torch
import test_arguments
from networks import MBConv
from test_arguments import Kind, senseless, wrong

RESULTS = "Finding", "Report"  # nobody but mbconv.torch makes them
MODULE = wrong(None, 3, "model", [], object(), MBConv)
FLAG = wrong(None, 0, 1, "no", "", [], 1.0, object())


def accelerated(**arguments):
    return str(mbconv.torch.report(mbconv.torch.accelerate(**arguments)))


def report(model, inputs):
    return str(mbconv.torch.report(model, *inputs))


def restored(model):
    return mbconv.torch.restore(model) is model


def block():
    return MBConv(8, 8).eval()


class TorchArguments(test_arguments.Arguments):
    module = type("Functions", (), {name: value for name, value in vars(mbconv.torch).items() if name not in RESULTS})
    table = {
        "accelerate": (accelerated, {"model": (Kind(MODULE), block()), "convolutions": (Kind(FLAG), True)}),
        "report": (report, {
            "model": (Kind(MODULE + senseless(block())), mbconv.torch.accelerate(block())),
            "inputs": (Kind(()), (torch.ones(1, 8, 9, 9),))}),  # whatever the model takes
        "restore": (restored, {"model": (Kind(MODULE), block())}),
    }  # fmt: skip


if __name__ == "__main__":
    unittest.main()
