"""Whether gradients are those of the function that is computed, right or wrong: then they are no mistake of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bnspec.case import Array, Case, to_columns
from bnspec.implementation import Setup
from bnspec.plugs.subject import setup_request
from bnspec.protocol import Message
from bnspec.reference.bugs.questions import Question
from bnspec.reports.diagnosis.panel import Terms, placed
from bnspec.reports.diagnosis.scripts import Answers, Script

STEPS = {"float64": 1e-4, "float32": 2e-2}
"""How far a parameter or x is moved either way, by dtype."""

NEAR = 0.03
"""Relative difference between a gradient and a difference quotient that says nothing."""

MOVED = {"dx": "x", "dgamma": "gamma", "dbeta": "beta"}
"""What a gradient is with respect to."""


@dataclass(frozen=True)
class Consistency:
    """Asks an implementation for y beside a point, and for its gradients there."""

    ask: Callable[[Script], Answers | None]
    terms: Terms

    def __call__(self, name: str, *, training: bool) -> bool:
        """Whether this gradient is that of its own y; False where it cannot be told."""
        if self.terms.dtype not in STEPS or MOVED[name] in self.terms.fixed:
            return False
        case = placed(replace(Question("", std=1.0), dtype=self.terms.dtype).case(0, self.terms.convention), self.terms)
        step = STEPS[self.terms.dtype]
        way = np.sign(np.random.default_rng(1).standard_normal(getattr(case, MOVED[name]).shape))
        there = self._answer(case, training, backward=True)
        beside = [self._answer(_moved(case, MOVED[name], sign * step * way), training, backward=False) for sign in (1, -1)]
        if there is None or name not in there[-1] or beside[0] is None or beside[1] is None:
            return False
        slope = (case.columns(case.upstream) * (case.columns(beside[0][1]["y"]) - case.columns(beside[1][1]["y"]))).sum(0) / (
            2 * step
        )
        told = there[-1][name].astype(np.float64) * way
        told = to_columns(told, case.channel_axis).sum(0) if name == "dx" else told
        return bool((np.abs(told - slope) <= NEAR * (np.abs(slope) + np.abs(slope).mean())).all())

    def _answer(self, case: Case, training: bool, *, backward: bool) -> list[dict[str, Array]] | None:
        """The arrays of each reply; None where one is missing."""
        requests = [
            setup_request(Setup.of(case), 1),
            Message.request("forward", layer=1, training=training, layout="contiguous", x=case.x),
        ]
        if backward:
            requests.append(Message.request("backward", layer=1, layout="contiguous", dy=case.upstream))
        answers = self.ask(Script("", tuple(requests)))
        complete = answers is not None and len(answers) == len(requests) and not any(reply.fault for reply in answers)
        return [dict(reply.arrays) for reply in answers] if answers is not None and complete else None


def _moved(case: Case, name: str, by: Array) -> Case:
    values = getattr(case, name)
    return case.replace(**{name: (values + by).astype(values.dtype)})
