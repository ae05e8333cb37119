"""From tensors to arrays: what makes an adapter of a framework's three functions and a layer that computes with its tensors."""

import contextlib
from types import SimpleNamespace
from typing import Any

STATE = ("gamma", "beta", "running_mean", "running_var")
"""The parts of a setup that are arrays, and become tensors."""

PLAIN = ("eps", "momentum", "dtype", "channel_axis", "rank", "channels")
"""The others."""


class Lifted:
    """An adapter over tensors, as one over arrays.

    `tensors` has `tensor(array)`, `numpy(tensor)`, `layer(setup)`, and for gradients one of

    backward(y, dy, wanted) -> gradients        where the framework remembers what was computed;
                                                layers have forward(x, *, training) -> y, and the tensors gamma and beta
    vjp(function, wanted) -> (y, state), pull   where it must be told before; pull(dy) -> gradients. function(*wanted) is
                                                forward(x, gamma, beta, state, *, training) -> (y, state) of a layer that has
                                                gamma, beta and the state that it starts with
    """

    def __init__(self, tensors: Any) -> None:
        self.tensors = tensors
        self.name = str(getattr(tensors, "name", type(tensors).__name__))
        self.convention = getattr(tensors, "convention", None)

    def layer(self, setup: Any) -> Any:
        """A fresh layer over arrays."""
        given = {name: getattr(setup, name) for name in STATE}
        moved = {name: None if values is None else self.tensors.tensor(values) for name, values in given.items()}
        layer = self.tensors.layer(SimpleNamespace(**moved, **{name: getattr(setup, name) for name in PLAIN}))
        return Told(self.tensors, layer) if hasattr(self.tensors, "vjp") else Remembering(self.tensors, layer)


class Remembering:
    """A layer of a framework that remembers what was computed, or that has no gradients at all."""

    def __init__(self, tensors: Any, layer: Any) -> None:
        self.tensors, self.within = tensors, layer
        if hasattr(layer, "running"):
            self.running = lambda: tuple(flat(tensors, values) for values in layer.running())
        if hasattr(tensors, "backward"):
            self.backward = self.gradients

    def forward(self, x: Any, *, training: bool) -> Any:
        """y as an array."""
        self.kind, self.x = x.dtype.kind, self.tensors.tensor(x)
        self.y = self.within.forward(self.x, training=training)
        return self.tensors.numpy(self.y)

    def gradients(self, dy: Any) -> Any:
        """(dx, dgamma, dbeta) of the latest forward, None for a parameter that there is not."""
        refuse_whole(self.kind)
        learned = [getattr(self.within, name, None) for name in STATE[:2]]
        wanted = [self.x, *(part for part in learned if part is not None)]
        return shared_out(self.tensors, learned, self.tensors.backward(self.y, self.tensors.tensor(dy), wanted))


class Told:
    """A layer of a framework that must be told before what is to be derived: its state goes in and comes out."""

    def __init__(self, tensors: Any, layer: Any) -> None:
        self.tensors, self.within, self.state = tensors, layer, layer.state
        self.learned = [getattr(layer, name, None) for name in STATE[:2]]
        if hasattr(layer, "running"):
            self.running = lambda: tuple(flat(tensors, values) for values in layer.running(self.state))
        if getattr(tensors, "derives", True):
            self.backward = self.gradients

    def forward(self, x: Any, *, training: bool) -> Any:
        """y as an array; the state that comes out is kept for the next call."""
        self.kind = x.dtype.kind
        before, which = self.state, [part is not None for part in self.learned]

        def function(x: Any, *given: Any) -> Any:
            rest = iter(given)
            gamma, beta = (next(rest) if there else None for there in which)
            return self.within.forward(x, gamma, beta, before, training=training)

        wanted = [self.tensors.tensor(x), *(part for part in self.learned if part is not None)]
        (y, self.state), self.pull = self.tensors.vjp(function, wanted)
        return self.tensors.numpy(y)

    def gradients(self, dy: Any) -> Any:
        """(dx, dgamma, dbeta) of the latest forward, None for a parameter that there is not."""
        refuse_whole(self.kind)
        return shared_out(self.tensors, self.learned, self.pull(self.tensors.tensor(dy)))


def refuse_whole(kind: str) -> None:
    """No framework derives by whole numbers; what some return instead is no gradient."""
    if kind in "biu":
        raise NotImplementedError("whole numbers have no gradient")


def shared_out(tensors: Any, learned: list[Any], gradients: Any) -> Any:
    """The gradients as arrays, each in its place."""
    dx, *rest = gradients
    of_each = iter(rest)
    return tensors.numpy(dx), *(None if part is None else flat(tensors, next(of_each)) for part in learned)


def flat(tensors: Any, values: Any) -> Any:
    """One number a channel, in whatever shape they are kept."""
    array = tensors.numpy(values)
    with contextlib.suppress(AttributeError):
        return array.reshape(-1)
    return array
