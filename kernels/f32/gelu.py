#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gelu.py: makes the coefficients of GELU (more_scalar.c), and prints them with the errors that they leave.

Two minimax fits of relative error, by Remez' exchange:
    R(a) = Phi(-a) e^(a*a / 2) = D(a) / (2 a D(a) + N(a))     for 0 <= a <= 14.5
    e^(-s / 2) = 1 + s P(s)                                   for |s| <= ln(2)
Coefficients are rounded to floats one after the other, and those that are left are fitted anew, so that they make up for
what rounding has done. Needs nothing but Python.
"""
import math
import struct
from decimal import Decimal, getcontext

getcontext().prec = 140
GRID, TOP = 1500, 14.5


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


ROOT = (2 * pi()).sqrt()


def tail_ratio(x):
    """R(x): 1/2 e^(x*x/2) - 1/sqrt(2 pi) (x + x^3/3 + x^5/(3*5) + ...), which cancels at most 50 of the digits."""
    a = Decimal(x)
    term, total, k = a, Decimal(0), 1
    while term > total * Decimal(10) ** -135:
        total += term
        k += 2
        term *= a * a / k
    return float((a * a / 2).exp() / 2 - total / ROOT)


def solve(rows):
    """Gauss; each row ends with its right side."""
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


def remez(basis, target, points):
    """Coefficients c that make the largest |sum of c[k] basis[k][i] - target[i]| over all points i least, and that."""
    n = len(basis)
    if n == 0:
        return [], max(map(abs, target))
    chosen = [round((1 - math.cos(math.pi * i / n)) / 2 * (points - 1)) for i in range(n + 1)]
    best = None
    for _ in range(40):
        rows = [[f[i] for f in basis] + [(-1.0) ** k, target[i]] for k, i in enumerate(chosen)]
        *c, level = solve(rows)
        error = [sum(x * f[i] for x, f in zip(c, basis)) - target[i] for i in range(points)]
        worst = max(map(abs, error))
        if best is None or worst < best[1]:
            best = c, worst
        if worst <= abs(level) * 1.001:
            break
        # The extremes of each sign; then the n + 1 neighbours of alternating sign with the largest error.
        peaks = []
        for i, e in enumerate(error):
            if peaks and (error[peaks[-1]] > 0) == (e > 0):
                if abs(e) > abs(error[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n + 1:
            if len(peaks) == n + 2:
                del peaks[0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1]
            else:
                k = min(range(len(peaks)), key=lambda k: abs(error[peaks[k]]))
                del peaks[max(0, k - 1):k + 1]
        if len(peaks) < n + 1:
            break
        chosen = peaks
    return best


def rounded_fit(basis_of, target, points, order, fixed):
    """Fits, rounds the first coefficient of `order`, fits the others anew, and so on."""
    fixed = dict(fixed)
    names = [k for k in order if k not in fixed]
    while True:
        base = [target[i] - sum(v * basis_of[k][i] for k, v in fixed.items()) for i in range(points)]
        c, worst = remez([basis_of[k] for k in names], base, points)
        if not names:
            return fixed, worst
        fixed[names.pop(0)] = rounded(c[0])


def fit_ratio(degree, d0, kappa=2.0):
    xs = [TOP * (i / (GRID - 1)) ** 2 for i in range(GRID)] # denser where R bends
    r = [tail_ratio(x) for x in xs]
    weight = [1.0 / y for y in r] # of D - R M, in units of R M; M is that of the fit before
    order = [("n", j) for j in range(degree + 2)] + [("d", i) for i in range(1, degree + 1)]
    for step in range(12):
        basis = {("d", i): [w * x ** i * (1 - kappa * x * y) for x, y, w in zip(xs, r, weight)] for i in range(degree + 1)}
        basis.update({("n", j): [-w * x ** j * y for x, y, w in zip(xs, r, weight)] for j in range(degree + 2)})
        zero = [0.0] * GRID
        if step < 11:
            base = [-d0 * b for b in basis["d", 0]]
            c, worst = remez([basis[k] for k in order], base, GRID)
            c = dict(zip(order, c))
        else:
            c, worst = rounded_fit(basis, zero, GRID, [("n", 0)] + [("d", i) for i in range(degree, 0, -1)] + [("n", j) for j in range(degree + 1, 0, -1)], {("d", 0): d0})
        c["d", 0] = d0
        d = [sum(c["d", i] * x ** i for i in range(degree + 1)) for x in xs]
        n = [sum(c["n", j] * x ** j for j in range(degree + 2)) for x in xs]
        weight = [1.0 / (y * (kappa * x * p + q)) for x, y, p, q in zip(xs, r, d, n)]
    error = max(abs(p / (kappa * x * p + q) / y - 1) for x, y, p, q in zip(xs, r, d, n))
    return [c["d", i] for i in range(degree + 1)], [c["n", j] for j in range(degree + 2)], error


def fit_exponential(degree):
    xs = [math.log(2) * (2 * i / (GRID - 1) - 1) for i in range(GRID)]
    basis = {i: [x ** (i + 1) * math.exp(x / 2) for x in xs] for i in range(degree + 1)}
    target = [-math.expm1(x / 2) for x in xs]  # 1 + s P(s) - e^(-s/2), relative
    return rounded_fit(basis, target, GRID, range(degree, -1, -1) if False else range(degree + 1), {0: -0.5})


if __name__ == "__main__":
    import sys
    for degree in (3, 4):
        d, n, error = fit_ratio(degree, 1.0, float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
        print("degree", degree, "error", error, "in 2^-24:", error * 2**24)
        print(" D", d)
        print(" N", n)
    for degree in (4, 5):
        c, error = fit_exponential(degree)
        print("exp", degree, error, error * 2**24, [c[i] for i in range(degree + 1)])
