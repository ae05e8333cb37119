"""What Batch Normalization computes: Ioffe & Szegedy 2015, Algorithms 1 and 2, readable in one sitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.case import HALF_DTYPES, Array


class EmptyBatch(ValueError):
    """A batch without values: the mean of nothing is undefined."""


class SingleValue(ValueError):
    """Training with one value a channel: its variance is 0 whatever the value, so there is nothing to learn from it."""


class ZeroVariance(ArithmeticError):
    """var + eps is zero: the division by its root is undefined."""


@dataclass(frozen=True, eq=False)
class Normalized:
    """y with mean and var (C,) for the running averages, x_hat and inv_std (1, C, 1, ...) for the backward pass."""

    y: Array
    mean: Array
    var: Array
    x_hat: Array
    inv_std: Array


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to calculate in: float32 for half inputs, whose own statistics would overflow and lose digits; else x's own.

    Raises TypeError for what is no float: y in the dtype of whole numbers would be cut off.
    """
    if dtype.name in HALF_DTYPES:
        return np.dtype(np.float32)
    if dtype.kind != "f":
        raise TypeError(f"x must be of a float dtype, not {dtype.name}; convert it first, for example with x.astype('float32')")
    return dtype


def reduction_axes(x: Array, channel_axis: int) -> tuple[int, ...]:
    """Every axis but the channel's: the batch and all positions share one mean and one variance a channel (sec. 3.2)."""
    return tuple(axis for axis in range(x.ndim) if axis != channel_axis % x.ndim)


def per_channel(values: Array, x: Array, channel_axis: int) -> Array:
    """A (C,) parameter, shaped to broadcast over x: (1, C, 1, 1) for an x of (N, C, H, W). Raises ValueError where C differs."""
    if values.shape != (x.shape[channel_axis],):
        expected = f"({x.shape[channel_axis]},), one value a channel of x {x.shape}"
        raise ValueError(f"a parameter must have shape {expected}; got {values.shape}")
    shape = [1] * x.ndim
    shape[channel_axis] = -1
    return values.astype(working_dtype(x.dtype), copy=False).reshape(shape)


def inverse_std(var: Array, eps: float) -> Array:
    """1 / sqrt(var + eps), eps inside the root; raises `ZeroVariance` where that is not a number."""
    if not np.all(var + eps > 0) and not np.any(np.isnan(var)):
        raise ZeroVariance(f"var + eps must be positive in every channel to be divided by; the smallest is {np.min(var + eps)}")
    root: Array = np.sqrt(var + var.dtype.type(eps))
    return 1 / root


def normalize(x: Array, gamma: Array, beta: Array, *, eps: float, channel_axis: int = 1) -> Normalized:
    """Normalize `x` with its own statistics, channel by channel (Ioffe & Szegedy 2015, Alg. 1).

    mean  = sum(x) / m                     "mini-batch mean"       x: (N, C, *S), m = N * prod(S)
    var   = sum((x - mean)**2) / m         "mini-batch variance"   biased: divides by m, not m - 1
    x_hat = (x - mean) / sqrt(var + eps)   "normalize"             eps inside the root
    y     = gamma * x_hat + beta           "scale and shift"       gamma, beta: (C,); y shaped as x

    Half inputs are calculated in float32 and y is rounded once. A constant channel gives y = beta, but for what rounding of the
    mean leaves of x - mean. Raises `EmptyBatch` when m == 0 and `ZeroVariance` where var + eps is 0.
    """
    axes = reduction_axes(x, channel_axis)
    if x.size == 0:
        raise EmptyBatch(f"a mean needs at least one value a channel; x has shape {x.shape}")
    values = x.astype(working_dtype(x.dtype), copy=False)
    mean = values.mean(axes, keepdims=True)
    var = np.square(values - mean).mean(axes, keepdims=True)
    inv_std = inverse_std(var, eps)
    x_hat = (values - mean) * inv_std
    y = per_channel(gamma, x, channel_axis) * x_hat + per_channel(beta, x, channel_axis)
    return Normalized(y.astype(x.dtype, copy=False), mean.ravel(), var.ravel(), x_hat, inv_std)


def infer(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, *, eps: float, channel_axis: int = 1
) -> Normalized:
    """Normalize `x` with statistics that training collected (Ioffe & Szegedy 2015, Alg. 2, line 11).

    y = gamma * (x - running_mean) / sqrt(running_var + eps) + beta

    Every sample is answered by itself: no value of the batch enters another's. Raises `ZeroVariance` as `normalize` does.
    """
    mean = per_channel(running_mean, x, channel_axis)
    var = per_channel(running_var, x, channel_axis)
    inv_std = inverse_std(var, eps)
    x_hat = (x.astype(working_dtype(x.dtype), copy=False) - mean) * inv_std
    y = per_channel(gamma, x, channel_axis) * x_hat + per_channel(beta, x, channel_axis)
    return Normalized(y.astype(x.dtype, copy=False), running_mean, running_var, x_hat, inv_std)


def running_average(old: Array, batch: Array, weight: float) -> Array:
    """(1 - weight) * old + weight * batch, in the dtype of the running statistics.

    Alg. 2 averages over training batches ("E[x] <- E_B[mean_B]"); practice moves an average along (sec. 3.1). The
    weight of each step is the convention's: constant, or 1/k for the plain average.
    """
    averaged: Array = (1 - weight) * old + weight * batch.astype(old.dtype, copy=False)
    return averaged
