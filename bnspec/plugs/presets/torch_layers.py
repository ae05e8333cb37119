"""PyTorch: one of its own BatchNorm objects, of any size, compiled again where it was compiled."""

from typing import Any

import torch

from bnspec.plugs.presets.for_torch import Torch

PLACES = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var"}
"""Ours and theirs."""


class TorchLayers(Torch):
    """An adapter over tensors for an object, with the settings that it has."""

    def __init__(self, bn: Any, **described: Any) -> None:
        self.is_compiled = hasattr(bn, "_orig_mod")
        self.bn = bn._orig_mod if self.is_compiled else bn
        self.name = f"torch.compile({type(self.bn).__name__})" if self.is_compiled else f"torch.nn.{type(self.bn).__name__}"
        vars(self).update(described)

    def layer(self, setup: Any) -> Any:
        """One of the size that is wanted; the numbers that are left open are this one's."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("channels are on axis 1 here")
        given = [part for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var) if part is not None]
        kept = given[0].dtype if given else torch.float64 if setup.dtype == "float64" else torch.float32
        numbers = {
            "eps": self.bn.eps if setup.eps is None else setup.eps,
            "momentum": self.bn.momentum if self.bn.momentum is None or setup.momentum is None else setup.momentum,
        }
        settings = {"affine": self.bn.affine, "track_running_stats": self.bn.track_running_stats}
        layer = type(self.bn)(setup.channels, **numbers, **settings).to(kept)
        for ours, theirs in PLACES.items():
            if (value := getattr(setup, ours)) is not None:
                if getattr(layer, theirs) is None:
                    raise NotImplementedError(f"it has no {theirs}")
                getattr(layer, theirs).data = value.detach().clone()
        return TorchLayer(layer, torch.compile(layer) if self.is_compiled else layer)


class TorchLayer:
    """The object, and what is called."""

    def __init__(self, layer: Any, called: Any) -> None:
        self.within, self.called = layer, called
        self.gamma, self.beta = layer.weight, layer.bias
        if layer.running_mean is not None:
            self.running = self.statistics

    def forward(self, x: Any, *, training: bool) -> Any:
        """y."""
        self.called.train(training)
        return self.called(x)

    def statistics(self) -> Any:
        """(mean, var)."""
        return self.within.running_mean.clone(), self.within.running_var.clone()
