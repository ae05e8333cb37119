"""Layers over the reference one that keep what they are given, half or not, and mistakes that only show where it is half."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.layer import BatchNorm


class HalfLayer(BatchNorm):
    """The reference layer, that keeps parameters and statistics in the dtype in which they were given."""

    def __init__(self, setup: Setup) -> None:
        state = {name: getattr(setup, name) for name in ("gamma", "beta", "running_mean", "running_var")}
        super().__init__(setup.channels, **state, eps=setup.eps, momentum=setup.momentum, dtype=setup.dtype, convention=TORCH)
        self.kept = next((part.dtype for part in state.values() if part is not None), np.dtype(np.float32))

    def running(self) -> tuple[Array, Array]:
        self.running_mean, self.running_var = (
            part.astype(self.kept).astype(np.float32) for part in (self.running_mean, self.running_var)
        )
        return self.running_mean.astype(self.kept), self.running_var.astype(self.kept)

    def forward(self, x: Array, *, training: bool) -> Array:
        y = super().forward(x, training=training)
        self.running()
        return y


class SumsInHalf(HalfLayer):
    """Its batch mean is a sum in half, value after value."""

    def forward(self, x: Array, *, training: bool) -> Array:
        if training and self.kept == np.float16:
            flat = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
            total = np.add.accumulate(flat, axis=1, dtype=x.dtype)[:, -1].astype(np.float32)
            error = (total / flat.shape[1] - flat.astype(np.float32).mean(1)).reshape(1, -1, *[1] * (x.ndim - 2))
            return (super().forward(x, training=training) - 4 * error).astype(x.dtype)
        return super().forward(x, training=training)


class Frozen(HalfLayer):
    """Its running statistics do not move where they are half."""

    def forward(self, x: Array, *, training: bool) -> Array:
        before = self.running_mean, self.running_var
        y = super().forward(x, training=training)
        if self.kept == np.float16:
            self.running_mean, self.running_var = before
        return y


class FlatRoot(HalfLayer):
    """Its inference forgets eps where the statistics are half."""

    def forward(self, x: Array, *, training: bool) -> Array:
        held, self.eps = self.eps, self.eps * (training or self.kept != np.float16)
        y = super().forward(x, training=training)
        self.eps = held
        return y


class NoGamma(HalfLayer):
    """Its dx lacks gamma where that is half."""

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        dx, dgamma, dbeta = super().backward(dy)
        bare = (dx / self.gamma.reshape(1, -1, *[1] * (dy.ndim - 2))).astype(dy.dtype)
        return (bare if self.kept == np.float16 else dx), dgamma, dbeta


class ThroughHalf(BatchNorm):
    """It takes float32 statistics, and rounds them to half in every step."""

    def forward(self, x: Array, *, training: bool) -> Array:
        y = super().forward(x, training=training)
        if training:
            self.running_mean, self.running_var = (
                part.astype(np.float16).astype(np.float32) for part in (self.running_mean, self.running_var)
            )
        return y


class Making:
    """An implementation that makes layers of a class of these."""

    name = "making"

    def __init__(self, layer: type[HalfLayer]) -> None:
        self._layer = layer

    def layer(self, setup: Setup) -> BatchNorm:
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("channels are on axis 1 here")
        return self._layer(setup)
