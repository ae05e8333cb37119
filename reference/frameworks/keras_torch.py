"""Keras 3 on PyTorch."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"  # which Keras reads when it is imported

import keras

from bnspec.plugs.presets.for_torch import Torch
from bnspec.plugs.presets.keras_layers import KerasLayers
from bnspec.reference.described import declared


class BatchNormalization(KerasLayers, Torch):
    """An adapter over tensors."""


last = BatchNormalization(keras.layers.BatchNormalization(), convention=declared("keras_torch"))
first = BatchNormalization(
    keras.layers.BatchNormalization(axis=1),
    name="keras.layers.BatchNormalization(axis=1) on torch",
    convention=declared("keras_torch", channel_axis=1),
)
