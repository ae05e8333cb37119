"""Flax: its linen module and its nnx object, as compiled by jax.jit."""

from __future__ import annotations

import flax.linen
import flax.nnx

from bnspec.plugs.presets.flax_linen import Linen
from bnspec.plugs.presets.flax_nnx import Nnx
from bnspec.reference.described import declared

linen = Linen(flax.linen.BatchNorm(), convention=declared("flax"))
linen_two_pass = Linen(
    flax.linen.BatchNorm(use_fast_variance=False),
    name="flax.linen.BatchNorm(use_fast_variance=False)",
    convention=declared("flax"),
)
nnx = Nnx(flax.nnx.BatchNorm, convention=declared("flax"))
