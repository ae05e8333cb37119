"""Flax: its linen module and its nnx module, asked as compiled by jax.jit."""

from __future__ import annotations

import flax.linen

from bnspec.plugs.presets.flax_linen import Linen
from bnspec.reference.described import declared

linen = Linen(flax.linen.BatchNorm(), name="flax.linen.BatchNorm", convention=declared("flax"))
linen_two_pass = Linen(
    flax.linen.BatchNorm(use_fast_variance=False),
    name="flax.linen.BatchNorm(use_fast_variance=False)",
    convention=declared("flax"),
)
