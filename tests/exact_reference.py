"""BatchNorm in plain fractions and in balls: two slow, independent derivations that the exact oracle must agree with.

Both follow the textbook from mean to dx, one value at a time, and share nothing with the oracle but the case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from bnspec.case import Array, Case, to_columns
from bnspec.convention import Convention

ROOT_BITS = 6000
"""Bits of a root in the fractions: no case of the tests has a value nearer to a rounding boundary, and one that had would raise."""

Truth = dict[str, list[Any]]
"""name -> a number a channel, or a list of m numbers a channel."""


class Radical:
    """rational + coefficient / sqrt(s): what every output is. It never meets another root than that of its own channel."""

    def __init__(self, rational: Fraction, coefficient: Fraction = Fraction(0), s: Fraction = Fraction(1)) -> None:
        self.rational, self.coefficient, self.s = rational, coefficient, s

    def ends(self) -> tuple[Fraction, Fraction]:
        """Fractions below and above it, equal where it is rational."""
        over, under = self.s.denominator, self.s.numerator
        root = Fraction(math.isqrt(over), math.isqrt(under))
        if root * root * self.s == 1:
            return (self.rational + self.coefficient * root,) * 2
        near = math.isqrt((over << 2 * ROOT_BITS) // under)
        return (
            self.rational + self.coefficient * Fraction(near, 1 << ROOT_BITS),
            self.rational + self.coefficient * Fraction(near + 1, 1 << ROOT_BITS),
        )


def rounded(value: Fraction) -> float:
    """The nearest float64, ties to even, or an infinity: Python divides integers that way."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def rounded_pair(ends: tuple[Fraction, Fraction]) -> tuple[float, float]:
    """The nearest float64 of a number between `ends`, and that of what then remains."""
    below, above = ends
    value = rounded(below)
    assert value == rounded(above), "the ends of a root are too far apart to round it"
    if math.isinf(value):
        return value, 0.0
    rest = rounded(below - Fraction(value))
    assert rest == rounded(above - Fraction(value)), "the ends of a root are too far apart to round what remains"
    return value, rest


def in_fractions(case: Case, convention: Convention | None, step: int = 1) -> Truth:
    """The outputs as `Radical`s, in training under `convention`, in inference where it is None."""
    truth: Truth = {}
    for c in range(case.channels):
        for name, value in _channel(case, c, convention, step).items():
            truth.setdefault(name, []).append(value)
    return truth


def _channel(case: Case, c: int, convention: Convention | None, step: int) -> dict[str, Any]:
    x = [Fraction(v) for v in case.columns(case.x)[:, c].tolist()]
    gamma, beta, old_mean, old_var = (Fraction(float(v[c])) for v in (case.gamma, case.beta, case.running_mean, case.running_var))
    m = len(x)
    mean = sum(x) / m if convention else old_mean
    var = sum((v - mean) ** 2 for v in x) / m if convention else old_var
    s = var + Fraction(float(case.eps))
    weight = convention.batch_weight(case.momentum, step) if convention else Fraction(0)
    factor = convention.variance_factor(m, case.x.ndim) if convention else Fraction(1)
    out: dict[str, Any] = {
        "mean": Radical(mean),
        "var": Radical(var),
        "inv_std": Radical(Fraction(0), Fraction(1), s),
        "abs_mean": Radical(sum(map(abs, x)) / m),
        "abs_max": Radical(max(map(abs, x))),
        "running_mean": Radical((1 - weight) * old_mean + weight * mean),
        "running_var": Radical((1 - weight) * old_var + weight * factor * var),
        "y": [Radical(beta, gamma * (v - mean), s) for v in x],
        "x_hat": [Radical(Fraction(0), v - mean, s) for v in x],
        "centered": [Radical(v - mean) for v in x],
    }
    if case.dy is not None:
        dy = [Fraction(v) for v in case.columns(case.dy)[:, c].tolist()]
        along = sum(w * (v - mean) for v, w in zip(x, dy, strict=True))
        residual = [w - sum(dy) / m - (v - mean) * along / (m * s) for v, w in zip(x, dy, strict=True)] if convention else dy
        out["dbeta"], out["dgamma"] = Radical(sum(dy, Fraction(0))), Radical(Fraction(0), along, s)
        out["residual"] = [Radical(w) for w in residual]
        out["dx"] = [Radical(Fraction(0), gamma * w, s) for w in residual]
    return out
