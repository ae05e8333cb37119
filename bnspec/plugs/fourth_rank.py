"""The rank that is left where three of four are offered: code for any rank answers it whole, or refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bnspec.case import Array, Case
from bnspec.convention import Convention
from bnspec.plugs.faults import Fault
from bnspec.plugs.offers import RANKS, first_line
from bnspec.plugs.subject import Subject


def fourth_rank(convention: Convention, declared: Mapping[str, Any]) -> int | None:
    """The one of the ranks 2 to 5 that is not offered; None where it is declared so, or more than one is not.

    Code for one or two ranks is for these, and what it does with others is nobody's business.
    """
    left = set(RANKS) - set(convention.ranks)
    return left.pop() if len(left) == 1 and "ranks" not in declared else None


def resized(case: Case, sizes: Sequence[int]) -> Case:
    """The case with its x and dy repeated or cut to axes of these sizes, and its channels where they were among them."""
    shape = list(sizes)
    shape.insert(case.channel_axis % (len(sizes) + 1), case.channels)

    def fitted(values: Array) -> Array:
        return np.resize(values, shape)

    return case.replace(x=fitted(case.x), dy=fitted(case.upstream))


def half_answer(subject: Subject, case: Case) -> str:
    """What is wrong where training on `case` gives a y of the right shape, and then a state or gradients of a wrong size.

    "" where it is refused, by an error in forward or a y of another shape, or where all sizes are right.
    """
    try:
        layer = subject.layer(case)
        y = layer.forward(case.x, training=True)
    except Fault:
        return ""
    if y.shape != case.x.shape:
        return ""
    try:
        if "running" in subject.scope:
            layer.running()
        if "grad_train" in subject.scope:
            layer.backward(case.upstream)
    except Fault as fault:
        if fault.status == "error":
            return f"x of rank {case.x.ndim}, shaped {case.x.shape}, gives a y of that shape; then {first_line(fault)}"
    return ""
