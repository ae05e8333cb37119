"""BatchNorm in double-double arithmetic: pairs of float64 arrays with 106 bits between them, for tensors too large for integers.

Sums and products are Dekker's and Knuth's error-free transformations; each operation on pairs is within 2**-102 of its result
(Joldes, Muller & Popescu 2017 prove smaller constants). The formulas are the textbook's two passes over columns (m, C), so the
outputs obey the bounds of any other float implementation, with 2**-102 for the unit roundoff.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bnspec.case import Array
from bnspec.columns import NOT_ABOVE_ZERO, Columns, Outputs, Undefined

SPLITTER = 2.0**27 + 1
"""Veltkamp: multiplying by it cuts a float64 in two halves of at most 26 bits, whose products are exact."""

SMALLEST, LARGEST = 2.0**-200, 2.0**200
"""Magnitudes between which nothing here can overflow, nor lose an error term to underflow."""

PAIR_ROUNDOFF = 2.0**-102
"""What each operation on pairs may add; outputs obey the bounds of class A with it for the unit roundoff."""

ROUNDOFF = 2.0**-53 * (1 + 2.0**-40)
"""The high half alone: the nearest float64, but where the pair's own error carries it over a rounding boundary."""


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b and its rounding error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def fast_two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The same where |a| >= |b| or a is 0 (Dekker)."""
    total = a + b
    return total, b - (total - a)


def split(a: Array) -> tuple[Array, Array]:
    """a as the sum of two halves of at most 26 bits."""
    big = SPLITTER * a
    high = big - (big - a)
    return high, a - high


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a * b and its rounding error (Dekker)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@dataclass(frozen=True, eq=False)
class Pair:
    """hi + lo elementwise, |lo| at most half an ulp of hi; `other` may be a Pair or plain float64."""

    hi: Array
    lo: Array

    def __neg__(self) -> Pair:
        return Pair(-self.hi, -self.lo)

    def __add__(self, other: Pair | Array | float) -> Pair:
        if not isinstance(other, Pair):
            total, error = two_sum(self.hi, np.asarray(other))
            return Pair(*fast_two_sum(total, error + self.lo))
        total, error = two_sum(self.hi, other.hi)
        low_total, low_error = two_sum(self.lo, other.lo)
        total, error = fast_two_sum(total, error + low_total)
        return Pair(*fast_two_sum(total, error + low_error))

    def __sub__(self, other: Pair | Array | float) -> Pair:
        return self + (-other)

    def __mul__(self, other: Pair | Array | float) -> Pair:
        if not isinstance(other, Pair):
            product, error = two_product(self.hi, np.asarray(other))
            return Pair(*fast_two_sum(product, error + self.lo * other))
        product, error = two_product(self.hi, other.hi)
        return Pair(*fast_two_sum(product, error + (self.hi * other.lo + self.lo * other.hi)))

    def __truediv__(self, divisor: float) -> Pair:
        first = self.hi / divisor
        rest = self - exact_product(first, divisor)
        return Pair(*fast_two_sum(first, rest.hi / divisor))

    def inverse_root(self) -> Pair:
        """1 / sqrt(self): a float64 guess and one Newton step, whose e = 1 - self guess**2 is about 2**-52 and neglects e**2."""
        guess = 1 / np.sqrt(self.hi)
        e = (-(self * guess * guess) + 1.0).hi
        return Pair(*fast_two_sum(guess, guess * e * 0.5))

    def sum(self) -> Pair:
        """The sum over the first axis, by halves: as many roundings deep as m has bits."""
        hi, lo = self.hi, self.lo
        while (m := hi.shape[0]) > 1:
            half = m // 2
            front = Pair(hi[:half], lo[:half]) + Pair(hi[half : 2 * half], lo[half : 2 * half])
            hi, lo = np.concatenate([front.hi, hi[2 * half :]]), np.concatenate([front.lo, lo[2 * half :]])
        return Pair(hi[0], lo[0])


def exact_product(a: Array, b: Array | float) -> Pair:
    """a * b without error."""
    return Pair(*two_product(a, np.asarray(b)))


def pair(values: Array) -> Pair:
    """float64 values as pairs."""
    return Pair(values, np.zeros_like(values))


def constant(value: Fraction) -> Pair:
    """One number as a pair."""
    nearest = float(value)
    return Pair(np.array(nearest), np.array(float(value - Fraction(nearest))))


def fits(columns: Columns) -> bool:
    """Whether every element is 0 or of a magnitude between `SMALLEST` and `LARGEST`; all float16, bfloat16 and float32 are."""
    arrays = [columns.x, columns.parameters, np.array(columns.eps)]
    return all(map(_in_range, arrays if columns.dy is None else [*arrays, columns.dy]))


def _in_range(values: Array) -> bool:
    sizes = np.abs(values)
    return bool(sizes.max() <= LARGEST and not np.any((sizes < SMALLEST) & (sizes > 0)))


def train(columns: Columns, weight: Fraction, factor: Fraction, *, low: bool) -> Outputs:
    """All outputs in training, the running statistics with `weight` on the batch's and `factor` on its variance.

    Raises `Undefined` where var + eps is zero.
    """
    (gamma, beta, running_mean, running_var), x, dy, m = columns.parameters, columns.x, columns.dy, len(columns.x)
    mean = pair(x).sum() / m  # of a constant column exactly its value, for then no sum needs more than 106 bits: var is 0
    centered = -mean + x
    var = (centered * centered).sum() / m
    inv_std = _inverse_root(var + columns.eps)
    slope, keep = inv_std * gamma, constant(1 - weight)
    pairs = {"mean": mean, "var": var, "y": centered * slope + beta}
    pairs["running_mean"] = mean * constant(weight) + keep * running_mean
    pairs["running_var"] = var * constant(weight * factor) + keep * running_var
    residual = None
    if dy is not None:
        pairs["dbeta"] = pair(dy).sum()
        pairs["dgamma"] = (centered * dy).sum() * inv_std
        residual = -(pairs["dbeta"] / m) + dy - centered * (pairs["dgamma"] * inv_std / m)
        pairs["dx"] = residual * slope
    return _outputs(columns, pairs, centered, inv_std, residual, low=low)


def infer(columns: Columns, *, low: bool) -> Outputs:
    """All outputs in inference. Raises `Undefined` where running_var + eps is not above zero."""
    (gamma, beta, running_mean, running_var), x, dy = columns.parameters, columns.x, columns.dy
    mean, var = pair(running_mean), pair(running_var)
    centered = Pair(*two_sum(x, -running_mean))
    inv_std = _inverse_root(var + columns.eps)
    slope = inv_std * gamma
    pairs = {"mean": mean, "var": var, "running_mean": mean, "running_var": var, "y": centered * slope + beta}
    if dy is None:
        return _outputs(columns, pairs, centered, inv_std, None, low=low)
    pairs |= {"dbeta": pair(dy).sum(), "dgamma": (centered * dy).sum() * inv_std, "dx": slope * dy}
    return _outputs(columns, pairs, centered, inv_std, pair(dy), low=low)


def _outputs(
    columns: Columns, judged: dict[str, Pair], centered: Pair, inv_std: Pair, residual: Pair | None, *, low: bool
) -> Outputs:
    sizes = np.abs(columns.x)
    values = {name: each.hi for name, each in judged.items()}
    values |= {"inv_std": inv_std.hi, "centered": centered.hi, "x_hat": centered.hi * inv_std.hi}
    values |= {"abs_mean": (pair(sizes).sum() / len(sizes)).hi, "abs_max": sizes.max(axis=0)}
    if residual is not None:
        values["residual"] = residual.hi
    rests = {name: each.lo for name, each in judged.items()} if low else {}
    return Outputs(values, rests, PAIR_ROUNDOFF if low else ROUNDOFF)


def _inverse_root(square: Pair) -> Pair:
    if not np.all(square.hi > 0):
        raise Undefined(NOT_ABOVE_ZERO)
    return square.inverse_root()
