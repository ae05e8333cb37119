"""Keras 3 on JAX."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"  # which Keras reads when it is imported

import keras

from bnspec.plugs.presets.for_jax import Jax
from bnspec.plugs.presets.keras_layers import KerasLayers
from bnspec.reference.described import declared


class BatchNormalization(KerasLayers, Jax):
    """An adapter over tensors."""


last = BatchNormalization(keras.layers.BatchNormalization(), convention=declared("keras_jax"))
first = BatchNormalization(
    keras.layers.BatchNormalization(axis=1),
    name="keras.layers.BatchNormalization(axis=1) on jax",
    convention=declared("keras_jax", channel_axis=1),
)
