"""Sequences of training batches through one layer, and where exact arithmetic says its running statistics end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from bnspec.case import Array, Case
from bnspec.plugs.conversation import Conversation
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Truth, columns, judge, train_truth
from bnspec.properties.stage import current
from bnspec.properties.strategies import NUMBERS, SEEDS, build

STATISTICS = {"running_mean": "mean", "running_var": "var"}
"""Which batch statistic each running one averages."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Batches of one normal population: the case that starts the layer, the batches, the population's mean and deviation."""

    case: Case
    batches: Sequence[Array]
    mean: float
    std: float


def _fractions(values: Array, low: Array | float = 0.0) -> list[Fraction]:
    lows = np.broadcast_to(low, values.shape).tolist()
    return [Fraction(a) + Fraction(b) for a, b in zip(values.astype(np.float64).tolist(), lows, strict=True)]


class Ledger:
    """The running statistics of one layer in exact fractions, kept beside it, and how far a right layer's may be from them.

    The bound of step k is what rounding may do in it, plus what is left of the bound before it: the step's weight of the old value.
    `grade` is that of the bounds; None: the limit of conformance.
    """

    def __init__(self, case: Case, grade: str | None = None) -> None:
        self.case = case
        self.grade = grade
        self.weights: list[float] = []
        self.bounds = {name: np.zeros(case.channels) for name in STATISTICS}
        self._state = {name: _fractions(getattr(case, name)) for name in STATISTICS}

    def train(self, x: Array) -> Truth:
        """A training step on `x`: the state moves on; the truth of the step's output."""
        convention, step = current().convention, len(self.weights) + 1
        old = {name: np.array([float(value) for value in values]) for name, values in self._state.items()}
        kept = self.case.running_mean.dtype
        here = self.case.replace(x=x, **{name: values.astype(kept) for name, values in old.items()})
        truth, weight = train_truth(here, step=step, grade=self.grade), convention.batch_weight(self.case.momentum, step)
        factor = {"running_mean": Fraction(1), "running_var": convention.variance_factor(here.m, x.ndim)}
        for name, statistic in STATISTICS.items():
            new = _fractions(truth.value(statistic), truth.exact.low.get(statistic, 0.0))
            pairs = zip(self._state[name], new, strict=True)
            self._state[name] = [(1 - weight) * a + weight * factor[name] * b for a, b in pairs]
            self.bounds[name] = float(abs(1 - weight)) * self.bounds[name] + truth.bound(name)
        self.weights.append(float(weight))
        return truth

    def check(self, answer: Answer) -> None:
        """Judge the running statistics that the layer shows now."""
        for name in STATISTICS:
            state = self._state[name]
            want = np.array([float(value) for value in state])
            rest = np.array([float(value - Fraction(hi)) for value, hi in zip(state, want.tolist(), strict=True)])
            got = columns(answer, name, self.case)
            why = f"after {len(self.weights)} training steps"
            judge(answer, name, got, want, self.bounds[name], low=rest, case=self.case, why=why)


def shown(layer: Conversation, y: Array) -> Answer:
    """What a layer shows after a call that gave `y`, as an answer that can be judged."""
    at = layer.latest
    mean, var = layer.running()
    return Answer(y, mean, var, None, {"y": at, **dict.fromkeys(STATISTICS, layer.latest)})


def follow(bn: Subject, case: Case, batches: Sequence[Array], grade: str | None = None) -> tuple[Ledger, Answer]:
    """Train one layer on `batches` and judge its running statistics against the recursion in exact fractions."""
    layer, ledger = bn.layer(case), Ledger(case.replace(dy=None), grade)
    for x in batches:
        y = layer.forward(x, training=True)
        ledger.train(x)
    answer = shown(layer, y)
    ledger.check(answer)
    return ledger, answer


def _stream(number: int, seed: int, steps: int, n: int) -> Stream:
    case = build((n, 4), number, seed, kappas=(0.0,), spreads=(1.0,))
    rng = np.random.Generator(np.random.PCG64(seed))
    mean, std = 3.0 * (number % 3), 2.0 ** (number % 5 - 2)
    batches = [(mean + std * rng.standard_normal(case.x.shape)).astype(case.x.dtype) for _ in range(steps)]
    return Stream(case, batches, mean, std)


def gaussian_streams() -> st.SearchStrategy[Stream]:
    """Streams of 30 or 60 batches of 4, 8 or 16 values in 4 channels."""
    return st.builds(_stream, NUMBERS, SEEDS, st.sampled_from((30, 60)), st.sampled_from((4, 8, 16)))
