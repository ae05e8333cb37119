"""DeZero's function batch_nrom, for (N, C) and (N, C, H, W)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnspec.plugs.presets.for_dezero import Dezero  # isort: skip  # which makes DeZero importable

import dezero
from dezero import functions

from bnspec.reference.described import declared


class BatchNorm(Dezero):
    """An adapter over tensors."""

    name = "dezero.functions.batch_nrom"
    convention = declared("dezero")

    def layer(self, setup: Any) -> Any:
        """What the function is called with, call by call."""
        if setup.rank not in (2, 4) or setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("it takes (N, C) and (N, C, H, W)")
        return Layer(setup)


class Layer:
    """The state for the function, which moves the running statistics in place."""

    def __init__(self, setup: Any) -> None:
        kept = "float64" if setup.dtype == "float64" else "float32"
        fresh = [np.ones(setup.channels, kept), np.zeros(setup.channels, kept)]
        self.gamma = dezero.Variable(fresh[0].copy()) if setup.gamma is None else setup.gamma
        self.beta = dezero.Variable(fresh[1].copy()) if setup.beta is None else setup.beta
        self.mean = fresh[1] if setup.running_mean is None else setup.running_mean.data
        self.var = fresh[0] if setup.running_var is None else setup.running_var.data
        numbers = {"decay": setup.momentum, "eps": setup.eps}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}

    def forward(self, x: Any, *, training: bool) -> Any:
        """y."""
        with dezero.using_config("train", training):
            return functions.batch_nrom(x, self.gamma, self.beta, self.mean, self.var, **self.numbers)

    def running(self) -> Any:
        """(mean, var)."""
        return self.mean, self.var
