"""The plug: what an implementation offers to be asked. There is no other interface.

A hand-written adapter is a plain class with these methods: no base class, no registration, no import of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bnspec.case import Array, Case


@dataclass(frozen=True, eq=False)
class Setup:
    """All that a fresh layer is given. Any field may be refused with `NotOffered`; that is a missing capability.

    gamma, beta, running_mean, running_var: (C,) arrays in the dtype in which the layer is to keep them: that of x, or float32
        where x is half or of whole numbers (then float64 too); None asks for the layer's own start
    eps, momentum: numbers as the layer's own constructor takes them; None asks for its default
    dtype: the name of x's dtype, which may be one of whole numbers: int32, int64, uint8
    channel_axis: where x has its channels;  rank: how many axes x has
    """

    gamma: Array | None
    beta: Array | None
    running_mean: Array | None
    running_var: Array | None
    eps: float | None
    momentum: float | None
    dtype: str
    channel_axis: int
    rank: int
    channels: int

    @classmethod
    def of(cls, case: Case) -> Setup:
        """The setup that `case` asks for."""
        state = (case.gamma, case.beta, case.running_mean, case.running_var)
        return cls(*state, case.eps, case.momentum, case.dtype, case.channel_axis, case.x.ndim, case.channels)


class NotOffered(Exception):
    """The implementation does not offer what was asked: a missing capability, never a failure.

    An adapter says the same by raising Python's own NotImplementedError, so that it need not import this class.
    """


@runtime_checkable
class Layer(Protocol):
    """One BatchNorm layer with its own state. `forward` alone must be there."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """y for x, in training (batch statistics, state moves) or inference (running statistics, state stays)."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """(dx, dgamma, dbeta) of the latest forward, in that forward's mode."""

    def running(self) -> tuple[Array, Array]:
        """(running_mean, running_var), (C,) each, as inference would use them now."""

    def copied(self, duplicate: Callable[[Any], Any]) -> Layer:
        """A layer like this one around what `duplicate`, copy.deepcopy or a round trip through pickle, makes of the layer's own."""

    def save(self) -> Any:
        """Everything that training has left in the layer, in any form that `load` takes."""

    def load(self, state: Any) -> None:
        """Take over what another layer of the same size has saved."""


@runtime_checkable
class Implementation(Protocol):
    """A factory of layers. `convention` is a mapping of design.md 5's keys, a Convention, or absent (then it is measured)."""

    name: str
    convention: Mapping[str, Any] | Any

    def layer(self, setup: Setup) -> Layer:
        """A fresh layer that shares nothing with any earlier one."""
