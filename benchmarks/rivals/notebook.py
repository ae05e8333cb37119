"""The checks of the CS231n course notebook: means and deviations looked at, and gradients against numeric ones; as assertions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bnspec.case import Array
from rivals.asked import Asked

TITLE = "CS231n-style notebook checks"

H = 1e-5
"""The step of the numeric gradient, as in the notebook."""

RELATIVE = 1e-7
"""The relative error that is still called right."""


def check(asked: Asked) -> Iterator[str]:
    """Training moments, moments of inference after fifty batches, and three gradients; flat and, where offered, of images."""
    rng = np.random.default_rng(231)
    first, second = rng.standard_normal((50, 60)), rng.standard_normal((60, 3))
    yield from _moments(asked, lambda: np.asarray(np.maximum(0, rng.standard_normal((200, 50)) @ first) @ second))
    yield from _gradients(asked, rng, (4, 5))
    if max(asked.convention.ranks) >= 4:
        yield from _moments(asked, lambda: 4 * rng.standard_normal((10, 4, 11, 12)) + 10)
        yield from _gradients(asked, rng, (2, 3, 4, 5))


def _moments(asked: Asked, draw: Callable[[], Array]) -> Iterator[str]:
    x = draw()
    axes, channels = (0, *range(2, x.ndim)), np.arange(1.0, x.shape[1] + 1)
    for gamma, beta in ((np.ones(x.shape[1]), np.zeros(x.shape[1])), (channels, channels + 10)):
        y = asked.train(x, gamma=gamma, beta=beta).y
        if not (np.allclose(y.mean(axes), beta, atol=1e-6) and np.allclose(y.std(axes), gamma, atol=1e-4)):
            yield "means or deviations of the training output are not beta and gamma"
    layer = asked.layer(x)
    for _ in range(50):
        asked.call(layer, draw(), training=True)
    y = asked.call(layer, draw(), training=False).y
    if not (np.all(np.abs(y.mean(axes)) < 0.3) and np.all(np.abs(y.std(axes) - 1) < 0.3)):
        yield "means or deviations of inference, after fifty batches, are not near 0 and 1"


def _gradients(asked: Asked, rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[str]:
    x, dy = 5 * rng.standard_normal(shape) + 12, rng.standard_normal(shape)
    gamma, beta = rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
    found = asked.train(x, dy, gamma=gamma, beta=beta)

    def numeric(at: Array, value: Callable[[], Array]) -> Array:
        gradient = np.zeros_like(at)
        for index in np.ndindex(*at.shape):
            before = at[index]
            at[index] = before + H
            above = value()
            at[index] = before - H
            gradient[index] = np.sum((above - value()) * dy) / (2 * H)
            at[index] = before
        return gradient

    for name, got, at in (("dx", found.dx, x), ("dgamma", found.dgamma, gamma), ("dbeta", found.dbeta, beta)):
        if got is not None and got.dtype == np.float64:
            wanted = numeric(at, lambda: asked.train(x, gamma=gamma, beta=beta).y)
            error = np.max(np.abs(got - wanted) / np.maximum(1e-8, np.abs(got) + np.abs(wanted)))
            if not error < RELATIVE:
                yield f"the relative error of {name} is {error:.2g}"
