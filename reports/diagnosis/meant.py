"""The conventions that an implementation may be meant to follow: a bug may have spoilt the measuring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from bnspec.convention import Convention

POSSIBLE: Mapping[str, tuple[Any, ...]] = {
    "running_start": ((0.0, 1.0),),
    "debias": ("none", "first", "zero"),
    "momentum_weighs": ("batch", "running", "cumulative"),
    "running_var": ("biased", "unbiased"),
}
"""What may have been measured wrong, and what it may be in truth."""


def perhaps_meant(measured: Convention, declared: Mapping[str, Any]) -> list[Convention]:
    """All others that differ from the measured one in what may be wrong and is not declared."""
    open_to = {name: choices for name, choices in POSSIBLE.items() if name not in declared}
    every = product(*((getattr(measured, name), *others) for name, others in open_to.items()))
    others = [replace(measured, **dict(zip(open_to, choices, strict=True))) for choices in every]
    return list({repr(other): other for other in others if repr(other) != repr(measured)}.values())
