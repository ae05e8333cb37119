"""Sequences of training batches through one layer, and where exact arithmetic says its running statistics end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from bnspec import ledger as ledgers
from bnspec.case import Array, Case
from bnspec.ledger import STATISTICS
from bnspec.plugs.conversation import Conversation
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Truth, columns, judge
from bnspec.properties.stage import current
from bnspec.properties.strategies import NUMBERS, SEEDS, build


@dataclass(frozen=True, eq=False)
class Stream:
    """Batches of one normal population: the case that starts the layer, the batches, the population's mean and deviation."""

    case: Case
    batches: Sequence[Array]
    mean: float
    std: float


class Ledger(ledgers.Ledger):
    """The ledger of one layer of the subject, which is judged by it.

    `grade` is that of the bounds; None: the limit of conformance.
    """

    def __init__(self, case: Case, grade: str | None = None) -> None:
        super().__init__(case, current().convention, grade)

    def train(self, x: Array) -> Truth:
        """A training step on `x`: the state moves on; the truth of the step's output."""
        return Truth(*self.step(x))

    def check(self, answer: Answer) -> None:
        """Judge the running statistics that the layer shows now."""
        for name, (want, rest) in self.state().items():
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
