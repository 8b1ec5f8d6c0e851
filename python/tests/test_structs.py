# SPDX-License-Identifier: MIT
"""The structs that ctypes knows against those of the headers, as the C compiler lays them out."""

import ctypes
import pathlib
import subprocess
import tempfile
import unittest

from mbconv import _native

PYTHON = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = next(folder for folder in (PYTHON / "library" / "include", PYTHON.parent / "include") if folder.exists())
STRUCTS = {
    "mbconv_error": _native.Error,
    "mbconv_options": _native.Options,
    "mbconv_threads": _native.Threads,
    "mbconv_info": _native.Info,
    "mbconv_batch_norm": _native.BatchNorm,
    "mbconv_conv": _native.Conv,
    "mbconv_pad": _native.Pad,
    "mbconv_pointwise_desc": _native.PointwiseDesc,
    "mbconv_convolution_desc": _native.ConvolutionDesc,
    "mbconv_squeeze_excite": _native.SqueezeExcite,
    "mbconv_block_desc": _native.BlockDesc,
    "mbconv_stage_desc": _native.StageDesc,
    "mbconv_stages_desc": _native.StagesDesc,
    "mbconv_quantization": _native.Quantization,
    "mbconv_i8_stage_desc": _native.I8StageDesc,
    "mbconv_i8_squeeze_excite": _native.I8SqueezeExcite,
    "mbconv_i8_desc": _native.I8Desc,
    "mbconv_i8_addition_desc": _native.I8AdditionDesc,
    "struct mbconv_team": _native.Team,
}
ENUMS = {
    "ISA_": _native.ISAS, "EXP_": _native.EXPS, "": _native.LAYOUTS, "ACTIVATION_": _native.ACTIVATIONS,
    "PAD_": _native.PAD_KINDS, "I8_": _native.ROUNDINGS, "I8_ADD_": _native.ADDS, "I8_DOOR_": _native.DOORS,
}  # fmt: skip
ERRORS = {"INVALID_ARGUMENT": 1, "SIZE_OVERFLOW": 2, "UNSUPPORTED_ISA": 3, "OUT_OF_MEMORY": 4}


def in_c():
    """What a C program says: sizes, offsets and values by name."""
    lines = []
    for name, struct in STRUCTS.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field, *_ in struct._fields_:
            lines.append(f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));')
    constants = [prefix + name.upper() for prefix, names in ENUMS.items() for name in names] + [*ERRORS]
    constants += ["RESIDUAL_AUTO", "RESIDUAL_OFF", "RESIDUAL_ON", "RESIDUAL_GIVEN", "RESIDUAL_BEFORE_ACTIVATION"]
    constants += ["RESIDUAL_AFTER_ACTIVATION", *("STAGE_" + name.upper() for name in _native.STAGE_KINDS)]
    constants += ["I8_" + name.upper() for name in _native.I8_FUNCTIONS]
    lines += [f'printf("{name} %zu\\n", (size_t)MBCONV_{name});' for name in constants]
    source = '#include <mbconv_i8.h>\n#include <stdio.h>\n#include "threads.h"\nint main(void) {%s}' % "\n".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "structs"
        folders = INCLUDE, INCLUDE.parent / "litert", PYTHON / "native"
        command = ["cc", "-xc", "-", *(f"-I{path}" for path in folders), "-o", program]
        subprocess.run(command, input=source, text=True, check=True)
        said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in (line.rsplit(" ", 1) for line in said.splitlines())}


class Structs(unittest.TestCase):
    def test_layout_and_values(self):
        expected = in_c()
        for name, struct in STRUCTS.items():
            self.assertEqual(ctypes.sizeof(struct), expected[name], name)
            for field, *_ in struct._fields_:
                self.assertEqual(getattr(struct, field).offset, expected[f"{name}.{field}"], f"{name}.{field}")
        for prefix, names in ENUMS.items():
            self.assertEqual([expected[prefix + name.upper()] for name in names], list(range(len(names))))
        functions = [expected["I8_" + name.upper()] for name in _native.I8_FUNCTIONS]
        self.assertEqual(functions, list(range(len(functions))))
        kinds = [expected["STAGE_" + name.upper()] for name in _native.STAGE_KINDS]
        self.assertEqual(kinds, [1, 2, 3, 4])
        self.assertEqual([expected[f"RESIDUAL_{when}_ACTIVATION"] for when in ("BEFORE", "AFTER")], [False, True])
        residuals = {None: "AUTO", False: "OFF", True: "ON", "given": "GIVEN"}
        for residual, number in _native.RESIDUALS.items():
            self.assertEqual(number, expected[f"RESIDUAL_{residuals[residual]}"])
        for name, number in ERRORS.items():
            self.assertEqual(number, expected[name])
            self.assertIn(number, _native._KINDS)


if __name__ == "__main__":
    unittest.main()
