"""Implementations in process that are no ordinary BatchNorm: choosy, fixed in their ways, or wrong in what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.plugs.link import InProcess
from bnspec.plugs.subject import Subject


class Choosy:
    """The reference layer in a convention that it does not tell, only in the ranks and for the axis of that convention."""

    name = "choosy"

    def __init__(self, convention: Convention, refuses: tuple[str, ...] = (), **own: Any) -> None:
        self._reference = Reference("choosy", convention)
        self._refuses, self._own = refuses, own

    def layer(self, setup: Setup) -> BatchNorm:
        convention = self._reference.convention
        if setup.rank not in convention.ranks:
            raise NotImplementedError(f"rank {setup.rank} is not offered")
        if setup.channel_axis % setup.rank != convention.channel_axis % setup.rank:
            raise NotImplementedError("the channels are elsewhere")
        if any(getattr(setup, name) is not None for name in self._refuses):
            raise NotImplementedError(f"{self._refuses} cannot be given")
        return self._reference.layer(replace(setup, **self._own))


class Answering:
    """A layer that answers with what the functions return, whatever it is."""

    name = "answering"

    def __init__(
        self,
        forward: Callable[[np.ndarray], Any],
        running: Callable[[int], Any] = lambda channels: (np.zeros(channels), np.ones(channels)),
        backward: Callable[[np.ndarray], Any] = lambda dy: (dy, dy[0], dy[0]),
    ) -> None:
        self._forward, self._running, self._backward = forward, running, backward

    def layer(self, setup: Setup) -> Any:
        answering = self

        class Layer:
            def forward(self, x: np.ndarray, *, training: bool) -> Any:
                return answering._forward(x)

            def running(self) -> Any:
                return answering._running(setup.channels)

            def backward(self, dy: np.ndarray) -> Any:
                return answering._backward(dy)

        return Layer()


def subject_of(implementation: Any) -> Subject:
    """The implementation, in this process, ready to be asked."""
    return Subject(InProcess(lambda: implementation))


def fail(*_: Any) -> Any:
    raise IndexError("list index out of range")


def refuse(*_: Any) -> Any:
    raise NotImplementedError("not offered")


WRONG: dict[str, Any] = {
    "returns x": Answering(lambda x: x),
    "returns None": Answering(lambda x: None),
    "returns a list": Answering(lambda x: x.tolist()),
    "returns text": Answering(lambda x: "y"),
    "returns a number": Answering(lambda x: 1.0),
    "returns nothing much": Answering(lambda x: x[:0]),
    "returns x transposed": Answering(lambda x: x.T),
    "returns whole numbers": Answering(lambda x: x.astype(int)),
    "returns NaN": Answering(lambda x: x * np.nan, lambda c: (np.full(c, np.nan),) * 2, lambda dy: (dy * np.nan,) * 3),
    "returns infinity": Answering(lambda x: x + np.inf, lambda c: (np.full(c, np.inf), np.full(c, -np.inf))),
    "raises": Answering(fail),
    "raises in running": Answering(lambda x: x, fail),
    "raises in backward": Answering(lambda x: x, backward=fail),
    "refuses everything": Answering(refuse, refuse, refuse),
    "refuses running": Answering(lambda x: x, refuse),
    "refuses backward": Answering(lambda x: x, backward=refuse),
    "running of a wrong size": Answering(lambda x: x, lambda c: (np.zeros(c + 1), np.ones(c + 1))),
    "running is None": Answering(lambda x: x, lambda c: None),
    "dx of a wrong shape": Answering(lambda x: x, backward=lambda dy: dy[0]),
    "dgamma of a wrong size": Answering(lambda x: x, backward=lambda dy: (dy, np.ones(99), np.ones(99))),
}
"""What a layer can do that is no BatchNorm."""

ODD_CONVENTION = replace(TORCH, momentum_weighs="running", momentum_default=0.9, running_var="biased", eps_default=1e-3)
