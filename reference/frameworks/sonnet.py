"""Sonnet's BatchNorm, channels last; of images it is TensorFlow's fused operation."""

from __future__ import annotations

from typing import Any

import sonnet
import tensorflow as tf

from bnspec.plugs.presets.for_tensorflow import TensorFlow
from bnspec.reference.described import declared

FUSED_RANK = 4
"""Images."""


class BatchNorm(TensorFlow):
    """An adapter over tensors."""

    name = "sonnet.BatchNorm"
    convention = declared("sonnet")

    def layer(self, setup: Any) -> Any:
        """One layer, channels last."""
        if setup.channel_axis % setup.rank != setup.rank - 1:
            raise NotImplementedError("its channels are last, unless it is told otherwise")
        if setup.rank == FUSED_RANK and setup.dtype == "float64":
            raise NotImplementedError("of images it is the fused operation, which has no float64")
        return Layer(setup)


class Layer:
    """The module, which keeps its state itself. What is given is an average before the first step."""

    state = ()

    def __init__(self, setup: Any) -> None:
        numbers = {"decay_rate": setup.momentum, "eps": setup.eps}
        self.bn = sonnet.BatchNorm(True, True, **{name: value for name, value in numbers.items() if value is not None})
        kept = "float64" if setup.dtype == "float64" else "float32"
        self.bn(tf.zeros([1] * (setup.rank - 1) + [setup.channels], kept), is_training=False)  # which makes its variables
        parts = {"gamma": self.bn.scale, "beta": self.bn.offset}
        parts |= {"running_mean": self.bn.moving_mean.average, "running_var": self.bn.moving_variance.average}
        for name, variable in parts.items():
            if (given := getattr(setup, name)) is not None:
                variable.assign(tf.reshape(given, variable.shape))
        self.gamma, self.beta = self.bn.scale, self.bn.offset

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """y, of its own parameters."""
        return self.bn(x, is_training=training), state

    def running(self, state: Any) -> Any:
        """(mean, var), the debiased averages."""
        return self.bn.moving_mean.value, self.bn.moving_variance.value
