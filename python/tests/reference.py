# SPDX-License-Identifier: MIT
"""What the operators compute, in double precision and plain NumPy; images are [batch][height][width][channels]."""

import math

import numpy as np

import mbconv

TOLERANCE = 1e-5  # of the largest output


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "gelu": lambda x: x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}


class Random:
    """Random parameters and images, the same for the same seed."""

    def __init__(self, seed=1):
        self._random = np.random.default_rng(seed)

    def floats(self, *shape):
        return self._random.standard_normal(shape).astype(np.float32)

    def conv(self, *shape, bias=False, norm=True):
        channels = shape[0]
        batch_norm = None
        if norm:
            variance = np.abs(self.floats(channels)) + np.float32(0.5)
            mean, gamma, beta = self.floats(channels), self.floats(channels), self.floats(channels)
            batch_norm = mbconv.BatchNorm(mean, variance, gamma, beta, epsilon=0.25)
        scale = np.float32(np.prod(shape[1:]) ** -0.5)
        return mbconv.Conv(self.floats(*shape) * scale, self.floats(channels) if bias else None, batch_norm)


def normalised(y, conv):
    """After a convolution: bias, batch normalisation and scale."""
    y = y if conv.bias is None else y + conv.bias
    norm = conv.batch_norm
    if norm is not None:
        gamma = 1 if norm.gamma is None else norm.gamma
        beta = 0 if norm.beta is None else norm.beta
        y = gamma * (y - norm.mean) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon) + beta
    return y if conv.scale is None else y * conv.scale


def pointwise(x, conv):
    weight = conv.weight.reshape(conv.weight.shape[:2]).astype(np.float64)
    return normalised(np.asarray(x, np.float64) @ weight.T, conv)


def taps(x, kernel, stride, pad, dilation=1):
    """(row, column, what the tap sees of x) of each tap of a kernel."""
    top, left, bottom, right = (pad,) * 4 if isinstance(pad, int) else pad
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    rows, columns = ((size - (kernel - 1) * dilation - 1) // stride + 1 for size in padded.shape[1:3])
    for i in range(kernel):
        for j in range(kernel):
            seen = padded[:, i * dilation :, j * dilation :]
            yield i, j, seen[:, : stride * rows : stride, : stride * columns : stride][:, :rows, :columns]


def depthwise(x, conv, stride, pad, dilation=1):
    seen = taps(x, conv.weight.shape[2], stride, pad, dilation)
    return normalised(sum(each * conv.weight[:, 0, i, j] for i, j, each in seen), conv)


def convolution(x, conv, stride, pad):
    kernel = conv.weight.shape[2]
    return normalised(sum(seen @ conv.weight[:, :, i, j].T for i, j, seen in taps(x, kernel, stride, pad)), conv)


def block(x, *, project, activation, stride, pad, residual, expand=None, squeeze_excite=None, dilation=1, **layers):
    act = ACTIVATIONS[activation]
    h = act(pointwise(x, expand)) if expand else x
    h = act(depthwise(h, layers["depthwise"], stride, pad, dilation))
    if squeeze_excite:
        h = excited(h, squeeze_excite)
    y = pointwise(h, project)
    return y + x if residual else y


def activated(x, name, conv=None):
    """An activation, its slopes those of the convolution."""
    if name in ("leaky_relu", "prelu"):
        return np.where(x < 0, conv.slope * x, x)
    return ACTIVATIONS[name](x)


def excited(x, squeeze):
    s = x.mean(axis=(1, 2), keepdims=True)
    s = ACTIVATIONS[squeeze.inner](pointwise(s, squeeze.reduce))
    return x * ACTIVATIONS[squeeze.gate](pointwise(s, squeeze.expand))


def stages(x, listed, added=None, after=False):
    """A list of mbconv.Stage; `added` to the first channels of the last, before its activation or after it."""
    for i, stage in enumerate(listed):
        conv, pad = stage.parameters, stage.pad
        if pad is None:
            pad = stage.kernel // 2 * stage.dilation
        if stage.kind == "squeeze_excite":
            y = excited(x, conv)
        elif stage.kind == "pointwise":
            y = pointwise(x, conv)
        elif stage.kind == "dense":
            y = convolution(x, conv, stage.stride, pad)
        else:
            y = depthwise(x, conv, stage.stride, pad, stage.dilation)
        ends = added is not None and i + 1 == len(listed)
        if ends and not after:
            y[..., : added.shape[-1]] += added
        y = activated(y, stage.activation, conv)
        if ends and after:
            y[..., : added.shape[-1]] += added
        x = y
    return x


def difference(y, expected):
    """The largest error, as a part of the largest output."""
    return np.abs(np.asarray(y, np.float64) - expected).max() / np.abs(expected).max()
