# SPDX-License-Identifier: MIT
"""Keeps the peers to AVX2 on a CPU that has more, before any of them is loaded.

oneDNN, OpenBLAS and PyTorch listen to the environment; OpenVINO has oneDNN inside. The others ask the CPU, and ask the
operating system which registers it saves: copies of their libraries are loaded that hear of none of AVX-512's.
"""

import ctypes
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys

_ENVIRONMENT = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"}
_COPIED = {"onnxruntime": ["onnxruntime"], "ai-edge-litert": ["ai_edge_litert"], "ncnn": ["ncnn", "ncnn.libs"]}
_COPIES = pathlib.Path(sys.prefix, "kept-to-avx2")
_XGETBV = bytes.fromhex("0f01d0")
_MOV_AL_7 = bytes.fromhex("b00790")  # and a nop: x87, xmm and ymm registers are saved, zmm and masks are not


def hold_to_avx2(driver):
    """`driver`: the library of the contenders in C++."""
    os.environ.update(_ENVIRONMENT)
    _hold_xnnpack(driver)
    for distribution, folders in _COPIED.items():
        try:
            sys.path.insert(0, str(_copy(distribution, folders)))
        except importlib.metadata.PackageNotFoundError:
            pass  # will be reported as missing


def _copy(distribution, folders):
    """The folder of the copy, which is made once for each version."""
    package = importlib.metadata.distribution(distribution)
    copy = _COPIES / f"{distribution}-{package.version}"
    if not copy.exists():
        unfinished = _COPIES / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in folders:
            shutil.copytree(package.locate_file(folder), unfinished / folder)
        if not sum(_hold_library(library, library) for library in unfinished.glob("**/*.so*")):
            sys.exit(f"compare: nothing in {distribution} reads XCR0: it cannot be kept to AVX2 like this")
        unfinished.rename(copy)
    return copy


def _hold_xnnpack(driver):
    """XNNPACK asks cpuinfo. Who loads the driver later gets the library of that name which is there already."""
    libraries = subprocess.run(["ldd", driver], check=True, capture_output=True, text=True).stdout
    path = next((line.split()[2] for line in libraries.splitlines() if "libcpuinfo" in line), None)
    if path:
        _COPIES.mkdir(exist_ok=True)
        copy = _COPIES / pathlib.Path(path).name
        if not _hold_library(pathlib.Path(path), copy):
            sys.exit(f"compare: {path} does not read XCR0: XNNPACK cannot be kept to AVX2 like this")
        ctypes.CDLL(str(copy), ctypes.RTLD_GLOBAL)


def _hold_library(library, copy):
    """Returns in how many places."""
    code = library.read_bytes()
    copy.write_bytes(code.replace(_XGETBV, _MOV_AL_7))
    return code.count(_XGETBV)
