#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each option of the command has its effect, and what is left out is what the help says.

    command_options.py COMMAND
"""

import re
import sys

import numpy as np
from command_cases import DEVIATION, MEAN, MODEL, SIDE, SMALL, Command
from PIL import Image

EXPORTED = 1000  # classes


def picture(height, width, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def prepared(pixels, height, width):
    """What the command makes of pixels that need no resizing: the centre, halves rounded to even; normalised; NCHW."""
    top, left = round((pixels.shape[0] - height) / 2), round((pixels.shape[1] - width) / 2)
    cut = pixels[top:top + height, left:left + width].astype(np.float32)  # fmt: skip
    return ((cut / np.float32(255) - MEAN) / DEVIATION).transpose(2, 0, 1)


def check_kernels(command, image):
    """--seed, --isa, --exp, --threads, --epsilon: on the floats, and in what `bench` says of itself."""
    default = command.image_logits(image)

    def same(case, logits, wanted=True):
        command.judge(case, np.array_equal(logits, default) == wanted, "other floats" if wanted else "the same floats")

    same("--seed 0 is the default", command.image_logits(image, "--seed", 0))
    same("--seed 1 is another", command.image_logits(image, "--seed", 1), False)
    same("--epsilon 1e-5 is the default", command.image_logits(image, "--epsilon", "1e-5"))
    same("--epsilon 0.5 is another", command.image_logits(image, "--epsilon", 0.5), False)
    for words in (("--isa", "scalar"), ("--isa", "auto"), ("--threads", 3), ("--exp", "sleef"), ("--layout", "nhwc")):
        same(" ".join(map(str, words)), command.image_logits(image, *words))
    bench = ("bench", "mbconv", "--seconds", 0.01)
    plain = command.json(*bench)
    for option, values in {"isa": ["scalar"], "exp": ["inline", "sleef"], "threads": [1, 3]}.items():
        for value in values:
            # Without SLEEF there is no variant of that name: the program says so.
            if value == "sleef" and b" sleef" not in command("info"):
                command(*bench, "--exp", "sleef", status=1, said="mbconv: ")
                continue
            command.judge(f"--{option} {value}", command.json(*bench, f"--{option}", value)[option] == value, "not so")
    command.judge("as many threads as the help says", plain["threads"] == 1, plain["threads"])
    command.judge("run --isa", command.json("run", *SMALL, image, "--isa", "scalar")["isa"] == "scalar", "not so")


def check_raw(command):
    """--batch, --layout, --size and standard input, by raw tensors."""
    x = np.random.default_rng(2).standard_normal((2, 3, SIDE, SIDE), np.float32)
    one, two = (command.logits(image) for image in x)
    command.judge("two images differ", not np.array_equal(one, two))
    command.judge("--batch 2", np.array_equal(command.logits(x, "--batch", 2), np.concatenate([one, two])), "other floats")
    command.judge("--layout nchw is the default", np.array_equal(command.logits(x[0], "--layout", "nchw"), one))
    nhwc = np.ascontiguousarray(x[0].transpose(1, 2, 0))
    command.judge("--layout nhwc", np.array_equal(command.logits(nhwc, "--layout", "nhwc"), one), "other floats")
    output = command("run", *SMALL, "--raw-input", "-", "--raw-output", "-", stdin=x[0].astype("<f4").tobytes())
    command.judge("--raw-input -", np.array_equal(np.frombuffer(output, "<f4"), one[0]), "other floats")
    size = command.json("bench", MODEL, "--size", "64x32", "--seconds", 0.01)
    command.judge("--size is height, width", (size["height"], size["width"]) == (64, 32), size)
    command.judge("of the layers, too", size["layers"][0]["output"][:2] == [32, 16], size["layers"][0])


def check_preprocessing(command):
    """--size and --resize: against pixels that this file cuts and normalises, Pillow having resized them."""
    # By default the shorter side becomes 256 / 224 of the larger side of the input, rounded half up.
    for size, resize, more in ((SIDE, 37, ()), ("24x32", 37, ()), ("40x24", 46, ()), (SIDE, 34, ("--resize", 34)),
                               (SIDE, 256, ("--resize", 256))):  # fmt: skip
        height, width = map(int, size.split("x")) if isinstance(size, str) else (size, size)
        pixels = picture(resize + 14, resize)
        path = command.folder / "as-resized.png"
        Image.fromarray(pixels).save(path)
        got = command.image_logits(path, *more, model=(MODEL, "--size", size))
        wanted = command.logits(prepared(pixels, height, width), size=f"{height}x{width}")[0]
        command.judge(f"--size {size} {more}: {resize}", np.array_equal(got, wanted), "other floats")
    pixels = picture(50, 90)
    path = command.folder / "larger.png"
    Image.fromarray(pixels).save(path)
    resized = np.array(Image.fromarray(pixels).resize((int(34 * 90 / 50), 34), Image.BILINEAR))
    wanted = command.logits(prepared(resized, SIDE, SIDE))[0]
    command.judge("resized", np.array_equal(command.image_logits(path, "--resize", 34), wanted), "other floats")
    standard = command.image_logits("-", "--resize", 34, stdin=path.read_bytes())
    command.judge("an image from standard input", np.array_equal(standard, wanted), "other floats")


def check_answers(command, image):
    """--top, --json and --labels."""
    logits = command.image_logits(image)
    order = np.argsort(-logits, kind="stable")
    exact = np.exp(logits.astype(np.float64) - logits.max())
    percent = 100 * exact / exact.sum()
    for top, count in ((3, 3), (1000, 1000), (1001, 1000)):
        entries = command.json("run", *SMALL, image, "--top", top)["top"]
        command.judge(f"--top {top}", [entry["class"] for entry in entries] == order[:count].tolist(), "other classes")
        close = [abs(100 * entry["probability"] - percent[entry["class"]]) < 1e-4 for entry in entries]
        command.judge("probabilities", all(close), "not softmax")
    all_of_it = command.json("run", *SMALL, image)
    command.judge("run --json", (all_of_it["network"], all_of_it["size"], all_of_it["classes"]) == (MODEL, [SIDE, SIDE], 1000))
    lines = command("run", *SMALL, image).decode().splitlines()
    wanted = [f"{percent[i]:6.2f}%  {i:4}  ({logits[i]:.4f})" for i in order[:5]]
    command.judge("run, in plain text", lines == wanted, f"{lines}, not {wanted}")

    names = [f"name of {index}" for index in range(EXPORTED)]
    path = command.folder / "labels.txt"

    def labels(text, **more):
        path.write_bytes(text)
        return command("run", *SMALL, image, "--labels", path, **more).decode(errors="replace").splitlines()

    wanted = [line.replace("  (", f"  name of {i}  (") for i, line in zip(order, wanted)]
    for end in "\n", "\r\n":
        text = end.join(names).encode()
        command.judge(f"labels with {end!r}", labels(text + end.encode()) == wanted, labels(text))
        command.judge("without one after the last", labels(text) == wanted, labels(text))
    empty = labels("\n".join("" if i == order[0] else name for i, name in enumerate(names)).encode())
    command.judge("an empty label", empty[1:] == wanted[1:] and "name" not in empty[0], empty)
    few, many = "\n".join(names[:-1]).encode(), "\n".join(names + ["more"]).encode()
    labels(few, status=1, said=f"mbconv: {path} has 999 labels, but the network has 1000 classes\n")
    labels(many, status=1, said=f"mbconv: {path} has 1001 labels, but the network has 1000 classes\n")
    path.write_bytes(b"\n".join(b"\xff" if i == order[0] else name.encode() for i, name in enumerate(names)))
    top = command.json("run", *SMALL, image, "--labels", path)["top"]
    found = [entry["label"] for entry in top]
    command.judge("labels in JSON", found == [None] + [names[i] for i in order[1:5]], found)


def check_help(command, image):
    """Each number in brackets is what happens without the option."""
    done = {
        "run --top": len(command("run", *SMALL, image).splitlines()),
        "run --batch": len(command.logits(np.zeros((1, 3, SIDE, SIDE)))),
        "run --threads": command.json("bench", *SMALL, "--seconds", 0.01)["threads"],
        "run --seed": 0,  # check_kernels
        "bench --seconds": command.json("bench", "mbconv")["seconds"],
        "table --seconds": 0.5,  # the figure in the text is the program's own, and of a table it shows nowhere else
    }
    said = {f"{name} {option}": float(number) for name in ("run", "bench", "table", "info")
            for option, number in re.findall(r"(--[\w-]+) .*\(([0-9.]+)\)\n", command(name, "--help").decode())}  # fmt: skip
    command.judge("the defaults of --help", said == done, f"{said}, not {done}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    command = Command(sys.argv[1])
    image = command.folder / "image.png"
    Image.fromarray(picture(60, 50)).save(image)
    check_kernels(command, image)
    check_raw(command)
    check_preprocessing(command)
    check_answers(command, image)
    check_help(command, image)
    command.finish()


if __name__ == "__main__":
    main()
