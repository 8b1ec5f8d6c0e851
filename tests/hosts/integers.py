# SPDX-License-Identifier: MIT
"""The int8 arithmetic of the hosts in NumPy, exact: what hosts.py holds LiteRT, ONNX Runtime and the library against.

f32 stands for np.float32; every operation on such a number is rounded once. Bytes are ints (int64 arrays) in the range of
their type.
"""

import math

import numpy as np

from quantized import RANGES, Quantization

f32 = np.float32


# ---- Sums ----------------------------------------------------------------------------------------------------------


def same_padding(size, kernel, stride):
    """Rows before and after the image by TensorFlow's rule SAME, and the number of outputs."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, outputs


def sums(x, layer):
    """bias + sum (x - zero) * w: [N][H][W][C] in int64, exact."""
    x = x.astype(np.int64) - layer.x.zero
    if layer.kernel == 1:
        x = x[:, :: layer.stride, :: layer.stride]
        # float64 holds integers below 2^53
        products = x.astype(np.float64) @ layer.weight.T.astype(np.float64)
        return products.astype(np.int64) + layer.bias
    kernel, stride = layer.kernel, layer.stride
    top, bottom, height = same_padding(x.shape[1], kernel, stride)
    left, right, width = same_padding(x.shape[2], kernel, stride)
    x = np.pad(x.astype(np.int32), ((0, 0), (top, bottom), (left, right), (0, 0)))
    total = np.zeros((x.shape[0], height, width, layer.channels), np.int32) + layer.bias.astype(np.int32)
    for i in range(kernel):
        for j in range(kernel):
            rows, columns = slice(i, i + stride * (height - 1) + 1, stride), slice(j, j + stride * (width - 1) + 1, stride)
            if layer.dense:  # below 2^53
                total += (x[:, rows, columns].astype(np.float64) @ layer.weight[:, i, j].T.astype(np.float64)).astype(np.int32)
            else:
                total += x[:, rows, columns] * layer.weight[i, j].astype(np.int32)
    return total.astype(np.int64)


# ---- Requantization ------------------------------------------------------------------------------------------------


def fp32_scales(sx, sw, sy):
    """fl(fl(sx * sw) / sy)"""
    return (f32(sx) * np.asarray(sw, f32)) / f32(sy)


def requantize_fp32(acc, scale, zero, lo, hi):
    """round half even (fl(fl(acc) * scale)) + zero, clamped: the clamp may come before or after."""
    value = acc.astype(f32) * scale
    value = np.minimum(np.maximum(value, f32(lo - zero)), f32(hi - zero))
    return np.rint(value).astype(np.int64) + zero


def quantize_multiplier(m):
    """m = M * 2^(e - 31): TFLite's QuantizeMultiplier."""
    if m == 0:
        return 0, 0
    q, e = math.frexp(m)
    multiplier = round_half_away(q * 2.0**31)
    if multiplier == 1 << 31:
        multiplier //= 2
        e += 1
    if e < -31:
        return 0, 0
    if e > 30:
        return (1 << 31) - 1, 30
    return multiplier, e


def round_half_away(value):
    return int(math.floor(abs(value) + 0.5)) * (1 if value >= 0 else -1)


def double_multipliers(sx, sw, sy, dtype):
    """Of m = sx * sw / sy in double; the legacy type uint8 rounds the product to f32."""
    number = f32 if dtype == "uint8" else np.float64
    weights = np.atleast_1d(np.asarray(sw, f32))
    return [quantize_multiplier(float(number(f32(sx)) * number(w)) / float(f32(sy))) for w in weights]


def multiply_by_quantized(acc, multiplier, shift):
    """TFLite's MultiplyByQuantizedMultiplier with two roundings (gemmlowp)."""
    shifted = acc << max(shift, 0)
    t = shifted * multiplier
    t = t + np.where(t >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(t >= 0, t >> 31, -((-t) >> 31))  # truncated
    return divide_by_power(high, max(-shift, 0))


def divide_by_power(value, n):
    """value / 2^n, halves away from zero: gemmlowp's RoundingDivideByPOT."""
    mask = (1 << n) - 1
    return (value >> n) + ((value & mask) > (mask >> 1) + (value < 0))


def requantize_double(acc, multipliers, zero, lo, hi):
    if len(multipliers) == 1:
        value = multiply_by_quantized(acc, *multipliers[0])
    else:
        value = np.stack([multiply_by_quantized(acc[..., c], *m) for c, m in enumerate(multipliers)], -1)
    return np.clip(value + zero, lo, hi)


def clamp_range(clamp, y, dtype):
    """The bytes that RELU and RELU6 leave: roundf(6 / scale) + zero, halves away from zero."""
    lo, hi = RANGES[dtype]
    if clamp in ("relu", "relu6"):
        lo = max(lo, y.zero)
    if clamp == "relu6":
        hi = min(hi, y.zero + round_half_away(float(f32(6) / f32(y.scale))))
    return lo, hi


# ---- Functions of one byte -----------------------------------------------------------------------------------------


def bytes_of(dtype):
    lo, hi = RANGES[dtype]
    return np.arange(lo, hi + 1)


def _each(function, values):
    """function(float) in double on every value."""
    return np.array([function(float(value)) for value in values])


def logistic(value):
    """In double, as XNNPACK's reference has it."""
    if value > 100:
        return 1.0
    if value < -100:
        return 0.0
    e = math.exp(value)
    return e / (1 + e)


def gelu(value):
    return value / 2 * (1 + math.erf(value * math.sqrt(2) / 2))


FUNCTIONS = {"LOGISTIC": logistic, "TANH": math.tanh, "GELU": gelu}


def round_away(values):
    """Halves away from zero, f32 in and out."""
    return np.copysign(np.floor(np.abs(values.astype(np.float64)) + 0.5), values).astype(f32)


def real_bytes(x, dtype):
    return (bytes_of(dtype) - x.zero).astype(f32) * f32(x.scale)


def table(name, x, y, dtype):
    """XNNPACK's table: the function in double, rounded to f32; then fl(fl(value * fl(1 / sy)) + zero), half even."""
    value = _each(FUNCTIONS[name], real_bytes(x, dtype)).astype(f32)
    scaled = value * (f32(1) / f32(y.scale)) + f32(y.zero)
    return np.clip(np.rint(scaled), *RANGES[dtype]).astype(np.int64)


def table_reference(name, x, y, dtype):
    """TFLite's own table: fl(value * fl(1 / sy)), halves away from zero, and only then the zero point. Its LOGISTIC is
    1 / (1 + exp(-x)) in f32."""
    real = real_bytes(x, dtype)
    if name == "LOGISTIC":
        with np.errstate(over="ignore"):
            value = f32(1) / (f32(1) + np.exp(-real.astype(np.float64)).astype(f32))
    else:
        value = _each(FUNCTIONS[name], real).astype(f32)
    scaled = round_away(value * (f32(1) / f32(y.scale))) + f32(y.zero)
    return np.clip(scaled, *RANGES[dtype]).astype(np.int64)


def multiply(a, b, a_q, b_q, y, dtype):
    """MUL in FP32: fl(fl(sa * sb) / sy)."""
    lo, hi = RANGES[dtype]
    return requantize_fp32((a - a_q.zero) * (b - b_q.zero), f32(a_q.scale) * f32(b_q.scale) / f32(y.scale), y.zero, lo, hi)


def multiply_reference(a, b, a_q, b_q, y, dtype):
    """TFLite's own MUL: one multiplier, of which the product and the quotient are f32."""
    lo, hi = RANGES[dtype]
    m = quantize_multiplier(float(f32(a_q.scale) * f32(b_q.scale) / f32(y.scale)))
    return requantize_double((a - a_q.zero) * (b - b_q.zero), [m], y.zero, lo, hi)


def doubling_high(a, b, rounding):
    """int16: (a * b * 2) >> 16, rounded to nearest, or towards zero."""
    product = a * b
    if rounding:
        product = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    high = np.where(product >= 0, product >> 15, -((-product) >> 15))
    return np.where((a == b) & (a == -32768), 32767, high)


def _i16(value):
    return np.clip(value, -32768, 32767)


def _multiplier_16(m):
    multiplier, shift = quantize_multiplier(m)
    return (32767 if multiplier >= (1 << 31) - 1 - (1 << 15) else (multiplier + (1 << 15)) >> 16), shift


def hard_swish(x, y, dtype):
    """TFLite's HARD_SWISH in 16-bit fixed point; y's scale must be no less than x's / 128."""
    hires = f32(1.0 / 128) * f32(x.scale)
    out, out_shift = _multiplier_16(float(hires / f32(y.scale)))
    relu, relu_shift = _multiplier_16(float(hires / (f32(3) / f32(32768))))
    if out_shift > 0:
        raise ValueError("hard_swish: the scale of y is too small")
    value = (bytes_of(dtype) - x.zero) * 128
    on_output = doubling_high(value, np.int64(out), True)
    if relu_shift > 0:
        value = _i16(value << (relu_shift - 1))
    value = doubling_high(value, np.int64(relu), True)
    if relu_shift > 0:
        value = _i16(value << 1)
    if relu_shift < 0:
        value = divide_by_power(value, -relu_shift)
    value = (value + (1 << 15)) >> 1
    value = doubling_high(value, on_output, False)
    return np.clip(divide_by_power(value, -out_shift) + y.zero, *RANGES[dtype])


def leaky_relu(x, y, alpha, dtype):
    """XNNPACK's: 8 fractional bits."""
    positive = f32(x.scale) / f32(y.scale)
    negative = positive * f32(alpha)
    value = bytes_of(dtype) - x.zero
    factor = np.where(value >= 0, int(np.rint(f32(256) * positive)), int(np.rint(f32(256) * negative)))
    return np.clip(((value * factor + 128) >> 8) + y.zero, *RANGES[dtype])


def leaky_relu_reference(x, y, alpha, dtype):
    """TFLite's own: alpha's multiplier from f32 products, then the two roundings."""
    slope = quantize_multiplier(float(f32(x.scale) * f32(alpha) / f32(y.scale)))
    identity = quantize_multiplier(float(f32(x.scale) / f32(y.scale)))
    value = bytes_of(dtype) - x.zero
    scaled = np.where(value >= 0, multiply_by_quantized(value, *identity), multiply_by_quantized(value, *slope))
    return np.clip(scaled + y.zero, *RANGES[dtype])


def prelu(x, slopes, slopes_q, y, dtype):
    """LiteRT's PRELU, by its default and its reference: [channel][byte]. The factors are f32."""
    identity = quantize_multiplier(float(f32(x.scale) / f32(y.scale)))
    slope = quantize_multiplier(float(f32(x.scale) * f32(slopes_q.scale) / f32(y.scale)))
    value = bytes_of(dtype) - x.zero
    below = multiply_by_quantized(value * (slopes.astype(np.int64) - slopes_q.zero)[:, None], *slope)
    return np.clip(np.where(value >= 0, multiply_by_quantized(value, *identity), below) + y.zero, *RANGES[dtype])


def leaky_relu_onnx(x, y, alpha, dtype):
    """ONNX Runtime's QLinearLeakyRelu: in f32."""
    real = real_bytes(x, dtype)
    value = np.where(real >= 0, real, f32(alpha) * real)
    return np.clip(np.rint(value / f32(y.scale)).astype(np.int64) + y.zero, *RANGES[dtype])


def logistic_quantization(dtype):
    """What LiteRT demands of LOGISTIC's result."""
    return Quantization(f32(1 / 256), RANGES[dtype][0])


def silu(x, y, dtype):
    """x * LOGISTIC(x) as the delegate has it: two operators, a byte between them."""
    gate = logistic_quantization(dtype)
    return multiply(bytes_of(dtype), table("LOGISTIC", x, gate, dtype), x, gate, y, dtype)


def silu_reference(x, y, dtype):
    gate = logistic_quantization(dtype)
    return multiply_reference(bytes_of(dtype), table_reference("LOGISTIC", x, gate, dtype), x, gate, y, dtype)


# ---- Functions of two bytes ----------------------------------------------------------------------------------------


def add_xnnpack(a, b, a_q, b_q, y, dtype):
    ra, rb = f32(a_q.scale) / f32(y.scale), f32(b_q.scale) / f32(y.scale)
    exponent = math.frexp(float(max(ra, rb)))[1] - 1
    shift = 20 - exponent
    ma, mb = (int(np.rint(np.ldexp(r, shift))) for r in (ra, rb))
    bias = (1 << (shift - 1)) - ma * a_q.zero - mb * b_q.zero
    return np.clip(((bias + ma * a + mb * b) >> shift) + y.zero, *RANGES[dtype])


def add_reference(a, b, a_q, b_q, y, dtype):
    """TFLite's: both scaled up by 2^20 and down to twice the larger scale, then to y's."""
    sa, sb, sy = (float(f32(q.scale)) for q in (a_q, b_q, y))
    twice = 2 * max(sa, sb)
    ma, mb = quantize_multiplier(sa / twice), quantize_multiplier(sb / twice)
    my = quantize_multiplier(twice / ((1 << 20) * sy))
    total = multiply_by_quantized((a - a_q.zero) << 20, *ma) + multiply_by_quantized((b - b_q.zero) << 20, *mb)
    return np.clip(multiply_by_quantized(total, *my) + y.zero, *RANGES[dtype])


def add_float(a, b, a_q, b_q, y, dtype):
    """ONNX Runtime's QLinearAdd where it has fused multiply-adds."""
    ra, rb = f32(a_q.scale) / f32(y.scale), f32(b_q.scale) / f32(y.scale)
    fixed = f32(y.zero) - fused(ra, a_q.zero, rb * f32(b_q.zero))
    value = fused(np.asarray(a), ra, fused(np.asarray(b), rb, fixed))
    return np.clip(np.rint(value), *RANGES[dtype]).astype(np.int64)


def multiply_float(a, b, a_q, b_q, y, dtype):
    """ONNX Runtime's QLinearMul: like FP32, but the zero point is added before the rounding."""
    value = ((a - a_q.zero) * (b - b_q.zero)).astype(f32) * (f32(a_q.scale) * f32(b_q.scale) / f32(y.scale))
    return np.clip(np.rint(value + f32(y.zero)), *RANGES[dtype]).astype(np.int64)


def fused(a, b, c):
    """a * b + c, rounded once to f32 (but for sums that double rounds onto a half: none of 4 * 10^7 met one). The product
    of a byte and a float is exact in double."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(f32)


# ---- f32 at the doors ----------------------------------------------------------------------------------------------


def quantize_reciprocal(values, q, dtype):
    """XNNPACK's: fl(value * fl(1 / scale)), half even."""
    return np.clip(np.rint(values * (f32(1) / f32(q.scale))) + q.zero, *RANGES[dtype])


def quantize_divide(values, q, dtype):
    """ONNX Runtime's: fl(value / scale), half even."""
    return np.clip(np.rint(values / f32(q.scale)) + q.zero, *RANGES[dtype])


def quantize_away(values, q, dtype):
    """TFLite's own: fl(value / scale), halves away from zero."""
    return np.clip(round_away(values / f32(q.scale)) + q.zero, *RANGES[dtype])


# ---- Means ---------------------------------------------------------------------------------------------------------


def mean(x, x_q, y, dtype):
    """MEAN over height and width: FP32 with fl(fl(sx / sy) / n)."""
    total = (x.astype(np.int64) - x_q.zero).sum((1, 2), keepdims=True)
    return requantize_fp32(total, f32(x_q.scale) / f32(y.scale) / f32(x.shape[1] * x.shape[2]), y.zero, *RANGES[dtype])


def mean_reference(x, x_q, y, dtype):
    """TFLite's own MEAN: the scales' quotient as a multiplier, which is divided by n and cut off."""
    total, n = (x.astype(np.int64) - x_q.zero).sum((1, 2), keepdims=True), x.shape[1] * x.shape[2]
    multiplier, exponent = quantize_multiplier(float(f32(x_q.scale)) / float(f32(y.scale)))
    power = min(n.bit_length() - 1, 31 + exponent)
    scaled = multiply_by_quantized(total, (multiplier << power) // n, exponent - power)
    return np.clip(scaled + y.zero, *RANGES[dtype])
