"""The ingredients of a recipe: what random numbers become before they are scaled. Arrays are columns, (m, C)."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array


def normal(z: Array, n: int) -> Array:
    """As drawn."""
    return z


def per_sample(z: Array, n: int) -> Array:
    """Each sample of the batch has a mean of its own: statistics of one sample or of a part of the batch show."""
    m = len(z)
    shifted: Array = z + 2.0 * (np.arange(m) * n // m)[:, None]
    return shifted


def per_position(z: Array, n: int) -> Array:
    """Each position has a mean of its own: statistics over the batch axis alone show."""
    positions = len(z) // n
    shifted: Array = z + 2.0 * (np.arange(len(z)) % positions)[:, None]
    return shifted


def outlier(z: Array, n: int) -> Array:
    """One value far from the others."""
    x = z.copy()
    x[0] += 16.0
    return x


def constant_channel(z: Array, n: int) -> Array:
    """The first channel does not vary at all."""
    x = z.copy()
    x[:, 0] = x[0, 0]
    return x


def alternating(z: Array, n: int) -> Array:
    """Small differences on values that change sign each time."""
    return z * 0.125 + np.where(np.arange(len(z)) % 2, 1.0, -1.0)[:, None]


def ascending(z: Array, n: int) -> Array:
    """Sorted: a sum that runs along the batch meets the smallest first."""
    return np.sort(z, axis=0)


def skewed(z: Array, n: int) -> Array:
    """Positive, with a long tail."""
    positive: Array = np.exp(np.clip(z, -8, 3))
    return positive


INPUTS = (normal, per_sample, per_position, outlier, constant_channel, alternating, ascending, skewed)


def offset_upstream(w: Array, z: Array) -> Array:
    """Random with a mean: the mean term of dx matters."""
    return w + 2.0


def aligned_upstream(w: Array, z: Array) -> Array:
    """Random with a part along x: the variance term of dx matters."""
    return w + 2.0 * z + 1.0


def plain_upstream(w: Array, z: Array) -> Array:
    """As drawn."""
    return w


UPSTREAMS = (offset_upstream, aligned_upstream, plain_upstream)


STATE = ("gamma", "beta", "running_mean", "running_var")
"""What `parameters` and `defaults` give, in this order."""


def parameters(z: Array, std: float) -> tuple[Array, Array, Array, Array]:
    """(gamma, beta, running_mean, running_var) from four rows of numbers: gamma never 0, all away from their defaults."""
    gamma = np.where(z[0] == 0, -1.0, z[0])
    gamma = np.where(gamma == 1.0, 1.5, gamma)
    beta = np.where(z[1] == 0, 0.5, z[1])
    running_mean = z[2] * std + std
    running_var = (0.25 + np.abs(z[3])) * std * std
    return gamma, beta, running_mean, running_var


def defaults(channels: int) -> tuple[Array, Array, Array, Array]:
    """The parameters and state of a fresh layer: some mistakes show only there."""
    return np.ones(channels), np.zeros(channels), np.zeros(channels), np.ones(channels)
