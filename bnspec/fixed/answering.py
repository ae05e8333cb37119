"""The fixed cases asked of a layer that is at hand: what it answers, and which of that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnspec import bounds
from bnspec.case import Array, Case, Gradients, Outcome
from bnspec.comparing import compared
from bnspec.fixed.parts import GRADIENTS, PARTS, components
from bnspec.fixed.recipes import Call, Recipe
from bnspec.fixed.truths import Truth
from bnspec.implementation import Setup

ELEMENTWISE = ("y", "dx")
"""The components shaped as x; the others are (C,)."""


def outcomes(make: Callable[[Setup], Any], start: Case, calls: Sequence[Call]) -> list[Outcome]:
    """What a fresh layer, with forward, backward and running, answers to the calls; copied at once.

    It ends with the first exception that a layer may raise.
    """
    found: list[Outcome] = []
    try:
        layer = make(Setup.of(start))
        for call in calls:
            y = np.array(layer.forward(call.x.copy(), training=call.training))
            given = () if call.dy is None else layer.backward(call.dy.copy())
            state = [np.array(values) for values in layer.running()]
            dx, *others = [None if one is None else np.array(one) for one in given] or [None]
            found.append(Outcome(y, state[0], state[1], None if dx is None else Gradients(dx, *others)))
    except (ValueError, ArithmeticError, IndexError):
        pass
    return found


def component(outcome: Outcome, name: str) -> Array | None:
    """A component of an outcome by its name, None where there is none."""
    found: Array | None = getattr(outcome.gradients if name in GRADIENTS else outcome, name, None)
    return found


def wrong(recipe: Recipe, truths: Sequence[Truth], answers: Sequence[Outcome], grade: str = "") -> list[tuple[int, str]]:
    """(number of the call, component) of all that is not within the bounds of a grade, by default the limit of conformance.

    A call without an answer is wrong in everything that is judged of it; a component that is None is not offered.
    """
    found = []
    for part in PARTS.values():
        for number, name in components(part, recipe, truths):
            missing = number >= len(answers)
            got = None if missing else component(answers[number], name)
            if missing or (got is not None and not _within(truths[number], got, name, grade)):
                found.append((number, name))
    return found


def _within(truth: Truth, got: Array, name: str, grade: str) -> bool:
    want, case = getattr(truth.exact, name), truth.case
    columns = got.astype(np.float64) if name not in ELEMENTWISE or got.shape != case.x.shape else case.columns(got)
    if columns.shape != want.shape:
        return False
    limit = getattr(truth.bounds[grade or bounds.conformance_grade(case.dtype)], name)
    return not bool((compared(columns, want, limit, case.dtype, truth.exact.low.get(name, 0.0))[2] > 1).any())
