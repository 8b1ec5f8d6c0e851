#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The delegate under LiteRT: what it takes of graphs, and that outputs stay: f32 within 1e-5 of the largest output, int8 equal
bytes.

litert.py LIBRARY [--save FOLDER]

--save   writes the networks into FOLDER as .tflite, for other.py

The last line: check: <n> cases, <n> findings."""

import argparse
import os
import pathlib
import sys
import threading

import mbconv.litert
import numpy as np

import graphs
import hosting
import integer_graphs
import models
from models import quantized, tflite

WITHIN = 1e-5


class Check:
    def __init__(self, library):
        self.library, self.cases, self.findings = library, 0, 0

    def case(self, name, good, text=""):
        self.cases += 1
        if not good:
            self.findings += 1
        print(f"{'ok' if good else 'FINDING'}: {name}{': ' if text else ''}{text}", flush=True)

    def same(self, name, model, taken=None, share=None, resolver=hosting.DEFAULT, **options):
        """Outputs with and without the delegate; how many operators it takes, or a least share of `share` million multiply-adds. Of
        each that stays it is said why."""
        alone = hosting.interpreter(model, resolver=resolver)
        ours, numbers, text = hosting.under(self.library, model, resolver, **options)
        inputs = hosting.images(alone)
        worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
        allowed = 0 if alone.get_output_details()[0]["dtype"] == np.int8 else WITHIN
        good = numbers[0] + text.count(" stays: ") == numbers[1] and worst <= allowed and (taken is None or numbers[0] == taken) and (share is None or numbers[3] >= 0.8 * share)
        self.case(name, good, f"{numbers[0]} of {numbers[1]} operators in {numbers[2]} blocks, difference {worst:.2g}")
        if not good:
            print(text)


# ---- Networks --------------------------------------------------------------------------------------------------------


def networks():
    """Name, graph, operators taken."""
    yield "MobileNetV2", models.network(models.MOBILENET_V2, 96), 62
    yield "EfficientNet-Lite0", models.network(models.EFFICIENTNET_B0, 96, width=0.5), 58
    yield "EfficientNet-B0", models.network(models.EFFICIENTNET_B0, 96, "silu", True, width=0.5), 236
    yield "MobileNetV2, int8", models.quantized_network(models.MOBILENET_V2, 96), 62
    yield "EfficientNet-Lite0, int8", models.quantized_network(models.EFFICIENTNET_B0, 96, seed=2), 58
    yield "EfficientNet-B0, int8", models.quantized_network(models.EFFICIENTNET_B0, 96, "silu", excite=True), 236
    yield "MobileNetV3's kind, int8", models.quantized_network(models.MOBILENET_V3, 96, "hard_swish", excite="hard sigmoid"), 153
    yield "EfficientNet-B0 without squeeze-excite, int8", models.quantized_network(models.EFFICIENTNET_B0, 96, "silu"), 124


def check_networks(check, folder):
    for name, graph, taken in networks():
        model = graph.model()
        hard = "MobileNetV3" in name  # its hard sigmoids have XNNPACK's bytes alone
        if folder and not hard:
            (folder / f"{name}.tflite").write_bytes(model)
        share = graph.multiply_adds / 1e6 if isinstance(graph, models.Graph) else None
        check.same(name, model, taken, share)
        if share is None or hard:
            check.same(f"{name}, BUILTIN_REF", model, None if hard else taken, resolver=hosting.REFERENCE)


def check_sets(check):
    """Each instruction set, and one that no CPU has with the others."""
    model = models.network(models.MOBILENET_V2[:2], 32).model()
    integers = models.quantized_network(models.MOBILENET_V2[:2], 32).model()
    usable = 0
    for isa in ("scalar", "avx2", "avx512", "neon", "avx2_vnni", "avx512_vnni"):
        try:
            check.same(f"isa {isa}", model, isa=isa)
            check.same(f"isa {isa}, int8", integers, isa=isa)
            usable += 1
        except ValueError as error:
            check.case(f"isa {isa} is refused", f"mbconv: {isa}, asked for by the options, " in str(error), str(error))
    check.case("isas", 2 <= usable < 6, f"{usable} are usable")


# ---- How interpreters are used ---------------------------------------------------------------------------------------


def check_uses(check):
    graph = models.network(models.MOBILENET_V2[:3], 32, batch=2)
    check.same("two images", graph.model(), share=graph.multiply_adds / 1e6)
    resized(check, models.network(models.MOBILENET_V2[:3], 32).model())
    fixed_window(check)
    any_batch(check)
    several(check, models.network(models.MOBILENET_V2[:3], 48).model())
    model = models.network(models.MOBILENET_V2[:2], 32).model()
    check_python(check, model)
    check_threads(check, model)
    check_host_threads(check, models.network(models.MOBILENET_V2, 96).model())
    check_unknown(check, models.quantized_network(models.MOBILENET_V2[:2], 32).model())
    check.same("least beyond every chain", model, 0, least=10**9)
    check_slower(check)
    check_options(check, model)


def check_options(check, model):
    """What an option cannot be is refused, and the message says what it can be."""
    for option, value, choices in (
        ("threads", "none", "0 to 256"), ("threads", "257", "0 to 256"), ("host_threads", "-1", "0 to 256"),
        ("isa", "best", "auto, or a set such as avx2"), ("colour", "red", ""), ("least", "-1", "a whole number"),
        ("kernels", "mine", "xnnpack, reference or unknown"), ("verbose", "2", "0 or 1"),
    ):  # fmt: skip
        said = f"the option {option} cannot be {value}: use {choices}" if choices else f"there is no option {option}: use isa"
        try:
            hosting.under(check.library, model, **{option: value})
            check.case(f"{option}={value} is refused", False)
        except ValueError as error:
            check.case(f"{option}={value} is refused", said in str(error), str(error))


def check_slower(check):
    """Without the option least=0 a k×k of int8 is taken as a stem and before a 1×1 alone."""
    for channels, out, taken in (24, 0, 0), (24, 24, 2), (3, 0, 1):
        part = quantized.Maker(9, "int8").fused((32, 32, channels), 40, out)
        check.same(f"3x3 of int8, {channels} channels, 1x1 to {out}", tflite.block(part).model(), taken)


def check_python(check, model):
    """The package's one line."""
    with hosting.said() as lines:
        ours = hosting.interpreter(model, mbconv.litert.delegate(verbose=True))
    alone = hosting.interpreter(model)
    inputs = hosting.images(alone)
    worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
    good = worst <= WITHIN and any("took 11 of 12 operators" in line for line in lines)
    check.case("mbconv.litert.delegate", good, f"difference {worst:.2g}")


def check_threads(check, model):
    """As many as the interpreter has, or as the option says; the same floats."""
    one, _, _ = hosting.under(check.library, model, threads=1)
    inputs = hosting.images(one)
    expected = hosting.run(one, inputs)
    for name, interpreter, options, count in ("the interpreter's", 3, {}, 3), ("the option's", 1, {"threads": 2}, 2):
        made, _, text = hosting.observed(
            model, lambda options=options: mbconv.litert.delegate(verbose=True, **options), threads=interpreter
        )
        same = all((hosting.run(made, inputs)[0] == expected[0]).all() for _ in range(5))
        check.case(f"threads, {name}", same and f", threads {count}" in text, text)


def threads_now():
    """Of this process."""
    return len(os.listdir("/proc/self/task"))


def check_host_threads(check, model):
    """LiteRT makes its kernels of what stays with the threads that the delegate leaves it, by its rule or the option; the floats
    are the same. When the input has another size, the delegate's threads are as many as before."""
    many = len(os.sched_getaffinity(0)) + 1
    one, _, _ = hosting.under(check.library, model, threads=1)
    inputs = hosting.images(one)
    expected, made = hosting.run(one, inputs), None
    for name, interpreter, options, host in ("rule", many, {}, 1), ("1", 3, {"host_threads": 1}, 1), ("3", 2, {"host_threads": 3}, 3):
        made = None  # with its threads
        before = threads_now()
        delegate = lambda options=options: mbconv.litert.delegate(verbose=True, **options)  # noqa: E731
        made, _, text = hosting.observed(model, delegate, threads=interpreter)
        same = (hosting.run(made, inputs)[0] == expected[0]).all()
        started = threads_now() - before
        good = same and started == interpreter - 1 + host - 1 and f"threads {interpreter}, the host's {host}" in text
        check.case(f"threads of the host, {name}", good, f"{started} were started; {text}")
        with hosting.said() as lines:
            made.resize_tensor_input(made.get_input_details()[0]["index"], [1, 48, 48, 3])
            made.allocate_tensors()
            made.invoke()
        again = [line for line in lines if "took" in line and f"threads {interpreter}, " not in line]
        check.case(f"threads of the host, {name}, resized", not again and threads_now() - before == started, str(lines))


def check_unknown(check, model):
    """int8 whose kernels nobody has named stays with the host, which is said. Python's package knows those of this host."""
    alone, (ours, numbers, text) = hosting.interpreter(model), hosting.under(check.library, model, kernels="unknown")
    inputs = hosting.images(alone)
    same = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs)) == 0
    check.case("int8 of unknown kernels", same and numbers[0] == 0 and "convolutions of int8 stay with the host" in text, text)
    with hosting.said() as lines:
        ours = hosting.interpreter(model, mbconv.litert.delegate(verbose=True))
    same = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs)) == 0
    check.case("mbconv.litert.delegate, int8", same and any("took 11 of 11 operators" in line for line in lines), str(lines))


def resized(check, model):
    """Inputs of other sizes than the model's, larger and smaller, and back."""
    alone, (ours, _, _) = hosting.interpreter(model), hosting.under(check.library, model)
    for shape in ([1, 65, 40, 3], [3, 17, 33, 3], [1, 32, 32, 3]):
        for made in alone, ours:
            made.resize_tensor_input(made.get_input_details()[0]["index"], shape)
            made.allocate_tensors()
        inputs = hosting.images(alone, shape[1])
        worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
        check.case(f"resized to {shape}", worst <= WITHIN, f"difference {worst:.2g}")


def fixed_window(check):
    """Squeeze-excite by AVERAGE_POOL_2D: in an image of another size its window would not be the whole. LiteRT alone refuses the
    product then, too."""
    graph = models.Graph()
    x = graph.input([1, 9, 9, 24], "float32")
    y = graph.depthwise(x)
    graph.outputs.append(graph.conv(graph.mul(y, graph.hard_sigmoid(graph.conv(graph.conv(graph.whole_pool(y), 8), 24))), 30))
    ours, numbers, _ = hosting.under(check.library, graph.model(), least=0)
    index, refused = ours.get_input_details()[0]["index"], ""
    try:
        ours.resize_tensor_input(index, [1, 12, 9, 24])
        ours.allocate_tensors()
    except RuntimeError as error:
        refused = str(error)
    check.case("a window of a fixed size", numbers[2] == 1 and "an image of another size than the model's" in refused, refused)
    ours.resize_tensor_input(index, [1, 9, 9, 24])
    ours.allocate_tensors()
    alone = hosting.interpreter(graph.model())
    inputs = hosting.images(alone)
    worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
    check.case("its size again", worst <= WITHIN, f"difference {worst:.2g}")


def any_batch(check):
    """The model names no batch: of 1, 3 and again 1."""
    model = next(graph for name, graph, _ in graphs.f32() if name == "squeeze-excite of any batch").model()
    alone, (ours, _, _) = hosting.interpreter(model), hosting.under(check.library, model, least=0)
    for batch in 1, 3, 1:
        for made in alone, ours:
            detail = made.get_input_details()[0]
            made.resize_tensor_input(detail["index"], [batch, *detail["shape"][1:]])
            made.allocate_tensors()
        inputs = hosting.images(alone, batch)
        worst = hosting.difference(hosting.run(alone, inputs), hosting.run(ours, inputs))
        check.case(f"a batch of {batch} in a model of any", worst <= WITHIN, f"difference {worst:.2g}")


def several(check, model):
    """Interpreters that share a delegate run at once, on threads of their own."""
    delegate = hosting.litert.load_delegate(check.library, {"threads": 2})
    made = [hosting.interpreter(model, delegate) for _ in range(3)]
    inputs = [hosting.images(one, seed) for seed, one in enumerate(made)]
    alone, wrong = hosting.interpreter(model), []
    expected = [hosting.run(alone, images) for images in inputs]

    def work(index):
        for _ in range(20):
            if not hosting.difference(expected[index], hosting.run(made[index], inputs[index])) <= WITHIN:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(made))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check.case("three interpreters at once", not wrong)


def without_bias():
    """DEPTHWISE_CONV_2D without a bias, on which LiteRT 2.3.0's XNNPACK crashes: f32, int8, and how many operators are taken."""
    graph = models.Graph()
    x = graph.input([1, 17, 22, 24], "float32")
    graph.outputs.append(graph.depthwise(x, bias=False))
    yield "f32 without a bias", graph, 1
    maker = quantized.Maker(7, "int8")
    graph = tflite.block(maker.single((17, 22, 24), 24, True))
    graph._operators[0].inputs.pop()  # pylint: disable=protected-access
    yield "int8 without a bias", graph, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--save", type=pathlib.Path)
    arguments = parser.parse_args()
    check = Check(arguments.library)
    for name, graph, taken in [*graphs.f32(), *integer_graphs.int8()]:
        check.same(name, graph.model(), taken, least=0)
    for name, graph, taken in integer_graphs.int8():
        alone = any(word in name for word in ("FULLY_CONNECTED", "AVERAGE_POOL_2D", "hard sigmoid"))
        taken = None if alone else taken  # these have XNNPACK's bytes alone
        check.same(f"{name}, BUILTIN_REF", graph.model(), taken, least=0, resolver=hosting.REFERENCE)
    for name, graph, taken in without_bias():
        check.same(name, graph.model(), taken, least=0, resolver=hosting.REFERENCE)
    check_networks(check, arguments.save)
    check_sets(check)
    check_uses(check)
    print(f"check: {check.cases} cases, {check.findings} findings")
    sys.exit(check.findings > 0)


if __name__ == "__main__":
    main()
