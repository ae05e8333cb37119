"""Integers to floats, rounded once and correctly: quotients, and lines whose slope is the square root of a quotient.

A number here is a pair (value, rest) of floats: value is the true number rounded to float64, rest is what then remains,
rounded to float64 too, so value + rest misses the true number by at most 2**-106 of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isinf, isqrt
from operator import lshift
from typing import NamedTuple

import numpy as np

from bnspec.case import Array

Ratio = tuple[int, int]
"""Numerator and denominator; the denominator is positive, and the two may have common factors."""

VALUE_BITS = 80
"""Bits of a root at the first attempt: about one value in 2**27 is too near a rounding boundary and takes a second."""

PAIR_BITS = 144
"""The same where the rest is wanted too, which lies 53 bits further down."""

SMALLEST_NORMAL_EXPONENT = 1022
"""A non-zero integer times 2**-1022 is a normal float64, so that scaling by this much or less never rounds."""


def as_integers(columns: Array, digits: int) -> list[tuple[list[int], int]]:
    """For each column of `columns` (m, C), finite float64 of at most `digits` significant bits: m integers and a p >= 0.

    The column is the integers times 2**-p, exactly.
    """
    rows = columns.T
    fractions, exponents = np.frexp(rows)
    lowest = min(int(exponents.min()), digits)
    if int(exponents.max()) - lowest + digits < 64:  # all fit in int64 with one p for all
        p = digits - lowest
        return [(row, p) for row in np.ldexp(rows, p).astype(np.int64).tolist()]
    significands = np.ldexp(fractions, digits).astype(np.int64).tolist()
    floors = np.minimum(exponents.min(axis=1), digits)
    lifts = (exponents - floors[:, None]).tolist()
    return [
        (list(map(lshift, row, lift)), digits - floor)
        for row, lift, floor in zip(significands, lifts, floors.tolist(), strict=True)
    ]


def quotient(numerator: int, denominator: int) -> float:
    """numerator / denominator correctly rounded, to an infinity beyond the largest float."""
    try:
        return numerator / denominator
    except OverflowError:
        return inf if numerator > 0 else -inf


def remainder(numerator: int, denominator: int, value: float) -> float:
    """numerator / denominator - value correctly rounded; 0 where value is infinite."""
    if isinf(value):
        return 0.0
    over, under = value.as_integer_ratio()
    return quotient(numerator * under - over * denominator, denominator * under)


def proportional(numerators: Sequence[int], factor: Ratio) -> list[float]:
    """numerators * factor to within two roundings: for numbers that feed a bound and are not judged themselves."""
    over, under = factor
    unit = quotient(over, under)
    if 2.0**-1000 < unit < 2.0**1000:  # then no product is subnormal, for no numerator is between 0 and 1
        try:
            return [unit * numerator for numerator in numerators]
        except OverflowError:  # an integer beyond the largest float
            pass
    return [quotient(numerator * over, under) for numerator in numerators]


class Root(NamedTuple):
    """sqrt(square) of a positive ratio, irrational or not: at least floor * 2**-shift and less than (floor + 1) * 2**-shift."""

    square: Ratio
    bits: int
    floor: int
    shift: int

    @classmethod
    def of(cls, square: Ratio, bits: int) -> Root:
        """The root with a floor of at least `bits` bits."""
        numerator, denominator = square
        shift = max(0, bits + (denominator.bit_length() - numerator.bit_length() + 2) // 2)
        return cls(square, bits, isqrt((numerator << 2 * shift) // denominator), shift)

    def rational(self) -> Ratio | None:
        """The root itself where it is rational, otherwise None."""
        numerator, denominator = self.square
        exact = isqrt(numerator * denominator)
        return (exact, denominator) if exact * exact == numerator * denominator else None


def on_root(
    root: Root, xs: Sequence[int], slope: Ratio, start: Ratio = (0, 1), *, low: bool = False
) -> tuple[list[float], list[float]]:
    """root * slope * x + start for each x: values, and rests where `low` asks for them (else empty).

    The denominators of slope and start are powers of two. Correctly rounded by Ziv's strategy: rounding is monotone, so where
    both ends of a bracket round to the same float, that is the answer, and else the bracket is narrowed. That ends: an
    irrational number is on no rounding boundary, and a rational root, which may be, is then taken as it is.
    """
    (rise, run), (above, below) = slope, start
    scale = root.shift + run.bit_length() - 1
    lift = max(0, below.bit_length() - 1 - scale)  # to make start an integer
    scale += lift
    offset = (above << scale) // below
    one, other = rise * root.floor << lift, rise * (root.floor + 1) << lift
    values = line(one, offset, xs, scale)
    if values == line(other, offset, xs, scale):
        rests = rests_of_line(one, offset, xs, scale, values) if low else []
        if not low or rests == rests_of_line(other, offset, xs, scale, values):
            return values, rests
    if (rational := root.rational()) is not None:
        return _on_rational(rational, xs, slope, start, low=low)
    return on_root(Root.of(root.square, 2 * root.bits), xs, slope, start, low=low)


def _on_rational(root: Ratio, xs: Sequence[int], slope: Ratio, start: Ratio, *, low: bool) -> tuple[list[float], list[float]]:
    step, under = root[0] * slope[0] * start[1], root[1] * slope[1] * start[1]
    offset = start[0] * root[1] * slope[1]
    numerators = [step * x + offset for x in xs]
    values = [quotient(numerator, under) for numerator in numerators]
    rests = [remainder(numerator, under, value) for numerator, value in zip(numerators, values, strict=True)]
    return values, rests if low else []


def line(slope: int, start: int, xs: Sequence[int], shift: int) -> list[float]:
    """(slope * x + start) * 2**-shift for each x, shift >= 0, each correctly rounded."""
    if shift <= SMALLEST_NORMAL_EXPONENT:
        unit = 2.0**-shift
        try:  # the conversion to float rounds correctly and the product is exact, in a third of a division's time
            return [unit * (slope * x + start) for x in xs]
        except OverflowError:  # an integer beyond the largest float
            pass
    return [quotient(slope * x + start, 1 << shift) for x in xs]


def rests_of_line(slope: int, start: int, xs: Sequence[int], shift: int, values: Sequence[float]) -> list[float]:
    """(slope * x + start) * 2**-shift - value, each correctly rounded, for the values that `line` gave."""
    if shift <= SMALLEST_NORMAL_EXPONENT:
        unit, back = 2.0**-shift, 2.0**shift
        try:
            return [unit * (slope * x + start - int(back * value)) for x, value in zip(xs, values, strict=True)]
        except OverflowError:
            pass
    return [remainder(slope * x + start, 1 << shift, value) for x, value in zip(xs, values, strict=True)]
