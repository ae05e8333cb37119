"""Sequences of training batches through one layer, and where exact arithmetic says its running statistics end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from bnspec.case import Array, Case
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import judge, train_truth
from bnspec.properties.stage import current
from bnspec.properties.strategies import build

STATISTICS = {"running_mean": "mean", "running_var": "var"}
"""Which batch statistic each running one averages."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Batches of one normal population: the case that starts the layer, the batches, the population's mean and deviation."""

    case: Case
    batches: Sequence[Array]
    mean: float
    std: float


@dataclass(frozen=True, eq=False)
class Followed:
    """Where a layer stood after its batches, the bounds of both running statistics there, and the weight of every step."""

    answer: Answer
    bounds: dict[str, Array]
    weights: tuple[float, ...]


def _fractions(values: Array, low: Array | float = 0.0) -> list[Fraction]:
    lows = np.broadcast_to(low, values.shape).tolist()
    return [Fraction(a) + Fraction(b) for a, b in zip(values.astype(np.float64).tolist(), lows, strict=True)]


def follow(bn: Subject, case: Case, batches: Sequence[Array]) -> Followed:
    """Train one layer on `batches` and judge its running statistics against the recursion in exact fractions.

    The bound of step k is what rounding may do in it, plus what is left of the bound before it: the step's weight of the old value.
    """
    convention, kept = current().convention, case.running_mean.dtype
    layer = bn.layer(case)
    state = {name: _fractions(getattr(case, name)) for name in STATISTICS}
    limits = {name: np.zeros(case.channels) for name in STATISTICS}
    for step, x in enumerate(batches, 1):
        y = layer.forward(x, training=True)
        old = {name: np.array([float(value) for value in state[name]]).astype(kept) for name in STATISTICS}
        truth = train_truth(case.replace(x=x, dy=None, **old), step=step)
        weight = convention.batch_weight(case.momentum, step)
        factor = {"running_mean": Fraction(1), "running_var": convention.variance_factor(case.m, case.x.ndim)}
        for name, statistic in STATISTICS.items():
            new = _fractions(truth.value(statistic), truth.exact.low.get(statistic, 0.0))
            state[name] = [(1 - weight) * a + weight * factor[name] * b for a, b in zip(state[name], new, strict=True)]
            limits[name] = float(abs(1 - weight)) * limits[name] + truth.bound(name)
    answer = Answer(y, *layer.running(), None, dict.fromkeys(STATISTICS, layer.latest))
    for name in STATISTICS:
        want = np.array([float(value) for value in state[name]])
        rest = np.array([float(value - Fraction(hi)) for value, hi in zip(state[name], want.tolist(), strict=True)])
        got = getattr(answer, name).astype(np.float64)
        judge(answer, name, got, want, limits[name], low=rest, case=case, why=f"after {len(batches)} training steps")
    weights = tuple(float(convention.batch_weight(case.momentum, step)) for step in range(1, len(batches) + 1))
    return Followed(answer, limits, weights)


def _stream(number: int, seed: int, steps: int, n: int) -> Stream:
    case = build((n, 4), number, seed, kappas=(0.0,), spreads=(1.0,))
    rng = np.random.Generator(np.random.PCG64(seed))
    mean, std = 3.0 * (number % 3), 2.0 ** (number % 5 - 2)
    batches = [(mean + std * rng.standard_normal(case.x.shape)).astype(case.x.dtype) for _ in range(steps)]
    return Stream(case, batches, mean, std)


def gaussian_streams() -> st.SearchStrategy[Stream]:
    """Streams of 30 or 60 batches of 4, 8 or 16 values in 4 channels."""
    return st.builds(
        _stream, st.integers(0, 2**24 - 1), st.integers(0, 2**32 - 1), st.sampled_from((30, 60)), st.sampled_from((4, 8, 16))
    )
