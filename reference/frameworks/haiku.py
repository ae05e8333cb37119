"""Haiku's BatchNorm, transformed and compiled by jax.jit."""

from __future__ import annotations

from typing import Any

import haiku

from bnspec.plugs.presets.haiku_transform import HaikuTransform
from bnspec.reference.described import declared

USUAL = {"decay_rate": 0.9}
"""Haiku's decay_rate has no default; where none is given, this is."""


def transformed(**numbers: Any) -> Any:
    """A function of x and is_training that holds one BatchNorm, channels last."""
    return haiku.transform_with_state(lambda x, is_training: haiku.BatchNorm(True, True, **numbers)(x, is_training))


class BatchNorm(HaikuTransform):
    """An adapter over tensors."""

    def layer(self, setup: Any) -> Any:
        """One layer, channels last."""
        if setup.channel_axis % setup.rank != setup.rank - 1:
            raise NotImplementedError("its channels are last, unless it is told otherwise")
        return super().layer(setup)


batchnorm = BatchNorm(transformed, USUAL, name="haiku.BatchNorm", convention=declared("haiku"))
