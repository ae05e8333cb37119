"""The running statistics of one layer in exact fractions, kept beside it: what a sequence of training steps must leave behind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from bnspec import bounds, exact
from bnspec.bounds import Bounds
from bnspec.case import Array, Case
from bnspec.convention import Convention
from bnspec.exact import Exact

STATISTICS = {"running_mean": "mean", "running_var": "var"}
"""Which batch statistic each running one averages."""


class Ledger:
    """Where exact arithmetic says that the running statistics are, and how far a right layer's may be from there.

    The bound of step k is what rounding may do in it, plus what is left of the bound before it: the step's weight of the old value.

    case     how the layer starts: parameters and state;  grade: that of the bounds, None: the limit of conformance
    bounds   running_mean and running_var -> (C,), absolute: 0 before the first step
    weights  what each batch so far weighed
    """

    def __init__(self, case: Case, convention: Convention, grade: str | None = None) -> None:
        self.case = case
        self.convention = convention
        self.grade = grade
        self.weights: list[float] = []
        self.bounds = {name: np.zeros(case.channels) for name in STATISTICS}
        self._state = {name: _fractions(getattr(case, name)) for name in STATISTICS}

    def step(self, x: Array) -> tuple[Case, Exact, Bounds]:
        """A training step on `x`: the state moves on. The step as a case of its own, its true values and their bounds.

        Raises `Undefined` where the step has no true values; then nothing has moved.
        """
        number = len(self.weights) + 1
        kept = self.case.running_mean.dtype
        here = self.case.replace(x=x, **{name: values.astype(kept) for name, (values, _) in self.state().items()})
        true = exact.train(here, self.convention, step=number)
        grade = self.grade or bounds.conformance_grade(here.dtype)
        limit = bounds.train_bounds(here, true, self.convention, grade=grade, step=number)
        weight = self.convention.batch_weight(self.case.momentum, number)
        factor = {"running_mean": Fraction(1), "running_var": self.convention.variance_factor(here.m, x.ndim)}
        for name, statistic in STATISTICS.items():
            new = _fractions(getattr(true, statistic), true.low.get(statistic, 0.0))
            pairs = zip(self._state[name], new, strict=True)
            self._state[name] = [(1 - weight) * a + weight * factor[name] * b for a, b in pairs]
            self.bounds[name] = float(abs(1 - weight)) * self.bounds[name] + getattr(limit, name)
        self.weights.append(float(weight))
        return here, true, limit

    def state(self) -> dict[str, tuple[Array, Array]]:
        """running_mean and running_var as they are now: (C,) in float64, and what remains of each beyond that."""
        found = {}
        for name, values in self._state.items():
            want = np.array([float(value) for value in values])
            rest = np.array([float(value - Fraction(hi)) for value, hi in zip(values, want.tolist(), strict=True)])
            found[name] = want, rest
        return found


def _fractions(values: Array, low: Array | float = 0.0) -> list[Fraction]:
    lows = np.broadcast_to(low, values.shape).tolist()
    return [Fraction(a) + Fraction(b) for a, b in zip(values.astype(np.float64).tolist(), lows, strict=True)]
