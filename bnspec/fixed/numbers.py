"""The numbers of fixed cases: whole ones, by formulas that anybody can repeat, so small that every dtype has them.

Columns are (m, C): one a channel, m values each. Nothing is drawn, so no library's random numbers decide what the vectors are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnspec.case import Array

EXACT = {
    2: (-1, 1),
    3: (-3, 0, 3),
    4: (-6, 0, 0, 6),
    5: (-2, -1, 0, 1, 2),
    6: (-5, 5, -5, 5, -5, 5),
    8: (-6, -4, -2, 0, 0, 2, 4, 6),
    9: (-24, -18, -12, -6, 0, 6, 12, 18, 24),
    12: (-11, 11, 11, -11, -11, 11, -11, 11, 11, -11, -11, 11),
}
"""m -> whole numbers of sum 0, whose squares add up to a multiple of m and of m - 1: both variances are exact in any order."""

FACTORS = (1.0, -2.0, 0.5, 3.0, -1.0)
"""What each channel multiplies such numbers by, and so on in turn."""


def cycled(values: Sequence[float], channels: int) -> Array:
    """The values in turn, one a channel: (C,)."""
    return np.resize(np.asarray(values, np.float64), channels)


def whole(m: int, channels: int, turn: int) -> Array:
    """Whole numbers from -5 to 7 without any order; another `turn` gives others. Each channel has its own, and its own mean."""
    k, c = np.arange(m)[:, None], np.arange(channels)
    columns: Array = (k * k * (3 + turn) + k * (5 + c + 2 * turn) + 7 * c * c + 2 * turn) % 11 - 5 + c % 3
    return columns.astype(np.float64, copy=False)


def exact(m: int, channels: int, turn: int) -> Array:
    """Numbers whose mean and variances, biased and unbiased, are exact: `EXACT`, turned and moved for each channel."""
    columns = [np.roll(EXACT[m], c + turn) * FACTORS[(c + turn) % len(FACTORS)] + (2 * c - turn + 1) for c in range(channels)]
    return np.stack(columns, axis=1)


def ramp(m: int, channels: int, turn: int) -> Array:
    """0, 1, 2, ... in the first channel, and twice, three times that in the next: neighbours differ by the same."""
    columns: Array = np.arange(m)[:, None] * (np.arange(channels) + 1.0 + turn)
    return columns


def alternating(m: int, channels: int, turn: int) -> Array:
    """-1, 1, -1, 1, ... in every channel: mean 0 and variance 1 for even m."""
    column = np.where((np.arange(m)[:, None] + turn) % 2, 1.0, -1.0)
    return np.repeat(column, channels, axis=1)


def one_apart(m: int, channels: int, turn: int) -> Array:
    """All values 0, but one in each channel, which is 1: the one furthest from the mean that m values can have."""
    k, c = np.arange(m)[:, None], np.arange(channels)
    apart: Array = ((k - c - turn) % m == 0).astype(np.float64)
    return apart


def flat(m: int, channels: int, turn: int) -> Array:
    """One value a channel, m times."""
    return np.zeros((m, channels)) + np.arange(channels) + turn + 1.0


def flat_first(m: int, channels: int, turn: int) -> Array:
    """The first channel does not vary; the others do."""
    columns = whole(m, channels, turn)
    columns[:, 0] = 3.0
    return columns


def positive(m: int, channels: int, turn: int) -> Array:
    """Numbers above zero, as behind a ReLU."""
    return whole(m, channels, turn) + 6.0


def upstream(m: int, channels: int, turn: int) -> Array:
    """dy: whole numbers with a mean, so that every term of dx matters."""
    return whole(m, channels, turn + 4) + 2.0


def constant_upstream(m: int, channels: int, turn: int) -> Array:
    """The dy of a plain sum, 1 everywhere: dx must vanish in training, and does not in inference."""
    return np.ones((m, channels))


def one_upstream(m: int, channels: int, turn: int) -> Array:
    """dy is 1 in one place of each channel: what dx is in the other places comes through mean and variance alone."""
    return one_apart(m, channels, turn)
