#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gelu.py: prints the coefficients of GELU (more_scalar.c) and the errors that they leave. Needs nothing but Python.

Two minimax fits of the relative error, by Remez' exchange:
    R(a) = Phi(-a) e^(a a / 2) = D(a) / (b D(a) + a N(a)), b = 2 + 2 a    for 0 <= a <= 14.5; D and N of degree 4
    e^(-s / 2) = 1 - s / 2 + s s P(s)                                     for |s| <= ln 2; P of degree 4
Coefficients are rounded to floats one after the other, and those that are left are fitted anew, so that they make up
for what rounding has done. D(0), by which numerator and denominator are scaled, and the order in which P's coefficients
are rounded are those, of some that were tried, with the least error of GELU over all floats.
"""
import math
import struct
from decimal import Decimal, getcontext

getcontext().prec = 140
POINTS, TOP, DEGREE, D0 = 1500, 14.5, 4, 1.375


def rounded(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def pi():
    """Machin's formula."""
    def arctan_of_inverse(n):
        term, total, k = Decimal(1) / n, Decimal(0), 0
        while abs(term) > Decimal(10) ** -135:
            total += term / (2 * k + 1) * (-1) ** k
            term, k = term / (n * n), k + 1
        return total
    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


def tail_ratio(x, root):
    """R(x) = e^(x x / 2) / 2 - (x + x^3 / 3 + x^5 / (3 5) + ...) / root(2 pi): at most 50 of the digits cancel."""
    a = Decimal(x)
    term, total, k = a, Decimal(0), 1
    while term > total * Decimal(10) ** -135:
        total += term
        k += 2
        term *= a * a / k
    return float((a * a / 2).exp() / 2 - total / root)


def solve(rows):
    """Gauss' elimination; each row ends with its right side."""
    n = len(rows)
    for i in range(n):
        best = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i])]
    solution = [0.0] * n
    for i in reversed(range(n)):
        solution[i] = (rows[i][n] - sum(rows[i][j] * solution[j] for j in range(i + 1, n))) / rows[i][i]
    return solution


def extremes(error, count):
    """The points of the largest errors, `count` neighbours of alternating sign; fewer if there are not so many."""
    peaks = []
    for i, e in enumerate(error):
        if not peaks or (error[peaks[-1]] > 0) != (e > 0):
            peaks.append(i)
        elif abs(e) > abs(error[peaks[-1]]):
            peaks[-1] = i
    while len(peaks) > count:
        if len(peaks) == count + 1:
            del peaks[0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1]
        else:
            least = min(range(len(peaks)), key=lambda k: abs(error[peaks[k]]))
            del peaks[max(0, least - 1):least + 1]
    return peaks


def remez(basis, target):
    """The coefficients c that make the largest |sum of c[k] basis[k][i] - target[i]| least, and that."""
    n, points = len(basis), len(target)
    if n == 0:
        return [], max(map(abs, target))
    chosen = [round((1 - math.cos(math.pi * i / n)) / 2 * (points - 1)) for i in range(n + 1)]
    best = None
    for _ in range(40):
        *c, level = solve([[f[i] for f in basis] + [(-1.0) ** k, target[i]] for k, i in enumerate(chosen)])
        error = [sum(x * f[i] for x, f in zip(c, basis)) - target[i] for i in range(points)]
        worst = max(map(abs, error))
        if best is None or worst < best[1]:
            best = c, worst
        chosen = extremes(error, n + 1)
        if worst <= abs(level) * 1.001 or len(chosen) < n + 1:
            break
    return best


def rounded_fit(basis, target, order, fixed):
    """Fits, rounds the first coefficient of `order`, fits the others anew, and so on."""
    fixed, names = dict(fixed), [k for k in order if k not in fixed]
    while names:
        left = [y - sum(c * basis[k][i] for k, c in fixed.items()) for i, y in enumerate(target)]
        c, _ = remez([basis[k] for k in names], left)
        fixed[names.pop(0)] = rounded(c[0])
    return fixed, max(abs(sum(c * basis[k][i] for k, c in fixed.items()) - y) for i, y in enumerate(target))


def fit_ratio():
    """D - R (b D + a N) is the error of R, in units of R (b D + a N), which are those of the fit before."""
    root = (2 * pi()).sqrt()
    xs = [TOP * (i / (POINTS - 1)) ** 2 for i in range(POINTS)]  # denser where R bends
    r = [tail_ratio(x, root) for x in xs]
    weight, fixed = [1 / y for y in r], {("d", 0): D0}
    names = [("n", i) for i in range(DEGREE + 1)] + [("d", i) for i in range(1, DEGREE + 1)]

    def polynomial(c, name, x):
        return sum(c[name, i] * x**i for i in range(DEGREE + 1))

    def basis():
        terms = {}
        for i in range(DEGREE + 1):
            terms["d", i] = [w * x**i * (1 - (2 + 2 * x) * y) for x, y, w in zip(xs, r, weight)]
            terms["n", i] = [-w * x ** (i + 1) * y for x, y, w in zip(xs, r, weight)]
        return terms

    def ratio(c):
        d, n = ([polynomial(c, name, x) for x in xs] for name in "dn")
        return d, [(2 + 2 * x) * p + x * q for x, p, q in zip(xs, d, n)]

    for _ in range(9):
        terms = basis()
        c, _ = remez([terms[k] for k in names], [-D0 * y for y in terms["d", 0]])
        c = {**fixed, **dict(zip(names, c))}
        weight = [1 / (y * m) for y, m in zip(r, ratio(c)[1])]
    best = None
    d, n = ([(name, i) for i in range(DEGREE + 1)] for name in "dn")
    interleaved = [k for pair in zip(d[::-1], n[::-1]) for k in pair]
    for order in (d[::-1] + n[::-1], n[:1] + d + n[1:], interleaved):
        c, _ = rounded_fit(basis(), [0.0] * POINTS, order, fixed)
        error = max(abs(p / m / y - 1) for p, m, y in zip(*ratio(c), r))
        if best is None or error < best[1]:
            best = c, error
    return best


def fit_exponential():
    xs = [math.log(2) * (2 * i / (POINTS - 1) - 1) for i in range(POINTS)]
    basis = {i: [x ** (i + 1) * math.exp(x / 2) for x in xs] for i in range(DEGREE + 2)}
    return rounded_fit(basis, [-math.expm1(x / 2) for x in xs], (2, 1, 3, 4, 5), {0: -0.5})


def main():
    c, error = fit_ratio()
    print(f"R, error {error * 2**24:.3f} 2^-24")
    for name in "dn":
        print(f"  {name.upper()}", *(f"{c[name, i]:.17g}f" for i in reversed(range(DEGREE + 1))))
    c, error = fit_exponential()
    print(f"e^(-s/2), error {error * 2**24:.3f} 2^-24")
    print("  P", *(f"{c[i]:.17g}f" for i in reversed(range(1, DEGREE + 2))))


if __name__ == "__main__":
    main()
