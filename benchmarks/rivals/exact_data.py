"""A check in the manner of oneDNN's benchdnn: data with an exact mean and variance, so that tolerances can be a few roundings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnspec.case import Array
from rivals.asked import Asked, differing

TITLE = "benchdnn-like exact data"

SHAPES = ((2, 16), (16, 10), (2, 5, 8), (4, 16, 4, 4), (2, 10, 6, 14), (2, 3, 2, 4, 3))
"""Flat, lines, images and volumes; an even number of values a channel, so that they come in pairs about a mean."""

FORWARD, STATISTICS, BACKWARD = 6e-7, 2.0**-22, 5e-6
"""Relative tolerances, of the largest number in each output; of the statistics, the two roundings of the running average."""

EPS = 2.0**-10


def check(asked: Asked) -> Iterator[str]:
    """Training and inference of every shape, with gradients, in float32."""
    rng = np.random.default_rng(7)
    for shape in SHAPES:
        if len(shape) > max(asked.convention.ranks):
            continue
        for training in (True, False):
            yield from _case(asked, rng, shape, training)


def _case(asked: Asked, rng: np.random.Generator, shape: tuple[int, ...], training: bool) -> Iterator[str]:
    channels, axes, per = shape[1], (0, *range(2, len(shape))), (1, -1, *[1] * (len(shape) - 2))
    mean, spread = 2.0 ** rng.integers(-2, 3, channels), 2.0 ** rng.integers(-2, 3, channels)
    x = (mean.reshape(per) + spread.reshape(per) * _signs(rng, shape)).astype(np.float32)
    dy = rng.integers(-3, 4, shape).astype(np.float32)
    gamma, beta = 2.0 ** rng.integers(-1, 2, channels), rng.integers(-2, 3, channels) / 2
    given = {"gamma": gamma, "beta": beta, "mean": mean / 2, "var": spread**2 * 2, "eps": EPS}
    answer = (asked.train if training else asked.infer)(x, dy, weight=0.5, **given)
    used_mean, used_var = (mean, spread**2) if training else (given["mean"], given["var"])
    inv_std = (1 / np.sqrt(used_var + EPS)).reshape(per)
    x_hat = (x.astype(np.float64) - used_mean.reshape(per)) * inv_std
    dgamma, dbeta = (dy * x_hat).sum(axes), dy.sum(axes, dtype=np.float64)
    m = x.size // channels
    through = (dbeta.reshape(per) + x_hat * dgamma.reshape(per)) / m if training else 0.0
    dx = gamma.reshape(per) * inv_std * (dy - through)
    name = f"{shape} {'training' if training else 'inference'}"
    yield from _near(f"{name}: y", answer.y, gamma.reshape(per) * x_hat + beta.reshape(per), FORWARD)
    for part, got, want in (("dx", answer.dx, dx), ("dgamma", answer.dgamma, dgamma), ("dbeta", answer.dbeta, dbeta)):
        yield from _near(f"{name}: {part}", got, want, BACKWARD)
    if training:
        yield from _near(f"{name}: mean", answer.mean, asked.moved(given["mean"], mean, 0.5), STATISTICS)
        yield from _near(f"{name}: variance", answer.var, asked.moved(given["var"], spread**2 * asked.factor(x), 0.5), STATISTICS)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As many +1 as -1 in each channel."""
    channels, each = shape[1], int(np.prod(shape)) // shape[1]
    columns = np.stack([rng.permutation(np.repeat([1.0, -1.0], each // 2)) for _ in range(channels)])
    return np.moveaxis(columns.reshape(channels, shape[0], *shape[2:]), 0, 1)


def _near(name: str, got: Array | None, want: Array, tolerance: float) -> Iterator[str]:
    yield from differing(name, got, want, rtol=0.0, atol=tolerance * max(1.0, float(np.abs(want).max())))
