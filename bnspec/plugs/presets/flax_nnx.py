"""Flax nnx: an object with its variables, taken apart around each call, which is compiled by jax.jit."""

from functools import partial
from typing import Any

import jax
from flax import nnx

from bnspec.plugs.presets.for_jax import Jax

SETTINGS = ("axis", "epsilon", "momentum", "dtype", "use_bias", "use_scale", "axis_name", "axis_index_groups", "use_fast_variance")
"""What one of another size is made with."""


@partial(jax.jit, static_argnames=("graph", "training"))
def call_nnx(graph: Any, variables: Any, numbers: Any, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
    """(y, (mean, var)). The numbers are no constants: or each eps and momentum would be compiled anew."""
    bn = nnx.merge(graph, variables)
    for name, value in numbers.items():
        setattr(bn, name, value)
    for variable, value in ((bn.scale, gamma), (bn.bias, beta), (bn.mean, state[0]), (bn.var, state[1])):
        if value is not None:
            variable.set_value(value)
    y = bn(x, use_running_average=not training)
    return y, (bn.mean.get_value(), bn.var.get_value())


class Nnx(Jax):
    """An adapter over tensors for a BatchNorm of nnx, an object of any size, or its class."""

    def __init__(self, bn: Any, **described: Any) -> None:
        self.bn = bn(1, rngs=nnx.Rngs(0)) if isinstance(bn, type) else bn
        self.name = f"flax.nnx.{type(self.bn).__name__}"
        vars(self).update(described)

    def layer(self, setup: Any) -> Any:
        """One object of the size that is wanted, with the settings that this one has."""
        if not isinstance(self.bn.axis, int) or self.bn.axis % setup.rank != setup.channel_axis % setup.rank:
            raise NotImplementedError(f"its channels are on axis {self.bn.axis}")
        given = [part for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var) if part is not None]
        kept = given[0].dtype if given else "float64" if setup.dtype == "float64" else "float32"
        settings = {name: getattr(self.bn, name) for name in SETTINGS}
        return NnxLayer(type(self.bn)(setup.channels, param_dtype=kept, rngs=nnx.Rngs(0), **settings), setup)


class NnxLayer:
    """The object, in parts."""

    def __init__(self, bn: Any, setup: Any) -> None:
        self.gamma, self.beta = self.learned(bn.scale, setup.gamma), self.learned(bn.bias, setup.beta)
        mean = bn.mean.get_value() if setup.running_mean is None else setup.running_mean
        self.state = mean, bn.var.get_value() if setup.running_var is None else setup.running_var
        numbers = {"epsilon": setup.eps, "momentum": setup.momentum}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}
        self.graph, self.variables = nnx.split(bn)

    def learned(self, variable: Any, given: Any) -> Any:
        """What a parameter starts with, None where there is no such parameter."""
        if variable is None and given is not None:
            raise NotImplementedError("it has no such parameter: use_scale or use_bias is False")
        return variable.get_value() if given is None and variable is not None else given

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        return call_nnx(self.graph, self.variables, self.numbers, x, gamma, beta, state, training=training)

    def running(self, state: Any) -> Any:
        """(mean, var)."""
        return state
