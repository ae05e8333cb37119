"""Exact values as numbers of a dtype: correctly rounded, as decimals that round-trip, and as IEEE bits."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context
from typing import Any

import numpy as np

from bnspec.case import Array, dtype_named

UP = Context(prec=2, rounding=ROUND_CEILING)
"""Bounds are rounded up to two digits: never less is promised than was derived."""

ROOM = 1 + 2.0**-40
"""For the sum of a bound and the rounding of the value beside it, which is itself evaluated in float64."""


def bits_of(values: Array) -> Array:
    """The bits of an array as unsigned integers of the same width."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def nearest(values: Array, rests: Array | float, dtype: str) -> Array:
    """`values` + `rests` rounded once to `dtype`, to nearest, ties to even. `values` is float64, NaN stays NaN.

    A conversion that goes through another dtype rounds twice; so its neighbours are looked at too.
    """
    kind = dtype_named(dtype)
    with np.errstate(all="ignore"):
        guess = values.astype(kind)
        if kind.itemsize == 8:
            return guess
        bits = bits_of(guess).astype(np.int64)
        tried = np.stack([bits, bits - 1, bits + 1])
        tried = np.where((tried < 0) | (tried >= 1 << 8 * kind.itemsize), bits, tried)
        numbers = tried.astype(f"u{kind.itemsize}").view(kind)
        errors = np.abs((values - numbers.astype(np.float64)) + rests)
    errors = np.where(np.isnan(errors), np.inf, errors)
    best = np.lexsort((tried % 2, errors), axis=0)[:1]
    found: Array = np.take_along_axis(numbers, best, axis=0)[0]
    return np.where(np.isfinite(values), found, guess).astype(kind)


def decimals(values: Array) -> list[Any]:
    """Numbers that JSON can hold, the shortest that give back the same bits in the array's dtype; NaN and infinities as words."""
    shortest = values if hasattr(np, values.dtype.name) else values.astype(np.float32)
    return [float(str(one)) if np.isfinite(one) else str(float(one)) for one in shortest.ravel()]


def hexadecimal(values: Array) -> str:
    """The IEEE bits as hexadecimal digits, the most significant first, with spaces between the numbers."""
    width = 2 * values.dtype.itemsize
    return " ".join(f"{bits:0{width}x}" for bits in bits_of(values).ravel().tolist())


def room(values: Array, rests: Array | float, rounded: Array, bounds: Array) -> list[Any]:
    """How far an answer may be from the rounded value: its bound, and the value's own rounding; "inf": nothing is promised."""
    with np.errstate(all="ignore"):
        own = np.abs((values - rounded.astype(np.float64)) + rests)
        allowed = np.where(np.isnan(values), 0.0, (bounds + np.where(np.isfinite(own), own, 0.0)) * ROOM)
    flat = np.broadcast_to(allowed, values.shape).ravel()
    return [float(UP.create_decimal_from_float(float(one))) if np.isfinite(one) else "inf" for one in flat]
