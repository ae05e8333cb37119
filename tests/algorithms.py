"""Correct BatchNorm algorithms in strict arithmetic: every single operation is rounded to the dtype of its operands.

Each works on columns (m, C) of one dtype, one column a channel, so none depends on memory order or on how NumPy sums.
STATISTICS, OUTPUTS, BACKWARDS and UPDATES can be combined freely; those named in UNSTABLE are right in exact arithmetic only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Columns = Any
"""Arrays (m, C) or (C,). NumPy types an operation on arrays of unknown dtype as Any; so do we, rather than cast every line."""

Sum = Callable[[Columns], Columns]


class Moments(NamedTuple):
    """mean and biased variance, (C,) each."""

    mean: Columns
    var: Columns


class Gradients(NamedTuple):
    """dbeta (C,), dgamma (C,), dx (m, C)."""

    dbeta: Columns
    dgamma: Columns
    dx: Columns


def naive(values: Columns) -> Columns:
    """One value after the other: a tree as high as there are values."""
    return np.add.accumulate(values, axis=0)[-1]


def backwards(values: Columns) -> Columns:
    """From the last value to the first."""
    return naive(values[::-1])


def smallest_first(values: Columns) -> Columns:
    """In ascending order, channel by channel."""
    return naive(np.sort(values, axis=0))


def pairwise(values: Columns) -> Columns:
    """Neighbours first: a tree of height log2 m."""
    while (m := len(values)) > 1:
        pairs = values[0 : m - 1 : 2] + values[1:m:2]
        values = pairs if m % 2 == 0 else np.concatenate([pairs, values[-1:]])
    return values[0]


def blocked(values: Columns) -> Columns:
    """Eight running sums side by side, then pairwise, as vector units do."""
    padding = np.zeros((-len(values) % 8, *values.shape[1:]), values.dtype)
    lanes = np.concatenate([values, padding]).reshape(-1, 8, *values.shape[1:])
    return pairwise(naive(lanes))


def compensated(values: Columns) -> Columns:
    """Kahan's sum: what each addition lost is given to the next."""
    total, lost = np.zeros_like(values[0]), np.zeros_like(values[0])
    for value in values:
        wanted = value - lost
        grown = total + wanted
        total, lost = grown, (grown - total) - wanted
    return total


def wider(values: Columns) -> Columns:
    """In the next wider format, rounded once at the end."""
    wide = {"float16": np.float32, "float32": np.float64, "float64": np.longdouble}[values.dtype.name]
    return naive(values.astype(wide)).astype(values.dtype)


SUMS: dict[str, Sum] = {sum_.__name__: sum_ for sum_ in (naive, backwards, smallest_first, pairwise, blocked, compensated, wider)}


def two_pass(x: Columns, total: Sum) -> Moments:
    """The mean, then the mean of the squared distances from it."""
    m = x.dtype.type(len(x))
    mean = total(x) / m
    centered = x - mean
    return Moments(mean, total(centered * centered) / m)


def reciprocal(x: Columns, total: Sum) -> Moments:
    """Two passes that multiply by a rounded 1 / m."""
    share = x.dtype.type(1) / x.dtype.type(len(x))
    mean = total(x) * share
    centered = x - mean
    return Moments(mean, total(centered * centered) * share)


def corrected(x: Columns, total: Sum) -> Moments:
    """Two passes, less the square of what the mean was off by."""
    m, zero = x.dtype.type(len(x)), x.dtype.type(0)
    mean = total(x) / m
    centered = x - mean
    off = total(centered)
    return Moments(mean, np.maximum((total(centered * centered) - off * off / m) / m, zero))


def welford(x: Columns, total: Sum) -> Moments:
    """One pass with a running mean (Welford 1962); it has no use for `total`."""
    del total
    T = x.dtype.type
    mean, squares = x[0], np.zeros_like(x[0])
    for count, value in enumerate(x[1:], start=2):
        before = value - mean
        mean = mean + before / T(count)
        squares = squares + before * (value - mean)
    return Moments(mean, squares / T(len(x)))


def chan(x: Columns, total: Sum) -> Moments:
    """A tree of merged halves (Chan, Golub & LeVeque 1979)."""
    del total
    T = x.dtype.type
    parts = [(1, value, np.zeros_like(value)) for value in x]
    while len(parts) > 1:
        merged = []
        for (a, mean_a, squares_a), (b, mean_b, squares_b) in zip(parts[0::2], parts[1::2], strict=False):
            apart, share = mean_b - mean_a, T(b) / T(a + b)
            merged.append((a + b, mean_a + apart * share, squares_a + squares_b + apart * apart * T(a) * share))
        parts = merged + parts[2 * len(merged) :]
    _, mean, squares = parts[0]
    return Moments(mean, squares / T(len(x)))


def one_pass(x: Columns, total: Sum) -> Moments:
    """E[x**2] - E[x]**2, cut off at 0: cancels where the mean is large. Unstable."""
    m, zero = x.dtype.type(len(x)), x.dtype.type(0)
    mean = total(x) / m
    return Moments(mean, np.maximum(total(x * x) / m - mean * mean, zero))


def one_pass_sums(x: Columns, total: Sum) -> Moments:
    """(sum(x**2) - sum(x)**2 / m) / m. Unstable."""
    m, zero = x.dtype.type(len(x)), x.dtype.type(0)
    whole = total(x)
    return Moments(whole / m, np.maximum((total(x * x) - whole * whole / m) / m, zero))


def shifted(x: Columns, total: Sum) -> Moments:
    """E[z**2] - E[z]**2 for z = x - x[0]: good unless the first value is the odd one out. Unstable."""
    m, zero = x.dtype.type(len(x)), x.dtype.type(0)
    z = x - x[0]
    mean = total(z) / m
    return Moments(mean + x[0], np.maximum(total(z * z) / m - mean * mean, zero))


STATISTICS = {way.__name__: way for way in (two_pass, reciprocal, corrected, welford, chan, one_pass, one_pass_sums, shifted)}
ONE_SUM = ("welford", "chan")
"""Statistics that are their own summation."""


def centred(x: Columns, mean: Columns, inv_std: Columns, gamma: Columns, beta: Columns) -> Columns:
    """As the paper writes it."""
    return (x - mean) * inv_std * gamma + beta


def prescaled(x: Columns, mean: Columns, inv_std: Columns, gamma: Columns, beta: Columns) -> Columns:
    """gamma and inv_std multiplied first."""
    return (x - mean) * (inv_std * gamma) + beta


def fused(x: Columns, mean: Columns, inv_std: Columns, gamma: Columns, beta: Columns) -> Columns:
    """One multiplication and one addition an element."""
    slope = gamma * inv_std
    return x * slope + (beta - mean * slope)


OUTPUTS = {way.__name__: way for way in (centred, prescaled, fused)}


def standard(x: Columns, dy: Columns, mean: Columns, inv_std: Columns, gamma: Columns, total: Sum) -> Gradients:
    """Gamma r (dy - mean(dy) - x_hat mean(dy x_hat))."""
    m = x.dtype.type(len(x))
    x_hat = (x - mean) * inv_std
    dbeta, dgamma = total(dy), total(dy * x_hat)
    return Gradients(dbeta, dgamma, (gamma * inv_std) * (dy - dbeta / m - x_hat * (dgamma / m)))


def m_fold(x: Columns, dy: Columns, mean: Columns, inv_std: Columns, gamma: Columns, total: Sum) -> Gradients:
    """(gamma r / m) (m dy - dbeta - x_hat dgamma)."""
    m = x.dtype.type(len(x))
    x_hat = (x - mean) * inv_std
    dbeta, dgamma = total(dy), total(dy * x_hat)
    return Gradients(dbeta, dgamma, (gamma * inv_std / m) * (m * dy - dbeta - x_hat * dgamma))


def dot_form(x: Columns, dy: Columns, mean: Columns, inv_std: Columns, gamma: Columns, total: Sum) -> Gradients:
    """By sum((x - mean) dy) r**2 / m, without x_hat."""
    m = x.dtype.type(len(x))
    centered = x - mean
    dot, dbeta = total(centered * dy), total(dy)
    slope = dot * inv_std * inv_std / m
    return Gradients(dbeta, dot * inv_std, (dy - dbeta / m - centered * slope) * inv_std * gamma)


def chain(x: Columns, dy: Columns, mean: Columns, inv_std: Columns, gamma: Columns, total: Sum) -> Gradients:
    """Step by step through d/d var and d/d mean, as in the paper, with the sum of x - mean that should be 0."""
    T = x.dtype.type
    m = T(len(x))
    centered = x - mean
    dx_hat = dy * gamma
    dvar = total(dx_hat * centered) * T(-0.5) * inv_std * inv_std * inv_std
    dmean = total(-dx_hat * inv_std) + dvar * total(T(-2) * centered) / m
    dx = dx_hat * inv_std + dvar * T(2) * centered / m + dmean / m
    return Gradients(total(dy), total(dy * (centered * inv_std)), dx)


def ds_db(x: Columns, dy: Columns, mean: Columns, inv_std: Columns, gamma: Columns, total: Sum) -> Gradients:
    """By the uncentred sum(dy x), as fused kernels have it. Unstable."""
    m = x.dtype.type(len(x))
    dbeta = total(dy)
    dgamma = (total(dy * x) - mean * dbeta) * inv_std
    slope = gamma * inv_std
    tilt = -dgamma * inv_std * slope / m
    return Gradients(dbeta, dgamma, slope * dy + tilt * x + (-tilt * mean - slope * dbeta / m))


BACKWARDS = {way.__name__: way for way in (standard, m_fold, dot_form, chain, ds_db)}

UNSTABLE = ("one_pass", "one_pass_sums", "shifted", "ds_db")
"""Names of the algorithms that grade C admits and grade B does not."""


def blend(old: Columns, new: Columns, keep: Columns, weight: Columns) -> Columns:
    """Two products and a sum."""
    return keep * old + weight * new


def step_forward(old: Columns, new: Columns, keep: Columns, weight: Columns) -> Columns:
    """From the old value towards the new one."""
    del keep
    return old + weight * (new - old)


def step_back(old: Columns, new: Columns, keep: Columns, weight: Columns) -> Columns:
    """The same, subtracted."""
    del keep
    return old - (old - new) * weight


def from_new(old: Columns, new: Columns, keep: Columns, weight: Columns) -> Columns:
    """From the new value back towards the old one."""
    del weight
    return new - (new - old) * keep


UPDATES = {way.__name__: way for way in (blend, step_forward, step_back, from_new)}
