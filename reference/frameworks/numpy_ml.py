"""numpy-ml's BatchNorm1D, for (N, C), and BatchNorm2D, for (N, H, W, C); both over NumPy arrays."""

from __future__ import annotations

import collections
import collections.abc
import warnings
from typing import Any

collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]  # where numpy-ml looks for it, and Python 3.9 had it

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses gym, which is for another part of it
    from numpy_ml.neural_nets.layers import BatchNorm1D, BatchNorm2D

from bnspec.reference.described import declared

NAMES = {"gamma": "scaler", "beta": "intercept", "running_mean": "running_mean", "running_var": "running_var"}
"""Ours and theirs."""


class BatchNorm:
    """An adapter: the class for the rank of x."""

    name = "numpy_ml BatchNorm1D and BatchNorm2D"
    convention = declared("numpy_ml")

    def layer(self, setup: Any) -> Any:
        """One layer, built for its size at once, as its first forward would do."""
        if setup.rank not in (2, 4) or setup.channel_axis % setup.rank != setup.rank - 1:
            raise NotImplementedError("it takes (N, C) and (N, H, W, C)")
        numbers = {"momentum": setup.momentum, "epsilon": setup.eps}
        bn = (BatchNorm1D if setup.rank == 2 else BatchNorm2D)(**{name: one for name, one in numbers.items() if one is not None})
        bn.n_in = bn.n_out = bn.in_ch = bn.out_ch = setup.channels
        bn._init_params()
        for ours, theirs in NAMES.items():
            if (given := getattr(setup, ours)) is not None:
                bn.parameters[theirs] = given.copy()
                if theirs in bn.gradients:
                    bn.gradients[theirs] = 0 * given
        return Layer(bn)


class Layer:
    """The layer, whose memory of earlier inputs and gradients is flushed before each forward, as its update does."""

    def __init__(self, bn: Any) -> None:
        self.bn = bn

    def forward(self, x: Any, *, training: bool) -> Any:
        """y; inference is a frozen layer's."""
        self.bn.trainable = True
        self.bn.flush_gradients()
        self.bn.trainable = training
        return self.bn.forward(x)

    def backward(self, dy: Any) -> Any:
        """(dx, dgamma, dbeta), the latter cleared before, since they add up."""
        if not self.bn.trainable:
            raise NotImplementedError("a frozen layer has no backward")
        for gradient in self.bn.gradients.values():
            gradient[...] = 0
        dx = self.bn.backward(dy)
        return dx, self.bn.gradients["scaler"].copy(), self.bn.gradients["intercept"].copy()

    def running(self) -> Any:
        """(mean, var)."""
        return self.bn.parameters["running_mean"].copy(), self.bn.parameters["running_var"].copy()
