"""Keras 3 on NumPy."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "numpy"  # which Keras reads when it is imported

import keras

from bnspec.plugs.presets.for_numpy import Numpy
from bnspec.plugs.presets.keras_layers import KerasLayers
from bnspec.reference.described import declared


class BatchNormalization(KerasLayers, Numpy):
    """An adapter over tensors."""


last = BatchNormalization(keras.layers.BatchNormalization(), convention=declared("keras_numpy"))
first = BatchNormalization(
    keras.layers.BatchNormalization(axis=1),
    name="keras.layers.BatchNormalization(axis=1) on numpy",
    convention=declared("keras_numpy", channel_axis=1),
)
