"""Equinox's BatchNorm in its mode "batch"; in the mode "ema" averages normalize in training too, which is something else."""

from __future__ import annotations

import equinox

from bnspec.plugs.presets.equinox_layers import EquinoxLayers
from bnspec.reference.described import declared

batchnorm = EquinoxLayers(equinox.nn.BatchNorm(1, "batch", mode="batch"), convention=declared("equinox"))
