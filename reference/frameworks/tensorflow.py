"""TensorFlow's fused operation. Keras has files of its own."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bnspec.plugs.presets.for_tensorflow import TensorFlow
from bnspec.reference.described import declared

FUSED_RANKS = (4, 5)
"""Images and volumes."""


class Fused(TensorFlow):
    """An adapter over tensors for tf.compat.v1.nn.fused_batch_norm, which returns the running statistics too."""

    name = "tf.compat.v1.nn.fused_batch_norm"
    convention = declared("tensorflow")

    def layer(self, setup: Any) -> Any:
        """What the function is called with, call by call."""
        if setup.rank not in FUSED_RANKS or setup.channel_axis % setup.rank != setup.rank - 1:
            raise NotImplementedError("it takes images and volumes, channels last")
        if setup.dtype == "float64":
            raise NotImplementedError("it takes float32 and half types")
        return FusedLayer(setup)


class Given:
    """The parameters and statistics of a layer that is a function."""

    def __init__(self, setup: Any) -> None:
        kept = "float64" if setup.dtype == "float64" else "float32"
        zeros, ones = tf.zeros([setup.channels], kept), tf.ones([setup.channels], kept)
        self.gamma = ones if setup.gamma is None else setup.gamma
        self.beta = zeros if setup.beta is None else setup.beta
        mean = zeros if setup.running_mean is None else setup.running_mean
        self.state = mean, ones if setup.running_var is None else setup.running_var
        self.eps = 1e-3 if setup.eps is None else setup.eps
        self.momentum = 1.0 if setup.momentum is None else setup.momentum

    def running(self, state: Any) -> Any:
        """(mean, var)."""
        return state


class FusedLayer(Given):
    """The fused operation."""

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        form = "NHWC" if len(x.shape) == FUSED_RANKS[0] else "NDHWC"
        said = {"epsilon": self.eps, "data_format": form, "is_training": training}
        said |= {"exponential_avg_factor": self.momentum} if training else {}
        y, mean, var = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean=state[0], variance=state[1], **said)
        return y, (mean, var) if training else state
