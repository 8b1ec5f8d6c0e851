# SPDX-License-Identifier: MIT
"""Like test_arguments, of mbconv.torch."""

import unittest

import mbconv.torch
import test_arguments
from networks import MBConv
from test_arguments import Kind, senseless, wrong

RESULTS = "Finding", "Report"  # nobody but mbconv.torch makes them
MODULE = wrong(None, 3, "model", [], object(), MBConv)
FLAG = wrong(None, 0, 1, "no", "", [], 1.0, object())


def accelerated(**arguments):
    return str(mbconv.torch.report(mbconv.torch.accelerate(**arguments)))


def report(model):
    return str(mbconv.torch.report(model))


def restored(model):
    return mbconv.torch.restore(model) is model


def block():
    return MBConv(8, 8).eval()


class TorchArguments(test_arguments.Arguments):
    module = type("Functions", (), {name: value for name, value in vars(mbconv.torch).items() if name not in RESULTS})
    table = {
        "accelerate": (accelerated, {"model": (Kind(MODULE), block()), "convolutions": (Kind(FLAG), True)}),
        "report": (report, {"model": (Kind(MODULE + senseless(block())), mbconv.torch.accelerate(block()))}),
        "restore": (restored, {"model": (Kind(MODULE), block())}),
    }


if __name__ == "__main__":
    unittest.main()
