"""A case as the oracle takes it: float64 columns, one a channel, all of them finite. Every dtype's values are float64 values."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import NamedTuple

import numpy as np

from bnspec.case import Array, Case
from bnspec.convention import Convention

SIGNIFICANT_BITS = {2: 11, 4: 24, 8: 53}
"""Bits of a significand by the bytes of the dtype; bfloat16 has fewer than the float16 of its size."""


NOT_ABOVE_ZERO = "1 / sqrt(var + eps) needs var + eps above zero, and it is not; give a larger eps or a channel that varies"
"""What `Undefined` says of a channel that is constant with eps == 0, or of a negative running variance."""


class Undefined(ArithmeticError):
    """The case has no true values: a channel without values, var + eps not above zero, or an input that is not finite."""


class Columns(NamedTuple):
    """x and dy (m, C), `parameters` (4, C): gamma, beta, running_mean, running_var; `digits` bits hold any x and dy significand."""

    x: Array
    dy: Array | None
    parameters: Array
    eps: float
    digits: int


class Outputs(NamedTuple):
    """What a derivation comes to: values by name, what remains of each beyond float64, and the roundoff of the two together.

    Arrays are (C,) a channel or (m, C) an element; `rests` is empty where none were asked for.
    """

    values: dict[str, Array]
    rests: dict[str, Array]
    roundoff: float


def columns_of(case: Case) -> Columns:
    """`case` as columns. Raises `Undefined` where a channel has no values or x, dy or eps is not finite; parameters may yet be."""
    if not case.m:
        raise Undefined(f"the mean of no values is undefined; x has shape {case.x.shape}: give every channel a value")
    if not isfinite(case.eps):
        raise not_finite("eps")
    parameters = np.array((case.gamma, case.beta, case.running_mean, case.running_var), np.float64)
    x, digits = _finite("x", case, case.x), SIGNIFICANT_BITS[case.x.dtype.itemsize]
    if case.dy is None:
        return Columns(x, None, parameters, float(case.eps), digits)
    digits = max(digits, SIGNIFICANT_BITS[case.dy.dtype.itemsize])
    return Columns(x, _finite("dy", case, case.dy), parameters, float(case.eps), digits)


def weight_of(case: Case, convention: Convention, step: int) -> Fraction:
    """The exact weight of the batch in the running averages. Raises `Undefined` where momentum is not finite."""
    try:
        return convention.batch_weight(case.momentum, step)
    except (OverflowError, ValueError):  # what Python's fractions say of infinities and NaNs
        raise not_finite("momentum") from None


def _finite(name: str, case: Case, values: Array) -> Array:
    columns = case.columns(values)
    if not np.isfinite(columns).all():
        raise not_finite(name)
    return columns


def not_finite(name: str) -> Undefined:
    """What to raise when `name` holds an infinity or a NaN."""
    return Undefined(f"{name} holds a value that is not finite, and only finite inputs have true outputs; replace it by a number")
