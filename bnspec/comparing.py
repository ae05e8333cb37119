"""The one comparison of an answer with the truth: how far off it is, in units of its bound."""

from __future__ import annotations

import numpy as np

from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array

SMALLEST = 5e-324
"""Stands in for a bound of 0, so that equal bits make a ratio of 0 and other bits a huge one."""


@np.errstate(all="ignore")
def compared(got: Array, want: Array, tolerance: Array, dtype: str, low: Array | float = 0.0) -> tuple[Array, Array, Array]:
    """(error, tolerance, ratio): |got - want - low|, how large it may be, and the first in units of the second; shaped as `got`.

    What is no error has none: infinity for infinity, NaN for NaN, and anything where nothing is promised, which the tolerance that
    comes back says as infinity. A NaN that should be a number becomes an infinite error. All in float64; `dtype` is the answer's.
    """
    error = np.abs(got - want - low)
    if not np.all(error <= tolerance):
        tolerance = np.where(np.isnan(tolerance), np.inf, tolerance)  # 0 times no promise at all is no promise
        error = _forgiven(error, got, want, tolerance, dtype)
    return error, tolerance, error / np.maximum(tolerance, SMALLEST)


def _forgiven(error: Array, got: Array, want: Array, tolerance: Array, dtype: str) -> Array:
    right = (got == want) | (np.isnan(got) & np.isnan(want)) | np.isposinf(tolerance)
    right |= _rightly_infinite(got, want, tolerance, dtype)
    return np.where(right, 0.0, np.where(np.isnan(error), np.inf, error))


def _rightly_infinite(got: Array, want: Array, tolerance: Array, dtype: str) -> Array:
    """Infinity is right where the true value may round to it."""
    largest = FORMATS[dtype].largest
    right: Array = np.isinf(got) & (np.sign(got) == np.sign(want)) & (np.abs(want) + tolerance >= largest)
    return right
