"""MLX's BatchNorm on the CPU."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn

from bnspec.plugs.presets.for_mlx import Mlx
from bnspec.reference.described import declared

NAMES = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var"}
"""Ours and theirs."""


class BatchNorm(Mlx):
    """An adapter over tensors."""

    name = "mlx.nn.BatchNorm"
    convention = declared("mlx")

    def layer(self, setup: Any) -> Any:
        """One layer; a half type is that of its parameters, if they are given in it."""
        if setup.channel_axis % setup.rank != setup.rank - 1:
            raise NotImplementedError("its channels are last")
        return Layer(setup)


class Layer:
    """The module, which gets its parameters and statistics back in each call: so it is a function of them, as mx.vjp wants it."""

    def __init__(self, setup: Any) -> None:
        numbers = {"eps": setup.eps, "momentum": setup.momentum}
        self.bn = mlx.nn.BatchNorm(setup.channels, **{name: value for name, value in numbers.items() if value is not None})
        if setup.dtype == "float64":
            self.bn.set_dtype(mx.float64)
        given = {theirs: getattr(setup, ours) for ours, theirs in NAMES.items()}
        self.bn.update({name: value for name, value in given.items() if value is not None})
        self.gamma, self.beta, self.state = self.bn.weight, self.bn.bias, (self.bn.running_mean, self.bn.running_var)

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        self.bn.update(dict(zip(NAMES.values(), (gamma, beta, *state), strict=True)))
        self.bn.train(training)
        y = self.bn(x)
        return y, (self.bn.running_mean, self.bn.running_var)

    def running(self, state: Any) -> Any:
        """(mean, var)."""
        return state
