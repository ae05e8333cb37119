"""The last step of the oracle: fractions, and fractions times a square root, rounded once; each against fractions alone."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isqrt, ldexp

import numpy as np
import pytest

from bnspec import rounding
from bnspec.rounding import Root

SHIFTS = [0, 1, 60, 1021, 1022, 1023, 1074, 1100, 2500]
"""Powers of two around the smallest normal number, the smallest of all, and beyond."""

HUGE = 1 << 1100


def nearest(true: Fraction) -> float:
    try:
        return float(true)
    except OverflowError:
        return inf if true > 0 else -inf


@pytest.mark.parametrize("over", [1, -1, 3, 10**30 + 7, HUGE, -HUGE, 3 * HUGE])
@pytest.mark.parametrize("under", [1, 3, 10**30, 1 << 1000])
def test_a_quotient_and_what_is_left_of_it_are_rounded_once(over: int, under: int) -> None:
    true = Fraction(over, under)
    value = rounding.quotient(over, under)
    assert value == nearest(true)
    left = 0.0 if value in (inf, -inf) else nearest(true - Fraction(value))
    assert rounding.remainder(over, under, value) == left


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("slope", [3, -(10**40) - 1])
@pytest.mark.parametrize("start", [0, 7, HUGE + 1, -HUGE])
def test_a_line_and_what_is_left_of_it_are_rounded_once(slope: int, start: int, shift: int) -> None:
    xs = [0, 1, -5, 12345678901234567891]
    true = [Fraction(slope * x + start, 1 << shift) for x in xs]
    values = rounding.line(slope, start, xs, shift)
    assert values == [nearest(one) for one in true]
    left = [0.0 if value in (inf, -inf) else nearest(one - Fraction(value)) for one, value in zip(true, values, strict=True)]
    assert rounding.rests_of_line(slope, start, xs, shift, values) == left


@pytest.mark.parametrize(
    "factor", [(1, 3), (1 << 999, 3), (1 << 1020, 3), (5, 1 << 998), (5, 1 << 1060), (HUGE, 1), (1, HUGE)], ids=str
)
def test_what_feeds_bounds_is_within_two_roundings(factor: tuple[int, int]) -> None:
    numerators = [0, 1, -3, 1 << 70, HUGE]
    got = rounding.proportional(numerators, factor)
    for value, numerator in zip(got, numerators, strict=True):
        wanted = nearest(numerator * Fraction(*factor))
        assert value == wanted or abs(Fraction(value) / Fraction(wanted) - 1) <= Fraction(1, 2**52)


COLUMNS = {
    "near to one another": [[1.0, 2.0], [3.0, -4.5]],
    "as far apart as one p allows": [[1.0], [2.0**-10]],
    "too far apart by a bit": [[1.0], [2.0**-11]],
    "each column by its own p": [[1e300, 1e-300], [3e300, -7e-300]],
    "both ends of the range in one": [[1.7e308], [5e-324]],
    "whole and large": [[2.0**80, 2.0**53], [2.0**80 + 2.0**40, -1.0]],
    "zeros": [[0.0, 0.0], [0.0, 2.0**-1000]],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_integers_times_a_power_of_two(name: str) -> None:
    columns = np.array(COLUMNS[name])
    for column, (integers, p) in zip(columns.T, rounding.as_integers(columns, 53), strict=True):
        assert p >= 0
        assert [Fraction(each, 1 << p) for each in integers] == [Fraction(each) for each in column.tolist()]


@pytest.mark.parametrize("bits", [1, 53, 80])
@pytest.mark.parametrize("square", [(2, 1), (1, 3), (1, HUGE), (HUGE, 1), (9, 4), (10**40 + 1, 10**20)], ids=str)
def test_a_root_is_bracketed_as_finely_as_was_asked(square: tuple[int, int], bits: int) -> None:
    root = Root.of(square, bits)
    true = Fraction(*square)
    assert Fraction(root.floor, 1 << root.shift) ** 2 <= true < Fraction(root.floor + 1, 1 << root.shift) ** 2
    assert root.floor.bit_length() >= bits
    assert root.shift == 0 or root.floor.bit_length() <= bits + 3, "and hardly more finely"


@pytest.mark.parametrize(
    ("square", "rational"), [((9, 4), Fraction(3, 2)), ((8, 2), Fraction(2)), ((2, 1), None), ((1, 3), None)], ids=str
)
def test_a_root_is_rational_or_not(square: tuple[int, int], rational: Fraction | None) -> None:
    found = Root.of(square, 10).rational()
    assert (None if found is None else Fraction(*found)) == rational


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("bits", [1, 60, 144])
@pytest.mark.parametrize("start", [(0, 1), (-5, 1 << 200), (3, 1)], ids=str)
@pytest.mark.parametrize("square", [(2, 1), (3, 1 << 301), (9, 16), (1, 9)], ids=str)
def test_a_line_on_a_root_is_rounded_once(square: tuple[int, int], start: tuple[int, int], bits: int, low: bool) -> None:
    """The truth is from a bracket of 800 bits, which leaves no rounding open."""
    xs, slope = [0, 1, -3, 10**25], (5, 1 << 7)
    values, rests = rounding.on_root(Root.of(square, bits), xs, slope, start, low=low)
    near = Fraction(isqrt((square[0] << 1600) // square[1]), 1 << 800)
    true = [near * Fraction(*slope) * x + Fraction(*start) for x in xs]
    assert values == [nearest(one) for one in true]
    left = [nearest(one - Fraction(value)) for one, value in zip(true, values, strict=True)]
    assert rests == ([pytest.approx(one, rel=2**-50, abs=ldexp(1, -700)) for one in left] if low else [])


def test_rests_are_given_where_they_are_asked_for() -> None:
    assert rounding.on_root(Root.of((2, 1), 60), [1], (1, 1)) == ([2**0.5], [])
