# SPDX-License-Identifier: MIT
"""Whether a forward draws random numbers where it is traced. What it decides by them would be fixed in the graph."""

import random

import numpy as np
import torch


class Randomness:
    """The states of the generators that forwards draw from."""

    def __init__(self):
        self._before = _states()

    def restored(self):
        """Whether anything was drawn since. It is undone: whoever draws next gets the same numbers."""
        python, (name, keys, *others), of_torch = self._before
        if _states() == self._before:
            return False
        random.setstate(python)
        np.random.set_state((name, np.frombuffer(keys, np.uint32), *others))
        torch.set_rng_state(torch.tensor(list(of_torch), dtype=torch.uint8))
        return True


def _states():
    name, keys, *others = np.random.get_state()
    return random.getstate(), (name, keys.astype(np.uint32).tobytes(), *others), torch.get_rng_state().numpy().tobytes()
