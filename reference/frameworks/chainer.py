"""Chainer's link BatchNormalization."""

from __future__ import annotations

from typing import Any

from bnspec.plugs.presets.for_chainer import Chainer  # isort: skip  # which makes Chainer importable

import chainer

from bnspec.reference.described import declared


class BatchNorm(Chainer):
    """An adapter over tensors."""

    name = "chainer.links.BatchNormalization"
    convention = declared("chainer")

    def layer(self, setup: Any) -> Any:
        """One link, for any rank."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("its channels are on axis 1, unless it is told otherwise")
        return Layer(setup)


class Layer:
    """The link."""

    def __init__(self, setup: Any) -> None:
        numbers = {"decay": setup.momentum, "eps": setup.eps}
        given = [part for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var) if part is not None]
        kept = given[0].dtype if given else "float64" if setup.dtype == "float64" else "float32"
        said = {name: value for name, value in numbers.items() if value is not None}
        self.bn = chainer.links.BatchNormalization(setup.channels, dtype=kept, **said)
        for name in ("gamma", "beta"):
            if (part := getattr(setup, name)) is not None:
                getattr(self.bn, name).array = part.array
        if setup.running_mean is not None:
            self.bn.avg_mean = setup.running_mean.array
        if setup.running_var is not None:
            self.bn.avg_var = setup.running_var.array
        self.gamma, self.beta = self.bn.gamma, self.bn.beta

    def forward(self, x: Any, *, training: bool) -> Any:
        """y."""
        with chainer.using_config("train", training):
            return self.bn(x)

    def running(self) -> Any:
        """(mean, var)."""
        return self.bn.avg_mean, self.bn.avg_var
