"""Haiku: a transformed function of x and is_training that holds one BatchNorm, compiled by jax.jit."""

from functools import partial
from typing import Any

import jax

from bnspec.plugs.presets.for_jax import Jax

LEARNED = {"gamma": "scale", "beta": "offset"}
"""Ours, and Haiku's name for it in whatever module."""

AVERAGES = {"running_mean": "mean_ema", "running_var": "var_ema"}
"""Ours, and the end of the name of Haiku's module for it."""


@partial(jax.jit, static_argnames=("make", "training"))
def apply_haiku(make: Any, numbers: Any, params: Any, state: Any, x: Any, *, training: bool) -> Any:
    """(y, state). The numbers are no constants: or each eps and decay would be compiled anew."""
    return make(**numbers).apply(params, state, None, x, training)


class Always:
    """Makes the same transformed function whatever is wanted of it."""

    def __init__(self, transformed: Any) -> None:
        self.transformed = transformed

    def __call__(self) -> Any:
        """The function, which takes no numbers."""
        return self.transformed


class HaikuTransform(Jax):
    """An adapter over tensors for what haiku.transform_with_state returned, or for what makes it of eps and decay_rate.

    usual   the numbers with which `make` is called where none are given; None: it takes none
    """

    def __init__(self, make: Any, usual: Any = None, **described: Any) -> None:
        self.make, self.usual = (Always(make) if usual is None else make), usual
        self.name = "haiku.transform_with_state"
        vars(self).update(described)

    def layer(self, setup: Any) -> Any:
        """The parameters and the state that it starts with, and what is given in their place."""
        said = {"eps": setup.eps, "decay_rate": setup.momentum}
        numbers = {name: value for name, value in said.items() if value is not None}
        if numbers and self.usual is None:
            raise NotImplementedError("eps and decay_rate are written into the function")
        return HaikuLayer(self.make, {**(self.usual or {}), **numbers}, setup)


class HaikuLayer:
    """A function with its parameters and state beside it. Averages that are given are those before the first step."""

    def __init__(self, make: Any, numbers: Any, setup: Any) -> None:
        self.make, self.numbers = make, numbers
        shape = [1] * setup.rank
        shape[setup.channel_axis] = setup.channels
        sample = jax.numpy.ones(shape, "float64" if setup.dtype == "float64" else "float32")
        self.params, state = make(**numbers).init(jax.random.PRNGKey(0), sample, True)
        self.places = {ours: self.place(self.params, theirs) for ours, theirs in LEARNED.items()}
        self.gamma, self.beta = (self.start(setup, ours) for ours in LEARNED)
        self.means = {ours: next(name for name in state if name.endswith(theirs)) for ours, theirs in AVERAGES.items()}
        self.state = {name: {part: 0 * value for part, value in parts.items()} for name, parts in state.items()}
        for ours, name in self.means.items():
            if (given := getattr(setup, ours)) is not None:
                self.state[name]["average"] = given.reshape(self.state[name]["average"].shape)

    def place(self, params: Any, name: str) -> Any:
        """Where a parameter is, None where there is no such parameter."""
        return next((module for module, parts in params.items() if name in parts), None)

    def start(self, setup: Any, ours: str) -> Any:
        """What a parameter starts with."""
        given, module = getattr(setup, ours), self.places[ours]
        if module is None and given is not None:
            raise NotImplementedError(f"it has no parameter {LEARNED[ours]}")
        return self.params[module][LEARNED[ours]] if given is None and module is not None else given

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        params = {module: dict(parts) for module, parts in self.params.items()}
        for value, (ours, name) in zip((gamma, beta), LEARNED.items(), strict=True):
            if (module := self.places[ours]) is not None:
                params[module][name] = value.reshape(params[module][name].shape)
        return apply_haiku(self.make, self.numbers, params, state, x, training=training)

    def running(self, state: Any) -> Any:
        """(mean, var), the debiased averages."""
        return tuple(state[name]["average"] for name in self.means.values())
