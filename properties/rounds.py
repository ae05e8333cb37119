"""Rounds of forward and backward on layers that live on: what is asked in them, and which answers can be judged."""

from __future__ import annotations

from bnspec.case import Case
from bnspec.plugs.conversation import Conversation
from bnspec.plugs.subject import Answer
from bnspec.properties.stage import current

GRADIENTS = ("dx", "dgamma", "dbeta")
"""What a backward gives."""


def anew() -> tuple[str, ...]:
    """The gradients that every backward gives anew: of a layer that adds up those of its parameters, dx alone."""
    return GRADIENTS[:1] if current().convention.accumulate else GRADIENTS


def backward(layer: Conversation, case: Case, layout: str = "contiguous") -> Answer:
    """The gradients of the layer's latest forward for the case's dy, as an answer that can be judged."""
    gradients = layer.backward(case.upstream, layout=layout)
    return Answer(case.x, gradients=gradients, steps=dict.fromkeys(GRADIENTS, layer.latest))


def later(case: Case, number: int) -> Case:
    """The case with another batch for each number: x times 1, 2 or 3, plus the number."""
    return case.replace(x=case.x * case.x.dtype.type(1 + number % 3) + case.x.dtype.type(number))
