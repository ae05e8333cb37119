"""BatchNorm in plain fractions and in balls: two slow, independent derivations that the exact oracle must agree with.

Both follow the textbook from the mean to dx, one value at a time, and share nothing with the oracle but the case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from bnspec.case import Array, Case
from bnspec.convention import Convention

JUDGED = ("mean", "var", "running_mean", "running_var", "y", "dbeta", "dgamma", "dx")
"""The outputs that are rounded correctly, and have a rest."""

Ends = tuple[Fraction, Fraction]
"""Fractions between which a number lies, ends included."""

Number = Callable[[int], Ends]
"""A real number: asked for some bits, it gives ends about 2**-bits apart."""

BITS = [400 << k for k in range(7)]
"""How closely numbers are asked for, one after the other, until both ends round alike."""


def rounded(value: Fraction) -> float:
    """The nearest float64, ties to even, or an infinity: Python divides integers that way."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def rounded_pair(number: Number) -> tuple[float, float]:
    """The nearest float64, and that of what then remains (0 after an infinity)."""
    for bits in BITS:
        below, above = number(bits)
        value = rounded(below)
        rest = 0.0 if math.isinf(value) else rounded(below - Fraction(value))
        if value == rounded(above) and (math.isinf(value) or rest == rounded(above - Fraction(value))):
            return value, rest
    raise AssertionError("a number too near a rounding boundary for the reference")


def in_fractions(case: Case, c: int, convention: Convention | None, step: int = 1) -> dict[str, Any]:
    """Channel c of every output as a `Number` or a list of m, in training under `convention`, in inference where it is None."""
    x = fractions(case.columns(case.x)[:, c])
    gamma, beta, old_mean, old_var = fractions(np.array([case.gamma[c], case.beta[c], case.running_mean[c], case.running_var[c]]))
    mean = average(x) if convention else old_mean
    var = average([(v - mean) ** 2 for v in x]) if convention else old_var
    s = var + Fraction(float(case.eps))
    weight = convention.batch_weight(case.momentum, step) if convention else Fraction(0)
    factor = convention.variance_factor(len(x), case.x.ndim) if convention else Fraction(1)
    out: dict[str, Any] = {
        "mean": radical(mean),
        "var": radical(var),
        "inv_std": radical(Fraction(0), Fraction(1), s),
        "abs_mean": radical(average([abs(v) for v in x])),
        "abs_max": radical(max(abs(v) for v in x)),
        "running_mean": radical((1 - weight) * old_mean + weight * mean),
        "running_var": radical((1 - weight) * old_var + weight * factor * var),
        "y": [radical(beta, gamma * (v - mean), s) for v in x],
        "x_hat": [radical(Fraction(0), v - mean, s) for v in x],
        "centered": [radical(v - mean) for v in x],
    }
    if case.dy is None:
        return out
    dy = fractions(case.columns(case.dy)[:, c])
    along = [w * (v - mean) for v, w in zip(x, dy, strict=True)]
    flat = [w - average(dy) - (v - mean) * average(along) / s for v, w in zip(x, dy, strict=True)]
    residual = flat if convention else dy
    out["dbeta"], out["dgamma"] = radical(sum(dy, Fraction(0))), radical(Fraction(0), sum(along, Fraction(0)), s)
    out["residual"] = [radical(w) for w in residual]
    out["dx"] = [radical(Fraction(0), gamma * w, s) for w in residual]
    return out


def fractions(values: Array) -> list[Fraction]:
    return [Fraction(value) for value in values.astype(np.float64).tolist()]


def average(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def radical(rational: Fraction, coefficient: Fraction = Fraction(0), s: Fraction = Fraction(1)) -> Number:
    """rational + coefficient / sqrt(s), which every output is."""
    over, under = s.denominator, s.numerator
    exact = Fraction(math.isqrt(over), math.isqrt(under))

    def ends(bits: int) -> Ends:
        if exact * exact * s == 1:
            return (rational + coefficient * exact,) * 2
        near = math.isqrt((over << 2 * bits) // under)
        return rational + coefficient * Fraction(near, 1 << bits), rational + coefficient * Fraction(near + 1, 1 << bits)

    return ends


def in_balls(case: Case, c: int, convention: Convention | None, step: int, bits: int) -> dict[str, Any]:
    """The same in python-flint's balls of `bits` bits: each output that is judged as `Ends`, or a list of them."""
    import flint

    with flint.ctx.workprec(bits):
        out = _balls(case, c, convention, step, flint.arb)
        return {name: [ends_of(v) for v in value] if isinstance(value, list) else ends_of(value) for name, value in out.items()}


def _balls(case: Case, c: int, convention: Convention | None, step: int, ball: Any) -> dict[str, Any]:
    def balls(values: Array) -> list[Any]:
        return [ball(value) for value in values.astype(np.float64).tolist()]

    x, m = balls(case.columns(case.x)[:, c]), case.m
    gamma, beta, old_mean, old_var = balls(np.array([case.gamma[c], case.beta[c], case.running_mean[c], case.running_var[c]]))
    mean = sum(x, ball(0)) / m if convention else old_mean
    d = [v - mean for v in x]
    var = sum((v * v for v in d), ball(0)) / m if convention else old_var
    r = (var + ball(float(case.eps))).rsqrt()
    out = {"mean": mean, "var": var, "running_mean": mean, "running_var": var, "y": [gamma * v * r + beta for v in d]}
    if convention:
        weight, factor = convention.batch_weight(case.momentum, step), convention.variance_factor(m, case.x.ndim)
        w, f = (ball(ratio.numerator) / ratio.denominator for ratio in (weight, factor))
        out["running_mean"], out["running_var"] = old_mean + w * (mean - old_mean), old_var + w * (f * var - old_var)
    if case.dy is not None:
        dy = balls(case.columns(case.dy)[:, c])
        x_hat = [v * r for v in d]
        out["dbeta"], out["dgamma"] = sum(dy, ball(0)), sum((a * b for a, b in zip(dy, x_hat, strict=True)), ball(0))
        shift, slope = (out["dbeta"] / m, out["dgamma"] / m) if convention else (ball(0), ball(0))
        out["dx"] = [gamma * r * (a - shift - b * slope) for a, b in zip(dy, x_hat, strict=True)]
    return out


def ends_of(ball: Any) -> Ends:
    below, above = (Fraction(int(man)) * Fraction(2) ** int(exp) for man, exp in (ball.lower().man_exp(), ball.upper().man_exp()))
    return below, above
