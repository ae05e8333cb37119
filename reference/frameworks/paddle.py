"""PaddlePaddle's BatchNorm1D, 2D and 3D, by the rank of x."""

from __future__ import annotations

from typing import Any

import paddle

from bnspec.plugs.presets.for_paddle import Paddle
from bnspec.reference.described import declared

CLASSES = {2: paddle.nn.BatchNorm1D, 3: paddle.nn.BatchNorm1D, 4: paddle.nn.BatchNorm2D, 5: paddle.nn.BatchNorm3D}
"""By rank."""

NAMES = {"gamma": "weight", "beta": "bias", "running_mean": "_mean", "running_var": "_variance"}
"""Ours and theirs."""


class BatchNorm(Paddle):
    """An adapter over tensors."""

    name = "paddle.nn.BatchNorm1D, 2D, 3D"
    convention = declared("paddle")

    def layer(self, setup: Any) -> Any:
        """One layer, channels on axis 1."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("its channels are on axis 1, unless it is told otherwise")
        if setup.dtype not in ("float32", "float64"):
            raise NotImplementedError("half types and whole numbers are for GPUs")
        return Layer(setup)


class Layer:
    """The layer."""

    def __init__(self, setup: Any) -> None:
        numbers = {"momentum": setup.momentum, "epsilon": setup.eps}
        paddle.set_default_dtype(setup.dtype)
        self.bn = CLASSES[setup.rank](setup.channels, **{name: value for name, value in numbers.items() if value is not None})
        for ours, theirs in NAMES.items():
            if (given := getattr(setup, ours)) is not None:
                getattr(self.bn, theirs).set_value(given.detach())
        self.gamma, self.beta = self.bn.weight, self.bn.bias

    def forward(self, x: Any, *, training: bool) -> Any:
        """y."""
        self.bn.train() if training else self.bn.eval()
        return self.bn(x)

    def running(self) -> Any:
        """(mean, var)."""
        return self.bn._mean, self.bn._variance
