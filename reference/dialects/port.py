"""What to change when weights and hyper-parameters go from one dialect to another: formulas that can be run, and what has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bnspec.reference.dialects import Dialect
from bnspec.reference.dialects.behaviour import axes, behaviour, variance_kinds
from bnspec.reference.dialects.settings import counter, epsilon, momentum
from bnspec.reference.dialects.step import Step
from bnspec.reference.dialects.stored import parameters, statistics

PARTS = (parameters, statistics, epsilon, momentum, counter, axes, variance_kinds, behaviour)
"""In the order in which a porter meets them."""


def port(source: Dialect, goal: Dialect) -> list[Step]:
    """All there is to do and to know where a layer goes from `source` to `goal`."""
    return [step for part in PARTS for step in part(source, goal)]


def moved(steps: Iterable[Step], state: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of the goal, by its names, from those of the source, by its own: what the formulas say, run."""
    names = {"np": np, "max": max, **state}
    found = {}
    for step in steps:
        name, _, expression = step.formula.partition(" = ")
        if step.kind in ("copy", "convert") and name and step.about != "x":
            found[name] = eval(expression, {"__builtins__": {}}, names)
    return found
