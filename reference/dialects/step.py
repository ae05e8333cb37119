"""One thing to do, or to know, where weights go from one dialect to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnspec.reference.dialects import Dialect

KINDS = ("copy", "convert", "choose", "cannot", "differs")
"""What a step is: a value taken over as it is, one that a formula gives, one that is up to you, none at all, or other behaviour."""


@dataclass(frozen=True)
class Step:
    """One thing to do, or to know.

    about     the part: gamma, beta, running_mean, running_var, eps, momentum, steps, x, hidden, or the key of a convention
    kind      one of `KINDS`
    formula   an assignment: on its left a name of the goal, on its right an expression of Python in names of the source; else ""
    note      why, with numbers
    """

    about: str
    kind: str
    formula: str = ""
    note: str = ""


def assigned(name: str, expression: str, about: str, source: Dialect, note: str = "") -> Step:
    """The step of a formula: a copy where it takes over what the source calls the same part."""
    kind = "copy" if expression == source.called(about) else "convert"
    return Step(about, kind, f"{name} = {expression}", note)


def shown(value: Any) -> str:
    """A choice as a reader has it."""
    if isinstance(value, float):
        return f"{value:g}"
    return (
        "none" if value is None else " and ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value).lower()
    )
